// Attention of N queries to K rows in one pass over the rows, with statistics of
// the scores: what a contrastive loss and its derivative need of the negatives.
//
//	s_i = q·n'_i    n'_i = λ n_i + (1-λ) n_π(i), of unit length if asked for
//	p_i = exp(s_i/τ) / Σ_j exp(s_j/τ)    a = Σ_i p_i n'_i
//
// The N·K scores are never in memory. Rows come in blocks of 128, which are mixed
// in the cache; a panel of 32 queries is multiplied with a block, the scores give
// way to e_i = exp((s_i - m)/τ) with m the largest score so far, and these are
// multiplied with the same block to continue Σ e_i n'_i. When a block raises m,
// what was summed before is multiplied by exp((m_old - m_new)/τ) (Milakov and
// Gimelshein, 2018; FlashAttention, Dao et al., 2022).
//
// The rows are cut into parts by K alone, whose results are joined in order, and
// each query is a lane of its own: the result has the same bits for any number of
// threads, and for vectors of any width on processors with fused multiply-add.
#ifndef CONTRALENS_SHIM_ATTEND_H
#define CONTRALENS_SHIM_ATTEND_H

#ifdef __cplusplus
extern "C" {
#endif

// Tensors are borrowed, on the CPU and contiguous; float32 unless said otherwise.
typedef struct {
  void* queries;     // [N, d]
  void* rows;        // [K, d], K ≥ 1
  void* permutation; // π, int64 [K]; null: n' = n
  void* elements;    // λ [K, d]; null: value
  double value;
  int normalize;
  double temperature; // τ
  double low, high;   // scores are counted in bins of equal width between these
  int bins;           // 0: not at all

  void* attended;   // gets a [N, d]; null: not wanted
  void* statistics; // gets float64 [N, 5], see below
  void* counts; // gets int64 [bins] of all scores: those beyond an end count in its bin, NaN nowhere; null without bins
} cl_attention;

// Columns of statistics: largest score, mean, variance (divisor K-1), log Σ exp(s/τ),
// entropy of p in nats.

// Returns null or an error that the caller frees with free().
char* cl_attend(const cl_attention* a);

#ifdef __cplusplus
}
#endif
#endif
