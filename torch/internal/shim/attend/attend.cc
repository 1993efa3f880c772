#include "attend.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "internal.h"
#include "kernel.h"

namespace attend {
namespace {

// A part has at least 8 blocks, so that its sums are small compared with its rows.
// There are at most 32 parts, enough to keep the processors of a machine busy.
constexpr int64_t kPartBlocks = 8, kMaxParts = 32;

template <typename T> T* checked(cl_tensor tensor, at::ScalarType type, at::IntArrayRef shape, const char* name) {
  const at::Tensor t = shim::borrow(tensor);
  TORCH_CHECK(
      !t.defined() || (t.device().is_cpu() && t.scalar_type() == type && t.is_contiguous() && t.sizes() == shape), name,
      ": want ", type, " ", shape, " contiguous on the CPU, got ", t.scalar_type(), " ", t.sizes());
  return shim::data<T>(t);
}

// Combines the sums of all parts for one query, in the order of the parts, into its
// row of statistics. weight[part][lane] receives the factor of the part's Σ e·n' in a.
void join(const Problem& p, const Lanes* lanes, int64_t panels, int64_t parts, int64_t rows, int64_t lane,
          double* statistics, double (*weight)[kLanes]) {
  double max = -FLT_MAX;
  for (int64_t i = 0; i < parts; i++) max = std::max<double>(max, lanes[i * panels].max[lane]);
  const double rate = p.scale * M_LN2; // 1/τ
  double sum = 0, dot = 0, mean = 0, square = 0, seen = 0;
  for (int64_t i = 0; i < parts; i++) {
    const Lanes& l = lanes[i * panels];
    const double n = std::min(rows, p.k - i * rows), first = l.first[lane];
    weight[i][lane] = std::exp((l.max[lane] - max) * rate);
    sum += weight[i][lane] * l.sum[lane];
    dot += weight[i][lane] * (l.dot[lane] + (first - max) * l.sum[lane]);
    const double shift = first + l.deviation[lane] / n - mean;
    square += l.square[lane] - l.deviation[lane] * l.deviation[lane] / n + shift * shift * seen * n / (seen + n);
    mean += shift * n / (seen + n);
    seen += n;
  }
  for (int64_t i = 0; i < parts; i++) weight[i][lane] /= sum;
  statistics[0] = max;
  statistics[1] = mean;
  statistics[2] = std::max(square, 0.0) / std::max<int64_t>(1, p.k - 1);
  statistics[3] = max * rate + std::log(sum);
  statistics[4] = std::log(sum) - dot / sum * rate;
}

void attend(const cl_attention& a) {
  const at::Tensor queries = shim::borrow(a.queries), rows = shim::borrow(a.rows);
  TORCH_CHECK(queries.dim() == 2 && rows.dim() == 2 && rows.size(0) > 0 && queries.size(1) == rows.size(1),
              "want queries [N, d] and rows [K, d], got ", queries.sizes(), " and ", rows.sizes());
  Problem p{};
  p.n = queries.size(0), p.k = rows.size(0), p.d = rows.size(1);
  p.depth = (p.d + kGroup - 1) / kGroup * kGroup;
  const float* q = checked<float>(a.queries, at::kFloat, {p.n, p.d}, "queries");
  p.rows = checked<float>(a.rows, at::kFloat, {p.k, p.d}, "rows");
  p.permutation = checked<int64_t>(a.permutation, at::kLong, {p.k}, "permutation");
  p.elements = checked<float>(a.elements, at::kFloat, {p.k, p.d}, "λ");
  p.value = static_cast<float>(a.value);
  p.normalize = a.normalize;
  p.scale = static_cast<float>(M_LOG2E / a.temperature);
  p.bins = a.bins;
  p.bin_scale = static_cast<float>(a.bins / (a.high - a.low));
  p.bin_offset = static_cast<float>(-a.low * a.bins / (a.high - a.low));
  float* attended = checked<float>(a.attended, at::kFloat, {p.n, p.d}, "attended");
  p.weigh = attended != nullptr;
  double* statistics = checked<double>(a.statistics, at::kDouble, {p.n, 5}, "statistics");
  int64_t* counts = checked<int64_t>(a.counts, at::kLong, {a.bins}, "counts");
  for (int64_t i = 0; p.permutation && i < p.k; i++) {
    TORCH_CHECK(p.permutation[i] >= 0 && p.permutation[i] < p.k, "permutation: want rows 0 to ", p.k - 1, ", got ",
                p.permutation[i]);
  }

  const int64_t panels = p.panels(), panel = p.depth * kLanes;
  const int64_t blocks = (p.k + kBlock - 1) / kBlock;
  const int64_t length = std::max(kPartBlocks, (blocks + kMaxParts - 1) / kMaxParts) * kBlock; // rows per part
  const int64_t parts = (p.k + length - 1) / length;

  at::Tensor packed = at::zeros({panels, p.depth, kLanes}, at::kFloat);
  float* pack = shim::data<float>(packed);
  for (int64_t i = 0; i < p.n; i++) {
    for (int64_t c = 0; c < p.d; c++) pack[(i / kLanes * p.depth + c) * kLanes + i % kLanes] = q[i * p.d + c];
  }
  p.q = pack;

  at::Tensor lanes = at::empty({parts * panels * static_cast<int64_t>(sizeof(Lanes))}, at::kByte);
  at::Tensor weighted = at::empty({p.weigh ? parts * panels * panel : 0}, at::kFloat);
  at::Tensor count = at::empty({parts * 2 * (p.bins + 1)}, at::kInt);
  at::Tensor mixed = at::empty({at::get_num_threads(), kBlock * p.stride()}, at::kFloat);
  State all{shim::data<Lanes>(lanes), shim::data<float>(weighted), shim::data<uint32_t>(count)};
  float* block = shim::data<float>(mixed);
  Run* const pass = run();

  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      State s{all.lanes + i * panels, all.weighted + (p.weigh ? i * panels * panel : 0),
              all.counts + i * 2 * (p.bins + 1)};
      std::memset(s.lanes, 0, panels * sizeof(Lanes));
      for (int64_t j = 0; j < panels; j++) std::fill_n(s.lanes[j].max, kLanes, -FLT_MAX);
      if (p.weigh) std::fill_n(s.weighted, panels * panel, 0.f);
      std::fill_n(s.counts, 2 * (p.bins + 1), 0);
      pass(p, i * length, std::min((i + 1) * length, p.k), s, block + at::get_thread_num() * kBlock * p.stride());
    }
  });

  at::parallel_for(0, panels, 1, [&](int64_t begin, int64_t end) {
    double weight[kMaxParts][kLanes] = {};
    for (int64_t i = begin; i < end; i++) {
      const int64_t live = std::min(kLanes, p.n - i * kLanes);
      for (int64_t l = 0; l < live; l++)
        join(p, all.lanes + i, panels, parts, length, l, statistics + (i * kLanes + l) * 5, weight);
      for (int64_t c = 0; p.weigh && c < p.d; c++) {
        double sum[kLanes] = {0};
        for (int64_t j = 0; j < parts; j++) {
          const float* part = all.weighted + ((j * panels + i) * p.depth + c) * kLanes;
          for (int64_t l = 0; l < kLanes; l++) sum[l] += weight[j][l] * part[l];
        }
        for (int64_t l = 0; l < live; l++) attended[(i * kLanes + l) * p.d + c] = static_cast<float>(sum[l]);
      }
    }
  });
  for (int64_t b = 0; b < p.bins; b++) {
    counts[b] = 0;
    for (int64_t j = 0; j < 2 * parts; j++) counts[b] += all.counts[j * (p.bins + 1) + b];
  }
}

} // namespace
} // namespace attend

extern "C" char* cl_attend(const cl_attention* a) {
  char* err = nullptr;
  CL_TRY(err, attend::attend(*a));
  return err;
}
