// Batch norm, the sum with a shortcut and ReLU as one operation of autograd, for
// activations whose channels lie side by side. One operator after the other reads
// and writes such a tensor six to nine times forward and eight times backward;
// this takes three to four and five to seven.
#ifndef CONTRALENS_SHIM_NORM_H
#define CONTRALENS_SHIM_NORM_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether cl_norm takes x: on the CPU, float32 or bfloat16, [N, C, H, W] in
// channels-last order or [N, C].
int cl_norm_takes(cl_tensor x);

// y = weight (x - mean) / sqrt(variance + eps) + bias, plus residual (x's shape and
// type) unless that is null, then max(y, 0) if relu is set. weight, bias, mean and
// variance are float32 [C]. In training the batch's statistics are taken, and mean
// and variance, the running ones, move by momentum unless they are null; group g of
// G, the images gN/G up to (g+1)N/G, has statistics of its own, whose mean over the
// groups the running ones move by. Where nothing is recorded y overwrites x and is x.
cl_tensor_result cl_norm(cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean, cl_tensor variance,
                         cl_tensor residual, int training, int groups, double momentum, double eps, int relu);

#ifdef __cplusplus
}
#endif
#endif
