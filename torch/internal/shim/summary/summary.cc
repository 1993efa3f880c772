#include "summary.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "internal.h"

namespace {

// The same code for wider vectors, chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

constexpr int64_t kBlock = 512;

// Adds a block's sum and sum of squares, keeps the largest element, and finds
// the elements' bins. Eight accumulators let the compiler use vectors.
CLONES void block(const float* x, int64_t n, float scale, float offset, float last, double* sum, double* squares, float* top, int32_t* bin) {
  double s[8] = {0}, q[8] = {0};
  float m[8];
  for (float& v : m) v = *top;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) {
      float v = x[i + j];
      s[j] += v;
      q[j] += static_cast<double>(v) * v;
      m[j] = v > m[j] ? v : m[j];
      float b = v * scale + offset;
      b = b > 0 ? b : 0;
      b = b < last ? b : last;
      bin[i + j] = v == v ? static_cast<int32_t>(b) : static_cast<int32_t>(last) + 1;
    }
  }
  for (; i < n; i++) {
    float v = x[i];
    s[0] += v;
    q[0] += static_cast<double>(v) * v;
    m[0] = v > m[0] ? v : m[0];
    float b = std::min(std::max(v * scale + offset, 0.f), last);
    bin[i] = v == v ? static_cast<int32_t>(b) : static_cast<int32_t>(last) + 1;
  }
  for (int j = 0; j < 8; j++) {
    *sum += s[j];
    *squares += q[j];
    *top = std::max(*top, m[j]);
  }
}

void summarize(const at::Tensor& x, double low, double high, int bins, double* mean, double* variance, double* max, int64_t* counts) {
  TORCH_CHECK(x.dim() == 2, "want a matrix, got ", x.dim(), " dimensions");
  at::Tensor t = x.detach().to(at::TensorOptions().device(c10::kCPU).dtype(at::kFloat)).contiguous();
  const float* data = shim::data<float>(t);
  const int64_t rows = t.size(0), columns = t.size(1);
  const float scale = static_cast<float>(bins / (high - low)), offset = static_cast<float>(-low * bins / (high - low));
  // Two tables, so that equal neighbors don't wait for each other; the last
  // bin of each takes what is not a number.
  std::vector<uint32_t> even(bins + 1), odd(bins + 1);
  int32_t bin[kBlock];
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0, squares = 0;
    float top = -std::numeric_limits<float>::infinity();
    for (int64_t c = 0; c < columns; c += kBlock) {
      const int64_t n = std::min(kBlock, columns - c);
      block(data + r * columns + c, n, scale, offset, static_cast<float>(bins - 1), &sum, &squares, &top, bin);
      int64_t i = 0;
      for (; i + 2 <= n; i += 2) {
        even[bin[i]]++;
        odd[bin[i + 1]]++;
      }
      if (i < n) even[bin[i]]++;
    }
    mean[r] = sum / columns;
    variance[r] = std::max(0.0, (squares - sum * sum / columns) / std::max<int64_t>(1, columns - 1));
    max[r] = top;
    if (r % 1024 == 1023 || r == rows - 1) {
      for (int b = 0; b < bins; b++) counts[b] += static_cast<int64_t>(even[b]) + odd[b];
      std::fill(even.begin(), even.end(), 0);
      std::fill(odd.begin(), odd.end(), 0);
    }
  }
}

} // namespace

extern "C" char* cl_summary(void* x, double low, double high, int bins, double* mean, double* variance, double* max, int64_t* counts) {
  char* err = nullptr;
  CL_TRY(err, summarize(shim::borrow(x), low, high, bins, mean, variance, max, counts));
  return err;
}
