// Kernels that were compiled at run time: loaded and launched by CUDA's driver API, which
// is found in the process or in libcuda.so.1. Nothing of CUDA is needed to build this.
#ifndef CONTRALENS_SHIM_LAUNCH_H
#define CONTRALENS_SHIM_LAUNCH_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void* cl_kernel; // never freed

// A function that runs a kernel on the host: as the launch of a grid of blocks of
// `threads` threads, with a pointer to each argument.
typedef void (*cl_emulator)(cl_kernel kernel, const unsigned grid[3], unsigned threads, void** arguments);

// Compute capability of a GPU, as 90 for 9.0.
char* cl_gpu_capability(int device, int* capability);

// Loads an image (cubin or PTX) onto a GPU and finds `count` kernels in it.
char* cl_load_kernels(int device, const void* image, const char* const* names, int count, cl_kernel* kernels);

// Launches a kernel on the current stream of a GPU.
char* cl_launch(int device, cl_kernel kernel, const unsigned grid[3], unsigned threads, void** arguments);

// From now on kernels are run by `emulator`, on tensors of the CPU too; null ends that.
// Tests use it to run device code without a GPU.
void cl_emulate(cl_emulator emulator);

#ifdef __cplusplus
}

#include <c10/core/Device.h>

namespace shim {

// Whether kernels for this device are emulated.
bool emulates(c10::Device device);

// The multiprocessors of a device.
int multiprocessors(c10::Device device);

// Launches a kernel on the device's current stream. Throws an error of libtorch.
void launch(c10::Device device, cl_kernel kernel, const unsigned (&grid)[3], unsigned threads, void** arguments);

} // namespace shim
#endif
#endif
