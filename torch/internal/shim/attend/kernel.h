// The arithmetic of attend.h on plain memory; attend.cc has the tensors.
#pragma once

#include <cstdint>

namespace attend {

// Queries come in panels of kLanes: number i of a panel is lane i of every vector,
// so that whatever is per query, as the maximum or a sum, is computed lane by lane.
constexpr int64_t kLanes = 32;
// Rows come in blocks of kBlock: a panel's scores with a block are 16 KB.
constexpr int64_t kBlock = 128;
// Dimensions are padded with zeros to a multiple of this.
constexpr int64_t kGroup = 8;

struct Problem {
  int64_t n, k, d;            // queries, rows, dimensions
  int64_t depth;              // d, padded
  const float* q;             // [panels][depth][kLanes]
  const float* rows;          // [k][d]
  const int64_t* permutation; // π [k], or null: rows are not mixed
  const float* elements;      // λ [k][d], or null: value is everybody's
  float value;
  bool normalize;
  float scale;                 // log2(e)/τ
  int bins;                    // of the histogram, 0 for none
  float bin_scale, bin_offset; // score s belongs in bin s·bin_scale + bin_offset
  bool weigh;                  // whether to fill State.weighted

  int64_t panels() const { return (n + kLanes - 1) / kLanes; }
  // Of a mixed row: not a power of two, which would fall on few cache lines.
  int64_t stride() const { return depth + 16; }
};

// What one panel of queries has seen of a part of the rows.
struct Lanes {
  float max[kLanes];
  float first[kLanes];                      // the first score, which the others are taken from
  double sum[kLanes], dot[kLanes];          // Σ e and Σ e·(s - first), e = exp((s - max)/τ)
  double deviation[kLanes], square[kLanes]; // Σ (s - first) and Σ (s - first)²
};

struct State {
  Lanes* lanes;     // [panels]
  float* weighted;  // Σ e·n' [panels][depth][kLanes]
  uint32_t* counts; // [2][bins + 1]; the last one is for what is not a number
};

// Goes over the rows first … last-1. block has room for kBlock mixed rows.
using Run = void(const Problem& p, int64_t first, int64_t last, State state, float* block);

// The version for the level of instructions in use.
Run* run();

} // namespace attend
