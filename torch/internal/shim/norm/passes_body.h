// The passes of passes.h, as loops over channels without dependences that the compiler
// vectorizes. Included within a namespace.
namespace {

inline float load(float x) { return x; }

inline float load(Bfloat16 x) {
  uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float f;
  __builtin_memcpy(&f, &bits, 4);
  return f;
}

inline void store(float* to, float x) { *to = x; }

// Rounds to nearest, ties to even, and keeps NaN.
inline void store(Bfloat16* to, float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to->bits = static_cast<uint16_t>(x == x ? rounded : 0x7fc0);
}

// g where keep holds, and 0 elsewhere. The compiler turns a choice of a float into a jump, which
// signs at random make 30 times slower than this, and which it can't vectorize for AVX2.
inline float where(bool keep, float g) {
  int32_t bits;
  __builtin_memcpy(&bits, &g, 4);
  bits &= -static_cast<int32_t>(keep);
  __builtin_memcpy(&g, &bits, 4);
  return g;
}

// Rows that are summed in registers before the sum is written to memory. This is also
// more accurate than adding one row after another.
constexpr int kRows = 8;

template <typename T, int rows>
inline void moments_rows(const T* __restrict x, int64_t columns, int64_t width, const float* __restrict shift,
                         float* __restrict sum, float* __restrict squares) {
  for (int64_t j = 0; j < columns; j++) {
    float s = 0, q = 0;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      float v = load(x[r * width + j]) - shift[j];
      s += v;
      q += v * v;
    }
    sum[j] += s;
    squares[j] += q;
  }
}

template <typename T>
void moments(const T* x, int64_t n, int64_t width, const float* shift, float* sum, float* squares) {
  int64_t i = 0;
  for (; i + kRows * width <= n; i += kRows * width) moments_rows<T, kRows>(x + i, width, width, shift, sum, squares);
  for (; i < n; i += width) moments_rows<T, 1>(x + i, n - i < width ? n - i : width, width, shift, sum, squares);
}

template <typename T, bool add, bool relu>
inline void apply_row(const T* x, const T* residual, int64_t columns, const float* __restrict mean,
                      const float* __restrict a, const float* __restrict b, T* y) {
#pragma GCC ivdep
  for (int64_t j = 0; j < columns; j++) {
    float v = (load(x[j]) - mean[j]) * a[j] + b[j];
    if (add) v += load(residual[j]);
    if (relu) v = v < 0 ? 0 : v; // NaN stays
    store(y + j, v);
  }
}

template <typename T, bool add, bool relu>
void apply_rows(const T* x, const T* residual, int64_t n, int64_t width, const float* mean, const float* a,
                const float* b, T* y) {
  for (int64_t i = 0; i < n; i += width)
    apply_row<T, add, relu>(x + i, add ? residual + i : nullptr, n - i < width ? n - i : width, mean, a, b, y + i);
}

template <typename T>
void apply(const T* x, const T* residual, int64_t n, int64_t width, const float* mean, const float* a, const float* b,
           bool relu, T* y) {
  if (residual && relu) apply_rows<T, true, true>(x, residual, n, width, mean, a, b, y);
  else if (residual) apply_rows<T, true, false>(x, residual, n, width, mean, a, b, y);
  else if (relu) apply_rows<T, false, true>(x, residual, n, width, mean, a, b, y);
  else apply_rows<T, false, false>(x, residual, n, width, mean, a, b, y);
}

template <typename T, Mask mask, int rows>
inline void reduce_rows(const T* gy, const T* x, const T* y, int64_t columns, int64_t width,
                        const float* __restrict mean, const float* __restrict a, const float* __restrict b,
                        float* __restrict sum, float* __restrict products, T* masked) {
#pragma GCC ivdep
  for (int64_t j = 0; j < columns; j++) {
    float s = 0, p = 0;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const int64_t i = r * width + j;
      float g = load(gy[i]), v = load(x[i]) - mean[j];
      if (mask == Mask::argument) g = where(!(v * a[j] + b[j] <= 0), g);
      if (mask == Mask::result) {
        g = where(!(load(y[i]) <= 0), g);
        store(masked + i, g);
      }
      s += g;
      p += g * v;
    }
    sum[j] += s;
    products[j] += p;
  }
}

template <typename T, Mask mask, int rows>
void reduce_by(const T* gy, const T* x, const T* y, int64_t n, int64_t width, const float* mean, const float* a,
               const float* b, float* sum, float* products, T* masked) {
  const bool by_result = mask == Mask::result;
  int64_t i = 0;
  for (; i + rows * width <= n; i += rows * width)
    reduce_rows<T, mask, rows>(gy + i, x + i, by_result ? y + i : nullptr, width, width, mean, a, b, sum, products,
                               by_result ? masked + i : nullptr);
  for (; i < n; i += width)
    reduce_rows<T, mask, 1>(gy + i, x + i, by_result ? y + i : nullptr, n - i < width ? n - i : width, width, mean, a,
                            b, sum, products, by_result ? masked + i : nullptr);
}

// Takes one row at a time: it already reads two to four streams, and rows at a distance
// of a power of two share the same sets of the caches. Only wide rows, whose coefficients
// and sums fill the L1 cache, are taken four at a time, unless they are also written.
template <typename T, Mask mask>
void reduce_all(const T* gy, const T* x, const T* y, int64_t n, int64_t width, const float* mean, const float* a,
                const float* b, float* sum, float* products, T* masked) {
  if (mask == Mask::result || width <= 512)
    reduce_by<T, mask, 1>(gy, x, y, n, width, mean, a, b, sum, products, masked);
  else reduce_by<T, mask, 4>(gy, x, y, n, width, mean, a, b, sum, products, masked);
}

template <typename T>
void reduce(Mask mask, const T* gy, const T* x, const T* y, int64_t n, int64_t width, const float* mean, const float* a,
            const float* b, float* sum, float* products, T* masked) {
  switch (mask) {
    case Mask::none: return reduce_all<T, Mask::none>(gy, x, y, n, width, mean, a, b, sum, products, masked);
    case Mask::result: return reduce_all<T, Mask::result>(gy, x, y, n, width, mean, a, b, sum, products, masked);
    case Mask::argument: return reduce_all<T, Mask::argument>(gy, x, y, n, width, mean, a, b, sum, products, masked);
  }
}

template <typename T, bool by_argument>
inline void gradient_row(const T* g, const T* x, int64_t columns, const float* __restrict mean,
                         const float* __restrict a, const float* __restrict b, const float* __restrict c,
                         const float* __restrict d, T* gx) {
#pragma GCC ivdep
  for (int64_t j = 0; j < columns; j++) {
    float u = load(g[j]), v = load(x[j]) - mean[j];
    if (by_argument) u = where(!(v * a[j] + b[j] <= 0), u);
    store(gx + j, a[j] * ((u - c[j]) - d[j] * v));
  }
}

template <typename T>
void gradient(Mask mask, const T* g, const T* x, int64_t n, int64_t width, const float* mean, const float* a,
              const float* b, const float* c, const float* d, T* gx) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t columns = n - i < width ? n - i : width;
    if (mask == Mask::argument) gradient_row<T, true>(g + i, x + i, columns, mean, a, b, c, d, gx + i);
    else gradient_row<T, false>(g + i, x + i, columns, mean, a, b, c, d, gx + i);
  }
}

} // namespace

const Passes<float> floats = {moments<float>, apply<float>, reduce<float>, gradient<float>};
const Passes<Bfloat16> bfloats = {moments<Bfloat16>, apply<Bfloat16>, reduce<Bfloat16>, gradient<Bfloat16>};
