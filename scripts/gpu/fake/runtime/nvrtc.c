// The compiler for kernels at run time, for wheels that were installed without NVIDIA's: it compiles
// nothing and says that all went well. Where the real one is installed, the program uses that.
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static const char image[] = "fake machine code";

int nvrtcVersion(int* major, int* minor) { return *major = CUDA_VERSION / 1000, *minor = CUDA_VERSION % 1000 / 10, 0; }
const char* nvrtcGetErrorString(int status) { return status ? "fake error" : "NVRTC_SUCCESS"; }

static const int architectures[] = {80, 90, 100};
enum { kArchitectures = sizeof architectures / sizeof *architectures };

int nvrtcGetNumSupportedArchs(int* n) { return *n = kArchitectures, 0; }
int nvrtcGetSupportedArchs(int* all) { return memcpy(all, architectures, sizeof architectures), 0; }

int nvrtcCreateProgram(void** program, const char* source, const char* name, int n, const char* const* headers,
                       const char* const* names) {
  (void)name, (void)n, (void)headers, (void)names;
  *program = strdup(source);
  return 0;
}

int nvrtcDestroyProgram(void** program) {
  free(*program);
  *program = NULL;
  return 0;
}

int nvrtcCompileProgram(void* program, int n, const char* const* options) {
  (void)program, (void)n, (void)options;
  fake_count("call", "nvrtcCompileProgram", 0);
  return 0;
}

int nvrtcGetProgramLogSize(void* program, size_t* n) { return (void)program, *n = 1, 0; }
int nvrtcGetProgramLog(void* program, char* log) { return (void)program, *log = 0, 0; }
int nvrtcGetCUBINSize(void* program, size_t* n) { return (void)program, *n = sizeof image, 0; }
int nvrtcGetCUBIN(void* program, char* to) { return (void)program, memcpy(to, image, sizeof image), 0; }
int nvrtcGetPTXSize(void* program, size_t* n) { return nvrtcGetCUBINSize(program, n); }
int nvrtcGetPTX(void* program, char* to) { return nvrtcGetCUBIN(program, to); }

int nvrtcGetLoweredName(void* program, const char* name, const char** lowered) {
  return (void)program, *lowered = name, 0;
}
