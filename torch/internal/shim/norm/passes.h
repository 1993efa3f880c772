// The passes over memory, without libtorch. Their source is passes_body.h, which one file
// per instruction set compiles.
//
// A tensor is n elements in rows of `width`. A row joins the channels of several pixels,
// so that few channels fill the vectors as well as many do. The last row may be
// incomplete. Vectors of coefficients have `width` elements.
#pragma once

#include <stdint.h>

#include "cpu.h"

struct Bfloat16 {
  uint16_t bits;
};

// The elements that ReLU kept: all (none masked), those with a result above zero, or
// those with an argument a·(x - mean) + b above zero.
enum class Mask { none, result, argument };

template <typename T> struct Passes {
  // Adds x - shift and its square to the sums.
  void (*moments)(const T* x, int64_t n, int64_t width, const float* shift, float* sum, float* squares);

  // y = a·(x - mean) + b (+ residual unless null), then max(y, 0) if relu is set. y
  // may be x. a·x + (b - a·mean) would lose precision if the mean is far from zero.
  void (*apply)(const T* x, const T* residual, int64_t n, int64_t width, const float* mean, const float* a,
                const float* b, bool relu, T* y);

  // Adds g and g·(x - mean) to the sums, where g is the gradient gy under the mask.
  // With a mask by the result y, g is written to `masked`, which may be gy.
  void (*reduce)(Mask mask, const T* gy, const T* x, const T* y, int64_t n, int64_t width, const float* mean,
                 const float* a, const float* b, float* sum, float* products, T* masked);

  // gx = a·((g - c) - d·(x - mean)), with a mask by the argument applied to g
  // first. gx may be g or x.
  void (*gradient)(Mask mask, const T* g, const T* x, int64_t n, int64_t width, const float* mean, const float* a,
                   const float* b, const float* c, const float* d, T* gx);
};

// The passes for the instruction set in use.
template <typename T> const Passes<T>& passes();

#define PASSES(level)                    \
  namespace level {                      \
  extern const Passes<float> floats;     \
  extern const Passes<Bfloat16> bfloats; \
  }
PASSES(baseline)
PASSES(avx2)
PASSES(avx512)
#undef PASSES
