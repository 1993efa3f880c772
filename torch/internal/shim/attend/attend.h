// Attention of N queries to K rows in one pass over the rows, with statistics of
// the scores: all that a contrastive loss and its gradient need of the negatives.
//
//	s_i = q·n'_i    n'_i = λ n_i + (1-λ) n_π(i), scaled to unit length if requested
//	p_i = exp(s_i/τ) / Σ_j exp(s_j/τ)    a = Σ_i p_i n'_i
//
// The N·K scores are never stored. Rows are processed in blocks of 128, which are
// mixed in the cache. A panel of 32 queries is multiplied with a block. The scores are
// replaced by e_i = exp((s_i - m)/τ), where m is the largest score so far, and these are
// multiplied with the same block to continue Σ e_i n'_i. When a block raises m, earlier
// sums are multiplied by exp((m_old - m_new)/τ) (Milakov and Gimelshein, 2018;
// FlashAttention, Dao et al., 2022).
//
// K alone decides how the rows are split into parts, the results of the parts are
// combined in order, and each query has a lane of its own. So the result has the same
// bits for any number of threads, and for vectors of any width on processors with fused
// multiply-add.
#ifndef CONTRALENS_SHIM_ATTEND_H
#define CONTRALENS_SHIM_ATTEND_H

#ifdef __cplusplus
extern "C" {
#endif

// Tensors are borrowed, on the CPU and contiguous; float32 unless stated otherwise.
typedef struct {
  void* queries;      // [N, d]
  void* rows;         // n [K, d], K ≥ 1
  void* permutation;  // π, int64 [K]; null: n' = n
  void* elements;     // λ of each element [K, d]; null: λ is value
  double value;       // λ of all elements
  int normalize;      // whether n' is scaled to unit length
  double temperature; // τ
  double low, high;   // the range of the histogram of scores
  int bins;           // its bins, of equal width; 0: no histogram

  void* attended;   // output a [N, d]; null: not computed
  void* statistics; // output float64 [N, 5], see cl_attend
  void* counts;     // output int64 [bins]; null without bins
} cl_attention;

// The columns of statistics are, for each query: largest score, mean, variance (divisor
// K-1), log Σ exp(s/τ), entropy of p in nats. counts is the histogram of all N·K scores:
// those below low or above high count in the first or the last bin, NaN is not counted.
//
// Returns null or an error that the caller frees with free().
char* cl_attend(const cl_attention* a);

#ifdef __cplusplus
}
#endif
#endif
