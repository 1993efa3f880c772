// Batch norm, the addition of a shortcut and ReLU as one autograd operation, for
// activations whose channels are contiguous in memory. Separate operators read and write
// such a tensor six to nine times in the forward pass and eight times in the backward
// pass; this operation does so three to four and five to seven times.
#ifndef CONTRALENS_SHIM_NORM_H
#define CONTRALENS_SHIM_NORM_H

#include "launch.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CL_NORM_NO = 0,
  CL_NORM_YES = 1,
  CL_NORM_WANTS_KERNELS = 2, // as soon as cl_norm_kernels has been called for its type
};

// Whether cl_norm accepts x, which is [N, C, H, W] in channels-last order or [N, C]:
// float32 or bfloat16 on the CPU, also float16 on a GPU.
int cl_norm_takes(cl_tensor x);

// The number of elements of x that kernels load at once, 1 or 16 bytes.
int cl_norm_vector(cl_tensor x);

// The kernels for a device (as in core.h), a type and a cl_norm_vector, in the order of
// shim.NormKernels.
#define CL_NORM_KERNELS 10
void cl_norm_kernels(int device, int dtype, int vector, const cl_kernel* kernels);

// y = weight (x - mean) / sqrt(variance + eps) + bias, plus residual (x's shape and
// type) unless that is null, then max(y, 0) if relu is set. weight, bias, mean and
// variance are float32 [C]; mean and variance are the running statistics. In training
// the batch is split into groups: group g of G has the images gN/G … (g+1)N/G-1 and is
// normalized by its own statistics. The running ones move by momentum towards the mean
// over the groups, unless they are null. If nothing is recorded for autograd, y
// overwrites x.
cl_tensor_result cl_norm(cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean, cl_tensor variance,
                         cl_tensor residual, int training, int groups, double momentum, double eps, int relu);

#ifdef __cplusplus
}
#endif
#endif
