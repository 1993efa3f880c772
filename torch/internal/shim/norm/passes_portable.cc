#include "passes.h"

namespace portable {
#include "passes_body.h"
}

namespace {

enum class Processor { portable, avx2, avx512 };

Processor processor() {
#ifdef NORM_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return Processor::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return Processor::avx2;
#endif
  return Processor::portable;
}

} // namespace

template <>
const Passes<float>& passes<float>() {
  static const Processor p = processor();
#ifdef NORM_X86
  if (p == Processor::avx512) return avx512::floats;
  if (p == Processor::avx2) return avx2::floats;
#endif
  return portable::floats;
}

template <>
const Passes<Bfloat16>& passes<Bfloat16>() {
  static const Processor p = processor();
#ifdef NORM_X86
  if (p == Processor::avx512) return avx512::bfloats;
  if (p == Processor::avx2) return avx2::bfloats;
#endif
  return portable::bfloats;
}
