#include "cpu.h"

#include <stdlib.h>
#include <string.h>

int cl_cpu_best = CPU_BASELINE, cl_cpu_level = CPU_BASELINE;
int* cl_cpu_follower = 0;

static int supported(void) {
#if CPU_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return CPU_AVX512;
  if (__builtin_cpu_supports("x86-64-v3")) return CPU_AVX2;
#endif
  return CPU_BASELINE;
}

// The level that libtorch's environment variable allows. Values that libtorch doesn't
// know are ignored.
static int allowed(void) {
  const char* name = getenv("ATEN_CPU_CAPABILITY");
  if (name && strcmp(name, "default") == 0) return CPU_BASELINE;
  if (name && strcmp(name, "avx2") == 0) return CPU_AVX2;
  return CPU_AVX512;
}

__attribute__((constructor)) static void start(void) {
  const int best = supported(), limit = allowed();
  cl_cpu_best = cl_cpu_level = best < limit ? best : limit;
}
