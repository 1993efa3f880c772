#include "kernel.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "cpu.h"

namespace attend {
namespace {

#define INLINE inline __attribute__((always_inline))

// Vectors of W floats. Everything below is a template over W. Each function at the end
// compiles it, fully inlined, for one instruction set: no vector is passed between
// functions, because the calling convention depends on the instruction set (-Wno-psabi).
template <int W> struct Vector;
#define VECTOR(W)                                                               \
  template <> struct Vector<W> {                                                \
    typedef float F __attribute__((vector_size(W * 4)));                        \
    typedef int32_t I __attribute__((vector_size(W * 4)));                      \
    typedef float U __attribute__((vector_size(W * 4), aligned(4), may_alias)); \
    static constexpr int64_t outs = W == 16 ? 8 : 4; /* 2·outs accumulators */ \
  };
VECTOR(4)
VECTOR(8)
VECTOR(16)

#define F typename Vector<W>::F
#define I typename Vector<W>::I
#define LOAD(p) F(*reinterpret_cast<const typename Vector<W>::U*>(p))
#define STORE(p, v) (*reinterpret_cast<typename Vector<W>::U*>(p) = (v))

// a·b + c, rounded once where the instruction set can. If this were written as a·b + c,
// the compiler would choose to round once or twice, for each width on its own.
template <int W> INLINE float fma(float a, float b, float c) { return W == 4 ? a * b + c : __builtin_fmaf(a, b, c); }
template <int W> INLINE F fma(F a, F b, F c) {
  if constexpr (W == 4) return a * b + c;
  F sum;
  for (int j = 0; j < W; j++) sum[j] = __builtin_fmaf(a[j], b[j], c[j]);
  return sum;
}

// c[o][·] = Σ_r a[r][·] b(o, r), plus the old c[o][·] if add is set. a and c are panels
// with rows of kLanes elements; b(o, r) is b[o·bo + r·br]. outs is a multiple of kGroup.
template <int W>
INLINE void product(const float* a, const float* b, int64_t bo, int64_t br, int64_t outs, int64_t length, bool add,
                    float* c) {
  constexpr int64_t O = Vector<W>::outs;
  for (int64_t o = 0; o < outs; o += O) {
    for (int64_t h = 0; h < kLanes; h += 2 * W) {
      F x[O], y[O];
      for (int64_t j = 0; j < O; j++) {
        x[j] = add ? LOAD(c + (o + j) * kLanes + h) : F{};
        y[j] = add ? LOAD(c + (o + j) * kLanes + h + W) : F{};
      }
      for (int64_t r = 0; r < length; r++) {
        const F u = LOAD(a + r * kLanes + h), v = LOAD(a + r * kLanes + h + W);
        for (int64_t j = 0; j < O; j++) {
          const float w = b[(o + j) * bo + r * br];
          x[j] += u * w;
          y[j] += v * w;
        }
      }
      for (int64_t j = 0; j < O; j++) {
        STORE(c + (o + j) * kLanes + h, x[j]);
        STORE(c + (o + j) * kLanes + h + W, y[j]);
      }
    }
  }
}

// 2^t for t ≤ 0, with a relative error of about 2e-7; NaN stays NaN. t = n + f with an
// integer n and |f| ≤ ½; the polynomial is the Taylor series of 2^f in f ln 2.
template <int W> INLINE F exp2(F t) {
  const F low = F{} - 125.f;
  t = t < low ? low : t;
  const float magic = 12582912.f; // 1.5·2^23: adding it rounds to an integer
  const F shifted = t + magic;
  const F f = t - (shifted - magic);
  F p = F{} + 1.5403530e-4f;
  p = fma<W>(p, f, F{} + 1.3333558e-3f);
  p = fma<W>(p, f, F{} + 9.6181291e-3f);
  p = fma<W>(p, f, F{} + 5.5504109e-2f);
  p = fma<W>(p, f, F{} + 2.4022651e-1f);
  p = fma<W>(p, f, F{} + 6.9314718e-1f);
  p = fma<W>(p, f, F{} + 1.f);
  return p * F(((I)shifted << 23) + (127 << 23));
}

// Writes the mixed rows n' = λ n + (1-λ) n_π of first … first+count-1 to block.
template <int W> INLINE void mix(const Problem& p, int64_t first, int64_t count, float* block) {
  for (int64_t i = 0; i < count; i++) {
    const float* a = p.rows + (first + i) * p.d;
    float* out = block + i * p.stride();
    if (!p.permutation) {
      std::memcpy(out, a, p.d * sizeof(float));
    } else {
      if (first + i + 4 < p.k) {
        const float* next = p.rows + p.permutation[first + i + 4] * p.d;
        for (int64_t c = 0; c < p.d; c += 16) __builtin_prefetch(next + c);
      }
      const float* b = p.rows + p.permutation[first + i] * p.d;
      if (p.elements) {
        const float* l = p.elements + (first + i) * p.d;
        for (int64_t c = 0; c < p.d; c++) out[c] = fma<W>(l[c], a[c], (1 - l[c]) * b[c]);
      } else {
        const float l = p.value, m = 1 - l;
        for (int64_t c = 0; c < p.d; c++) out[c] = fma<W>(l, a[c], m * b[c]);
      }
    }
    if (p.normalize) {
      double square = 0;
      for (int64_t c = 0; c < p.d; c++) square += static_cast<double>(out[c]) * out[c];
      const float length = std::max(static_cast<float>(std::sqrt(square)), 1e-12f);
      for (int64_t c = 0; c < p.d; c++) out[c] /= length;
    }
    std::fill(out + p.d, out + p.depth, 0.f);
  }
  for (int64_t i = count; i % kGroup != 0; i++) std::fill_n(block + i * p.stride(), p.depth, 0.f);
}

// Counts the scores s[count][kLanes] of a panel's first `live` queries.
template <int W>
INLINE void histogram(const Problem& p, const float* s, int64_t count, int64_t live, uint32_t* counts) {
  uint32_t *even = counts, *odd = counts + p.bins + 1; // equal neighbors don't wait for one another
  int32_t bin[kLanes];
  for (int64_t i = 0; i < count; i++) {
    for (int64_t h = 0; h < kLanes; h += W) {
      const F x = LOAD(s + i * kLanes + h), last = F{} + static_cast<float>(p.bins - 1);
      F b = fma<W>(x, F{} + p.bin_scale, F{} + p.bin_offset);
      b = b > 0.f ? b : F{};
      b = b < last ? b : last;
      const I whole = x == x ? __builtin_convertvector(b, I) : I{} + p.bins;
      std::memcpy(bin + h, &whole, sizeof whole);
    }
    int64_t l = 0;
    for (; l + 2 <= live; l += 2) {
      even[bin[l]]++;
      odd[bin[l + 1]]++;
    }
    if (l < live) even[bin[l]]++;
  }
}

// Adds the scores s[count][kLanes] to a panel's sums and replaces each score by
// e = exp((s - max)/τ). Where the maximum grows, earlier sums shrink.
template <int W>
INLINE void softmax(const Problem& p, float* s, int64_t count, bool begin, Lanes& lanes, float* weighted) {
  for (int64_t h = 0; h < kLanes; h += W) {
    if (begin) std::memcpy(lanes.first + h, s + h, sizeof(F));
    const F before = LOAD(lanes.max + h), first = LOAD(lanes.first + h);
    F top = before, deviation{}, square{};
    for (int64_t i = 0; i < count; i++) {
      const F x = LOAD(s + i * kLanes + h), y = x - first;
      top = x > top ? x : top;
      deviation += y;
      square = fma<W>(y, y, square);
    }
    if (std::memcmp(&top, &before, sizeof top) != 0) {
      STORE(lanes.max + h, top);
      const F shrink = exp2<W>((before - top) * p.scale);
      for (int j = 0; j < W; j++) {
        lanes.sum[h + j] *= shrink[j];
        lanes.dot[h + j] *= shrink[j];
      }
      for (int64_t c = 0; p.weigh && c < p.depth; c++) {
        float* w = weighted + c * kLanes + h;
        STORE(w, LOAD(w) * shrink);
      }
    }
    F sum{}, dot{};
    for (int64_t i = 0; i < count; i++) {
      float* at = s + i * kLanes + h;
      const F x = LOAD(at), e = exp2<W>((x - top) * p.scale);
      STORE(at, e);
      sum += e;
      dot = fma<W>(e, x - first, dot);
    }
    for (int j = 0; j < W; j++) {
      lanes.sum[h + j] += sum[j];
      lanes.dot[h + j] += dot[j];
      lanes.deviation[h + j] += deviation[j];
      lanes.square[h + j] += square[j];
    }
  }
}

template <int W> INLINE void pass(const Problem& p, int64_t first, int64_t last, State state, float* block) {
  alignas(64) float s[kBlock * kLanes];
  for (int64_t at = first; at < last; at += kBlock) {
    const int64_t count = std::min(kBlock, last - at), padded = (count + kGroup - 1) / kGroup * kGroup;
    mix<W>(p, at, count, block);
    for (int64_t panel = 0; panel < p.panels(); panel++) {
      float* weighted = state.weighted + panel * p.depth * kLanes;
      product<W>(p.q + panel * p.depth * kLanes, block, p.stride(), 1, padded, p.depth, false, s);
      if (p.bins > 0) histogram<W>(p, s, count, std::min(kLanes, p.n - panel * kLanes), state.counts);
      softmax<W>(p, s, count, at == first, state.lanes[panel], weighted);
      if (p.weigh) product<W>(s, block, 1, p.stride(), p.depth, count, true, weighted);
    }
  }
}

#if CPU_X86
CPU_FOR_AVX512 void run_avx512(const Problem& p, int64_t first, int64_t last, State state, float* block) {
  pass<16>(p, first, last, state, block);
}
CPU_FOR_AVX2 void run_avx2(const Problem& p, int64_t first, int64_t last, State state, float* block) {
  pass<8>(p, first, last, state, block);
}
#endif
void run_baseline(const Problem& p, int64_t first, int64_t last, State state, float* block) {
  pass<4>(p, first, last, state, block);
}

} // namespace

Run* run() { return CPU_PICK(run_avx512, run_avx2, run_baseline); }

} // namespace attend
