package setup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"

	"contralens/internal/blas"
	"contralens/internal/cpu"
	"contralens/torch"
)

// Note receives sentences about the machine that a user should know, unless it is nil.
var Note func(string)

// Products makes sure, once in a process, that fp32 matrix products are computed with
// kernels that fit the processor, and that some of them come out right. fit is how the
// kernels were chosen. Call it inside torch.Run, before anything computes.
func Products() (fit blas.Fit, err error) { return products() }

var products = sync.OnceValues(func() (blas.Fit, error) {
	fit := blas.FitTo(blas.Loaded(), cpu.Best(), os.Getenv(blas.CoreVariable))
	if note := fit.Note(); note != "" && Note != nil {
		Note(note)
	}
	return fit, checkProducts(fit, (*torch.Tensor).Matmul)
})

// shapes are those of the products that are checked, [m, k] by [k, n]: single rows and
// columns, odd sizes, sides longer than a kernel's tile, and the shapes of a convolution and
// of a k-NN vote.
var shapes = [][3]int{
	{1, 7, 3}, {1, 512, 33}, {33, 129, 1}, {17, 5, 129}, {129, 65, 31}, {255, 31, 66}, {64, 147, 196}, {5, 1024, 48},
	{320, 128, 127},
}

// sampled is the number of columns of a product that are checked.
const sampled = 12

// checkProducts compares products with float64, for matrices stored by rows and by columns,
// alone and in batches.
func checkProducts(fit blas.Fit, multiply func(a, b *torch.Tensor) *torch.Tensor) error {
	rng := rand.New(rand.NewPCG(1, 0))
	draw := func(n int) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = rng.Float32() - 0.5
		}
		return values
	}
	for i, s := range shapes {
		m, k, n, batch := s[0], s[1], s[2], 1+i%2
		a, b := draw(batch*m*k), draw(batch*k*n)
		for stored := range 4 {
			var c []float32
			torch.Scoped(func() {
				c = multiply(matrices(a, batch, m, k, stored&1 != 0), matrices(b, batch, k, n, stored&2 != 0)).Float32s()
			})
			if wrong(a, b, c, batch, m, k, n) {
				return wrongProduct(fit, m, k, n)
			}
		}
	}
	return nil
}

// matrices returns values, [batch, rows, columns], as such a tensor, or as [rows, columns]
// if there is one matrix. It may store each matrix by columns.
func matrices(values []float32, batch, rows, columns int, byColumns bool) *torch.Tensor {
	t := torch.FromFloat32(values, batch, rows, columns)
	if byColumns {
		t = t.Transpose(1, 2).Contiguous().Transpose(1, 2)
	}
	if batch == 1 {
		t = t.Squeeze(0)
	}
	return t
}

// wrong reports whether c, [batch, m, n], is further from the product of a and b than
// rounding can bring it.
func wrong(a, b, c []float32, batch, m, k, n int) bool {
	for p := range batch {
		a, b, c := a[p*m*k:], b[p*k*n:], c[p*m*n:]
		for s := range min(n, sampled) {
			column := n - 1 - s*n/min(n, sampled) // the last one, too
			for row := range m {
				var want, size float64
				for i := range k {
					x := float64(a[row*k+i]) * float64(b[i*n+column])
					want += x
					size += math.Abs(x)
				}
				// Any order of sums stays within k roundings of size.
				if d := math.Abs(want - float64(c[row*n+column])); !(d <= float64(k+1)*0x1p-23*size) {
					return true
				}
			}
		}
	}
	return false
}

// wrongProduct returns the error of a wrong product, with the remedy.
func wrongProduct(fit blas.Fit, m, k, n int) error {
	what := "libtorch"
	if fit.Core != "" {
		what = fit.String()
	}
	remedy := fmt.Sprintf("try %s=Haswell or another version of libtorch's library of matrix products", blas.CoreVariable)
	switch {
	case fit.User != "":
		remedy = fmt.Sprintf("%s=%s does not suit this processor; unset it or name other kernels, such as Haswell",
			blas.CoreVariable, fit.User)
	case fit.Core == "":
		remedy = "install another version of libtorch"
	}
	return fmt.Errorf("the fp32 product of [%d, %d] by [%d, %d] is wrong, computed by %s: %s", m, k, k, n, what, remedy)
}
