#include "summary.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cpu.h"
#include "internal.h"

namespace {

constexpr int64_t kBlock = 512;

// Element x belongs in bin x·scale + offset, limited to 0 … last.
struct Bins {
  float scale, offset, last;
};

// The running sums of a row.
struct Row {
  double sum = 0, squares = 0;
  float max = -std::numeric_limits<float>::infinity();
};

// Adds a block of n elements to its row and computes the elements' bins; NaN goes to bin
// last+1. Eight accumulators let the compiler use vectors.
__attribute__((always_inline)) inline void block(const float* x, int64_t n, Bins bins, Row& row, int32_t* bin) {
  double s[8] = {0}, q[8] = {0};
  float m[8];
  for (float& v : m) v = row.max;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) {
      float v = x[i + j];
      s[j] += v;
      q[j] += static_cast<double>(v) * v;
      m[j] = v > m[j] ? v : m[j];
      float b = v * bins.scale + bins.offset;
      b = b > 0 ? b : 0;
      b = b < bins.last ? b : bins.last;
      bin[i + j] = v == v ? static_cast<int32_t>(b) : static_cast<int32_t>(bins.last) + 1;
    }
  }
  for (; i < n; i++) {
    float v = x[i];
    s[0] += v;
    q[0] += static_cast<double>(v) * v;
    m[0] = v > m[0] ? v : m[0];
    float b = std::min(std::max(v * bins.scale + bins.offset, 0.f), bins.last);
    bin[i] = v == v ? static_cast<int32_t>(b) : static_cast<int32_t>(bins.last) + 1;
  }
  for (int j = 0; j < 8; j++) {
    row.sum += s[j];
    row.squares += q[j];
    row.max = std::max(row.max, m[j]);
  }
}

using Block = void(const float* x, int64_t n, Bins bins, Row& row, int32_t* bin);

#if CPU_X86
CPU_FOR_AVX512 void block_avx512(const float* x, int64_t n, Bins bins, Row& row, int32_t* bin) {
  block(x, n, bins, row, bin);
}
CPU_FOR_AVX2 void block_avx2(const float* x, int64_t n, Bins bins, Row& row, int32_t* bin) {
  block(x, n, bins, row, bin);
}
#endif
void block_baseline(const float* x, int64_t n, Bins bins, Row& row, int32_t* bin) { block(x, n, bins, row, bin); }

void summarize(const at::Tensor& x, double low, double high, int bins, double* mean, double* variance, double* max,
               int64_t* counts) {
  TORCH_CHECK(x.dim() == 2, "want a matrix, got ", x.dim(), " dimensions");
  at::Tensor t = x.detach().to(at::TensorOptions().device(c10::kCPU).dtype(at::kFloat)).contiguous();
  const float* data = shim::data<float>(t);
  const int64_t rows = t.size(0), columns = t.size(1);
  const Bins to{static_cast<float>(bins / (high - low)), static_cast<float>(-low * bins / (high - low)),
                static_cast<float>(bins - 1)};
  Block* const take = CPU_PICK(block_avx512, block_avx2, block_baseline);
  // Two tables, so that equal neighbors don't wait for one another. The last bin of each
  // counts NaN.
  std::vector<uint32_t> even(bins + 1), odd(bins + 1);
  int32_t bin[kBlock];
  for (int64_t r = 0; r < rows; r++) {
    Row row;
    for (int64_t c = 0; c < columns; c += kBlock) {
      const int64_t n = std::min(kBlock, columns - c);
      take(data + r * columns + c, n, to, row, bin);
      int64_t i = 0;
      for (; i + 2 <= n; i += 2) {
        even[bin[i]]++;
        odd[bin[i + 1]]++;
      }
      if (i < n) even[bin[i]]++;
    }
    mean[r] = row.sum / columns;
    variance[r] = std::max(0.0, (row.squares - row.sum * row.sum / columns) / std::max<int64_t>(1, columns - 1));
    max[r] = row.max;
    if (r % 1024 == 1023 || r == rows - 1) {
      for (int b = 0; b < bins; b++) counts[b] += static_cast<int64_t>(even[b]) + odd[b];
      std::fill(even.begin(), even.end(), 0);
      std::fill(odd.begin(), odd.end(), 0);
    }
  }
}

} // namespace

extern "C" char* cl_summary(void* x, double low, double high, int bins, double* mean, double* variance, double* max,
                            int64_t* counts) {
  char* err = nullptr;
  CL_TRY(err, summarize(shim::borrow(x), low, high, bins, mean, variance, max, counts));
  return err;
}
