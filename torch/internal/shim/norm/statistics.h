// Sums over all rows of a tensor, for each channel, by several threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "passes.h"

// Layout divides n elements that start at `first`, with `channels` channels, into the
// rows that the passes take.
struct Layout {
  int64_t first, n, channels, width, rows;
  int parts; // of the rows, one per thread; the same for equal shapes and threads

  Layout(int64_t first, int64_t n, int64_t channels) : first(first), n(n), channels(channels) {
    // A row has at least 256 elements, a multiple of the width of every vector.
    int64_t together = channels >= 256 ? 1 : (256 + channels - 1) / channels;
    if (channels % 16 != 0 && channels < 256) together = (together + 15) / 16 * 16;
    width = channels * together;
    rows = (n + width - 1) / width;
    parts = static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), n / 16384)));
  }

  // Repeats one value per channel up to the width.
  template <typename V> std::vector<float> widen(const V& values) const {
    std::vector<float> wide(width);
    for (int64_t j = 0; j < width; j++) wide[j] = static_cast<float>(values[j % channels]);
    return wide;
  }

  // Calls f(part, first element, number of elements) for each block of rows, one thread
  // per part. A block is small enough to be summed in single precision.
  template <typename F> void blocks(const F& f) const {
    constexpr int64_t block = 64;
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++) {
        const int64_t last = rows * (p + 1) / parts;
        for (int64_t r = rows * p / parts; r < last; r += block) {
          const int64_t start = r * width;
          f(p, first + start, std::min(n, std::min(last, r + block) * width) - start);
        }
      }
    });
  }

  // Sums two values per element over all elements of each channel. f adds the values of a
  // block to two float vectors of the width; the sums of blocks are added in double
  // precision.
  template <typename F> void sums(const F& f, std::vector<double>& one, std::vector<double>& other) const {
    std::vector<double> totals(2 * width * parts);
    std::vector<float> scratch(2 * width * parts);
    blocks([&](int64_t p, int64_t from, int64_t count) {
      float* s = scratch.data() + 2 * width * p;
      double* t = totals.data() + 2 * width * p;
      std::fill(s, s + 2 * width, 0.f);
      f(from, count, s, s + width);
      for (int64_t j = 0; j < 2 * width; j++) t[j] += s[j];
    });
    one.assign(channels, 0);
    other.assign(channels, 0);
    for (int p = 0; p < parts; p++) {
      for (int64_t j = 0; j < width; j++) {
        one[j % channels] += totals[2 * width * p + j];
        other[j % channels] += totals[2 * width * p + width + j];
      }
    }
  }
};
