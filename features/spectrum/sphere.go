package spectrum

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Unit returns x [N, D] with rows of length 1. Rows of zeros stay.
func Unit(x *mat.Dense) *mat.Dense {
	n, d := x.Dims()
	u := mat.NewDense(n, d, nil)
	for i := range n {
		length := 0.0
		for _, v := range x.RawRowView(i) {
			length += v * v
		}
		if length = math.Sqrt(length); length == 0 {
			continue
		}
		row := u.RawRowView(i)
		for j, v := range x.RawRowView(i) {
			row[j] = v / length
		}
	}
	return u
}

// Uniformity of unit rows u [N, D] is the log of the mean over pairs i < j of
// exp(−2‖u_i−u_j‖²) (Wang & Isola, ICML 2020, t = 2). Lower is more uniform. It is blind to a
// dimensional collapse: points that are even on a sphere of a few dimensions differ little from
// those on one of all dimensions (Fang et al., ICLR 2024). Wasserstein is not.
func Uniformity(u *mat.Dense) float64 { return uniformity(products(u)) }

// products returns the products of all rows, [N, N].
func products(u *mat.Dense) *mat.SymDense {
	var gram mat.SymDense
	gram.SymOuterK(1, u)
	return &gram
}

// uniformity is that of unit rows with the products gram.
func uniformity(gram *mat.SymDense) float64 {
	n, total := gram.SymmetricDim(), 0.0
	for i := range n {
		for j := range i {
			total += math.Exp(-2 * (gram.At(i, i) + gram.At(j, j) - 2*gram.At(i, j)))
		}
	}
	return math.Log(total / float64(n*(n-1)/2))
}

// Wasserstein is the distance W₂ of unit rows u [N, D] from the uniform distribution on the sphere,
// both taken as normal distributions, N(μ, Σ) and N(0, I/D) (Fang et al., ICLR 2024, equation 5):
//
//	√(‖μ‖² + 1 + tr Σ − 2/√D · tr Σ^½)
//
// The divisor of Σ is N. 0 is uniform, √2 a complete collapse. It sees dimensional collapse. With
// fewer than D+1 images it cannot reach 0.
func Wasserstein(u *mat.Dense) float64 {
	n, d := u.Dims()
	length, trace, root := 0.0, 0.0, 0.0
	for _, m := range means(u) {
		length += m * m
	}
	for _, s := range SingularValues(centered(u)) {
		trace += s * s / float64(n)
		root += s / math.Sqrt(float64(n))
	}
	return math.Sqrt(max(0, length+1+trace-2/math.Sqrt(float64(d))*root))
}

// Alignment is the mean squared distance of two views of the same image, over all pairs of views of
// all images (Wang & Isola, ICML 2020, α = 2). Rows of u [n·views, D] have length 1, and the views
// of an image follow each other. NaN with fewer than two views.
func Alignment(u *mat.Dense, views int) float64 {
	n, _ := u.Dims()
	total, pairs := 0.0, 0
	for first := 0; first+views <= n; first += views {
		for a := first; a < first+views; a++ {
			for b := first; b < a; b++ {
				for j, v := range u.RawRowView(a) {
					v -= u.At(b, j)
					total += v * v
				}
				pairs++
			}
		}
	}
	return total / float64(pairs)
}

// Relative is an alignment as a share of how far images are apart: alignment / d², with the soft mean
// d² = −uniformity/2 of their squared distances, which is −½ log of the mean of exp(−2‖x−y‖²). It is below
// 1 where views of an image are nearer to each other than images are. An alignment alone is low for a
// collapse, too; this is not. NaN if all images are the same.
func Relative(alignment, uniformity float64) float64 {
	if uniformity > -1e-12 {
		return math.NaN()
	}
	return alignment / (-uniformity / 2)
}
