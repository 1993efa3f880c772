// Statistics of the rows of a matrix in one pass. Separate operators would need several
// passes and buffers of the matrix's size.
#ifndef CONTRALENS_SHIM_SUMMARY_H
#define CONTRALENS_SHIM_SUMMARY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// x is a matrix of rows x columns. mean, variance (divisor columns-1) and max have one
// element per row. counts has `bins` bins of equal width from low to high. Elements below
// low or above high count in the first or the last bin; NaN is not counted. Returns null
// or an error that the caller frees with free().
char* cl_summary(void* x, double low, double high, int bins, double* mean, double* variance, double* max,
                 int64_t* counts);

#ifdef __cplusplus
}
#endif
#endif
