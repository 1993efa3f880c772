// The arithmetic of attend.h on plain memory; attend.cc handles the tensors.
#pragma once

#include <cstdint>

namespace attend {

// Queries are processed in panels of kLanes. Query i of a panel is lane i of every
// vector, so that values per query, such as a maximum or a sum, are computed lane by lane.
constexpr int64_t kLanes = 32;
// Rows are processed in blocks of kBlock: a panel's scores with a block take 16 KB.
constexpr int64_t kBlock = 128;
// Dimensions are padded with zeros to a multiple of this.
constexpr int64_t kGroup = 8;

struct Problem {
  int64_t n, k, d;            // queries, rows, dimensions
  int64_t depth;              // d, padded
  const float* q;             // [panels][depth][kLanes]
  const float* rows;          // [k][d]
  const int64_t* permutation; // π [k], or null: rows are not mixed
  const float* elements;      // λ [k][d], or null: λ is value
  float value;
  bool normalize;
  float scale;                 // log2(e)/τ
  int bins;                    // of the histogram, 0 for none
  float bin_scale, bin_offset; // score s belongs in bin s·bin_scale + bin_offset
  bool weigh;                  // whether to fill State.weighted

  int64_t panels() const { return (n + kLanes - 1) / kLanes; }
  // The distance of mixed rows in memory. It is not a power of two, because the rows would
  // then compete for a few sets of the cache.
  int64_t stride() const { return depth + 16; }
};

// The running sums of one panel of queries over a part of the rows.
struct Lanes {
  float max[kLanes];
  float first[kLanes];                      // the first score, subtracted from the others
  double sum[kLanes], dot[kLanes];          // Σ e and Σ e·(s - first), e = exp((s - max)/τ)
  double deviation[kLanes], square[kLanes]; // Σ (s - first) and Σ (s - first)²
};

struct State {
  Lanes* lanes;     // [panels]
  float* weighted;  // Σ e·n' [panels][depth][kLanes]
  uint32_t* counts; // [2][bins + 1]; the last one counts NaN
};

// Processes the rows first … last-1. block has space for kBlock mixed rows.
using Run = void(const Problem& p, int64_t first, int64_t last, State state, float* block);

// The version for the instruction set in use.
Run* run();

} // namespace attend
