// The instructions that kernels may use: one notion of a processor's level for all C and
// C++ code of the program. A kernel is compiled once for each level and picks a version
// by cpu_level() when it is called.
#ifndef CONTRALENS_CPU_H
#define CONTRALENS_CPU_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CPU_BASELINE = 1, // what every processor of the architecture has
  CPU_AVX2 = 2,     // x86-64-v3: AVX2, FMA, BMI2
  CPU_AVX512 = 3,   // x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

// The highest level that may be used, and the level in use. Package cpu sets both.
extern int cl_cpu_best, cl_cpu_level;

// The level of a library with kernels that was loaded at run time and has a copy of these
// variables, or null. Package cpu keeps it equal to cl_cpu_level.
extern int* cl_cpu_follower;

static inline int cpu_level(void) { return __atomic_load_n(&cl_cpu_level, __ATOMIC_RELAXED); }

#ifdef __cplusplus
}
#endif

// CPU_X86 is 1 if all levels are compiled, and 0 if there is only the baseline.
//
// An attribute in front of a function (CPU_FOR_…) compiles it for a level; the functions
// that it calls must be inlined (always_inline). A pragma (CPU_FILE_FOR_…) compiles the
// rest of a file for a level; it must follow the headers of other libraries. WIDE makes
// the compiler itself use 512-bit vectors, which pays off only in loops over arrays.
//
// CPU_PICK(avx512, avx2, baseline) is the version for the level in use.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CPU_X86 1
#define CPU_TARGET_AVX2 "arch=x86-64-v3"
#define CPU_TARGET_AVX512 "arch=x86-64-v4"
#define CPU_TARGET_AVX512_WIDE "arch=x86-64-v4,prefer-vector-width=512"
#define CPU_FOR_AVX2 __attribute__((target(CPU_TARGET_AVX2)))
#define CPU_FOR_AVX512 __attribute__((target(CPU_TARGET_AVX512)))
#define CPU_PRAGMA_(text) _Pragma(#text)
#define CPU_PRAGMA(text) CPU_PRAGMA_(text)
#define CPU_FILE_FOR_AVX2 CPU_PRAGMA(GCC target(CPU_TARGET_AVX2))
#define CPU_FILE_FOR_AVX512_WIDE CPU_PRAGMA(GCC target(CPU_TARGET_AVX512_WIDE))
#define CPU_PICK(avx512, avx2, baseline) \
  (cpu_level() == CPU_AVX512 ? (avx512) : cpu_level() == CPU_AVX2 ? (avx2) : (baseline))
#else
#define CPU_X86 0
#define CPU_PICK(avx512, avx2, baseline) (baseline)
#endif

#endif
