// NVRTC, NVIDIA's run-time compiler of CUDA C++, by dlopen. A non-null char* is a message
// that the caller frees with free().
#ifndef CONTRALENS_NVRTC_H
#define CONTRALENS_NVRTC_H

#include <stddef.h>

// Opens a library. Only the first one that opens is used.
char* nvrtc_open(const char* path);

void nvrtc_version(int* major, int* minor);

// The newest architecture that it compiles for and that is not above `most`, as 90 for
// sm_90; 0 if there is none.
int nvrtc_architecture(int most);

// Compiles a text into a cubin, or into PTX if ptx is set. The caller frees *image.
char* nvrtc_compile(const char* text, const char* const* options, int count, int ptx, void** image, size_t* size);

#endif
