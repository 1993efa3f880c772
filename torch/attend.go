package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/attend
#include "attend.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Mixed describes the rows n'_i = λ n_i + (1-λ) n_π(i) that are mixed from the rows
// n [K, d] of a matrix.
type Mixed struct {
	Rows        *Tensor // n, float32 [K, d] on the CPU
	Permutation *Tensor // π, int64 [K]; nil: nothing is mixed, n' = n
	Lambda      float64 // λ of every element, unless Elements is set
	Elements    *Tensor // one λ per element, float32 [K, d]
	Normalize   bool    // scale each n' to unit length
}

// Attention is the softmax of N queries over the mixed rows.
type Attention struct {
	Summary           // of the scores s_i = q·n'_i of each query
	LogSum  []float64 // log Σ_i exp(s_i/τ) of each query
	Entropy []float64 // of each query's p_i = exp(s_i/τ) / Σ_j exp(s_j/τ), in nats
	Sum     *Tensor   // Σ_i p_i n'_i of each query, float32 [N, d]; nil unless requested
}

// Counting requests a histogram of scores: Bins bins of equal width from Low to High,
// see [Tensor.Summarize]. With 0 bins there is none.
type Counting struct {
	Low, High float64
	Bins      int
}

// Attend compares queries q, float32 [N, d] on the CPU, with every row at the
// temperature τ. It reads the rows once and stores no matrix of scores. If sum is set,
// it also computes Attention.Sum. Nothing is recorded for autograd. The result has the
// same bits for any number of threads. It panics with an *Error if shapes, types or
// settings don't fit.
func (m Mixed) Attend(q *Tensor, τ float64, sum bool, count Counting) (a Attention) {
	if q.Dim() != 2 || !(τ > 0) || (count.Bins > 0 && !(count.Low < count.High)) {
		panic(&Error{Op: "attend", Message: fmt.Sprintf("want queries [N, d], a temperature above 0 and bins between two "+
			"numbers, got shape %v, %v and %+v", q.Shape(), τ, count)})
	}
	n := q.Size(0)
	if sum {
		a.Sum = Empty([]int{n, q.Size(1)}, Options{})
	}
	Scoped(func() {
		statistics := Empty([]int{n, 5}, Options{Dtype: Float64})
		c := C.cl_attention{
			queries: q.Contiguous().pointer(), rows: m.Rows.Contiguous().pointer(),
			permutation: m.Permutation.pointer(), elements: m.Elements.pointer(),
			value: C.double(m.Lambda), normalize: cbool(m.Normalize), temperature: C.double(τ),
			low: C.double(count.Low), high: C.double(count.High), bins: C.int(count.Bins),
			attended: a.Sum.pointer(), statistics: statistics.pointer(),
		}
		counts := Empty([]int{count.Bins}, Options{Dtype: Int64})
		c.counts = counts.pointer()
		check("attend", C.cl_attend(&c))
		rows := statistics.Float64s()
		for i, column := range []*[]float64{&a.Max, &a.Mean, &a.Variance, &a.LogSum, &a.Entropy} {
			*column = make([]float64, n)
			for j := range n {
				(*column)[j] = rows[j*5+i]
			}
		}
		a.Counts = counts.Int64s()
	})
	return a
}

// pointer is t's handle for C, or null if t is nil.
func (t *Tensor) pointer() unsafe.Pointer {
	if t == nil {
		return nil
	}
	return unsafe.Pointer(t.c())
}
