#define _GNU_SOURCE // asprintf
#include "nvrtc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct program* Program;

// The interface of NVRTC 11.2 and later.
static struct {
  int (*nvrtcVersion)(int*, int*);
  int (*nvrtcGetNumSupportedArchs)(int*);
  int (*nvrtcGetSupportedArchs)(int*);
  int (*nvrtcCreateProgram)(Program*, const char*, const char*, int, const char* const*, const char* const*);
  int (*nvrtcCompileProgram)(Program, int, const char* const*);
  int (*nvrtcGetProgramLogSize)(Program, size_t*);
  int (*nvrtcGetProgramLog)(Program, char*);
  int (*nvrtcGetCUBINSize)(Program, size_t*);
  int (*nvrtcGetCUBIN)(Program, char*);
  int (*nvrtcGetPTXSize)(Program, size_t*);
  int (*nvrtcGetPTX)(Program, char*);
  int (*nvrtcDestroyProgram)(Program*);
  const char* (*nvrtcGetErrorString)(int);
} it;

static char* format(const char* text, const char* what) {
  char* out = NULL;
  return asprintf(&out, text, what) < 0 ? strdup(text) : out;
}

char* nvrtc_open(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return strdup(dlerror());
#define FIND(name)                           \
  *(void**)&it.name = dlsym(library, #name); \
  if (!it.name) return format("want NVRTC 11.2 or newer, got %s", path);
  FIND(nvrtcVersion)
  FIND(nvrtcGetNumSupportedArchs)
  FIND(nvrtcGetSupportedArchs)
  FIND(nvrtcCreateProgram)
  FIND(nvrtcCompileProgram)
  FIND(nvrtcGetProgramLogSize)
  FIND(nvrtcGetProgramLog)
  FIND(nvrtcGetCUBINSize)
  FIND(nvrtcGetCUBIN)
  FIND(nvrtcGetPTXSize)
  FIND(nvrtcGetPTX)
  FIND(nvrtcDestroyProgram)
  FIND(nvrtcGetErrorString)
  return NULL;
}

void nvrtc_version(int* major, int* minor) { it.nvrtcVersion(major, minor); }

int nvrtc_architecture(int most) {
  int n = 0, best = 0;
  if (it.nvrtcGetNumSupportedArchs(&n) != 0 || n <= 0) return 0;
  int* all = calloc((size_t)n, sizeof *all);
  if (all && it.nvrtcGetSupportedArchs(all) == 0) {
    for (int i = 0; i < n; i++) {
      if (all[i] <= most && all[i] > best) best = all[i];
    }
  }
  free(all);
  return best;
}

// The log of a program that did not compile.
static char* log_of(Program p, int code) {
  size_t size = 0;
  if (it.nvrtcGetProgramLogSize(p, &size) != 0 || size < 2) return strdup(it.nvrtcGetErrorString(code));
  char* log = calloc(1, size + 1);
  if (log) it.nvrtcGetProgramLog(p, log);
  return log ? log : strdup(it.nvrtcGetErrorString(code));
}

char* nvrtc_compile(const char* text, const char* const* options, int count, int ptx, void** image, size_t* size) {
  Program p = NULL;
  int code = it.nvrtcCreateProgram(&p, text, "kernels.cu", 0, NULL, NULL);
  if (code != 0) return strdup(it.nvrtcGetErrorString(code));
  char* err = NULL;
  code = it.nvrtcCompileProgram(p, count, options);
  if (code != 0) {
    err = log_of(p, code);
  } else {
    code = ptx ? it.nvrtcGetPTXSize(p, size) : it.nvrtcGetCUBINSize(p, size);
    *image = code == 0 ? malloc(*size + 1) : NULL;
    if (*image) code = ptx ? it.nvrtcGetPTX(p, *image) : it.nvrtcGetCUBIN(p, *image);
    if (code != 0 || !*image) {
      free(*image);
      *image = NULL;
      err = strdup(code != 0 ? it.nvrtcGetErrorString(code) : "out of memory");
    }
  }
  it.nvrtcDestroyProgram(&p);
  return err;
}
