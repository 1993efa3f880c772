package layout

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Neighbor is a row, and how near it is: a distance or a cosine.
type Neighbor struct {
	Row  int
	Near float64
}

// neighbors returns the k nearest other rows of each row of [n, d] by Euclidean distance, the nearest
// first, [n, k]. All pairs are compared, a block of rows at a time. progress has the share that is done.
func neighbors(rows []float32, d, k int, progress func(share float64) error) ([]Neighbor, error) {
	n := len(rows) / d
	all := blas32.General{Rows: n, Cols: d, Stride: d, Data: rows}
	across := blas32.General{Rows: d, Cols: n, Stride: n, Data: make([]float32, n*d)} // products of it are faster
	norm := make([]float32, n)
	for i := range norm {
		for c, v := range rows[i*d : (i+1)*d] {
			norm[i] += v * v
			across.Data[c*n+i] = v
		}
	}
	const most = 256
	products := make([]float32, min(n, most)*n)
	out := make([]Neighbor, n*k)
	best := make([]float32, k)
	for from := 0; from < n; from += most {
		block := all
		block.Rows = min(most, n-from)
		block.Data = rows[from*d:]
		p := blas32.General{Rows: block.Rows, Cols: n, Stride: n, Data: products[:block.Rows*n]}
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, block, across, 0, p)
		for r := range block.Rows {
			i := from + r
			nearest(p.Data[r*n:(r+1)*n], norm, i, best, out[i*k:(i+1)*k])
			exact(rows, d, i, out[i*k:(i+1)*k])
		}
		if err := progress(float64(from+block.Rows) / float64(n)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nearest selects the rows nearest to row i: those of the smallest |b|² − 2a·b.
func nearest(products, norm []float32, i int, best []float32, out []Neighbor) {
	k, have := len(out), 0
	for j, p := range products {
		far := norm[j] - 2*p
		if j == i || have == k && far >= best[k-1] {
			continue
		}
		at := min(have, k-1)
		for ; at > 0 && best[at-1] > far; at-- {
			best[at], out[at] = best[at-1], out[at-1]
		}
		best[at], out[at].Row = far, j
		have = min(have+1, k)
	}
}

// exact computes the distances of the selected rows, and orders them by these.
func exact(rows []float32, d, i int, list []Neighbor) {
	for at := range list {
		j, sum := list[at].Row, 0.0
		for c := range d {
			v := float64(rows[i*d+c]) - float64(rows[j*d+c])
			sum += v * v
		}
		one := Neighbor{j, math.Sqrt(sum)}
		l := at
		for ; l > 0 && list[l-1].Near > one.Near; l-- {
			list[l] = list[l-1]
		}
		list[l] = one
	}
}

// NearestTo returns the k rows of [n, d] with the largest cosine to row i, the nearest first.
func NearestTo(rows []float32, d, i, k int) []Neighbor {
	length := func(j int) float64 {
		sum := 0.0
		for _, v := range rows[j*d : (j+1)*d] {
			sum += float64(v) * float64(v)
		}
		if sum == 0 {
			return 1
		}
		return math.Sqrt(sum)
	}
	var list []Neighbor
	own := length(i)
	for j := range len(rows) / d {
		if j == i {
			continue
		}
		cosine := 0.0
		for c := range d {
			cosine += float64(rows[i*d+c]) * float64(rows[j*d+c])
		}
		cosine /= own * length(j)
		if len(list) == k && cosine <= list[k-1].Near {
			continue
		}
		if len(list) < k {
			list = append(list, Neighbor{})
		}
		at := len(list) - 1
		for ; at > 0 && list[at-1].Near < cosine; at-- {
			list[at] = list[at-1]
		}
		list[at] = Neighbor{j, cosine}
	}
	return list
}
