// Package spectrum measures how much of their space features use, without labels, and keeps
// the measures of a training in <run>/scores/spectrum.jsonl, a Line for each epoch that was
// measured.
//
// The functions are definitions in float64: of singular values ([RankMe], [Participation],
// [NESum], [AlphaReQ]), of views of the same images ([LiDAR], [Alignment]), of points on
// the sphere ([Wasserstein], [Uniformity]) and of two epochs ([Overlap], [CKA]). Measure
// computes all that features allow. Features are matrices of a row per image, [N, D].
package spectrum

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// rankEpsilon is ε of RankMe (Garrido et al., ICML 2023), for float32 features.
const rankEpsilon = 1e-7

// SingularValues returns the singular values of x [N, D] in descending order, min(N, D) of
// them. Those below the rounding errors of the largest are 0: they come from the
// eigenvalues of the smaller of xᵀx and xxᵀ.
func SingularValues(x *mat.Dense) []float64 {
	n, d := x.Dims()
	var square mat.SymDense
	if d <= n {
		square.SymOuterK(1, x.T())
	} else {
		square.SymOuterK(1, x)
	}
	values := eigenvalues(&square)
	for i, v := range values {
		values[i] = math.Sqrt(v)
	}
	return values
}

// rounding is the standard deviation of features, as a share of their length, below which they vary by
// no more than the rounding errors of a network in float32.
const rounding = 0x1p-18

// Variances returns the eigenvalues of the covariance of x [N, D] in descending order,
// min(N, D) of them; the divisor is N-1. All are 0 if rounding errors of float32 explain them.
func Variances(x *mat.Dense) []float64 {
	c := centered(x)
	values := SingularValues(c)
	n, _ := x.Dims()
	if mat.Norm(c, 2) <= rounding*mat.Norm(x, 2) {
		clear(values)
	}
	for i, v := range values {
		values[i] = v * v / float64(max(1, n-1))
	}
	return values
}

// eigenvalues returns the eigenvalues of a positive semi-definite matrix in descending
// order. Those that rounding errors explain are 0. All are NaN if there is no solution.
func eigenvalues(square *mat.SymDense) []float64 {
	n := square.SymmetricDim()
	scaled, largest := unitScale(square)
	var eigen mat.EigenSym
	if !eigen.Factorize(scaled, false) {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.NaN()
		}
		return values
	}
	values := eigen.Values(nil)
	slices.Reverse(values)
	least := float64(n) * 0x1p-52 * values[0]
	for i, v := range values {
		if values[i] = v * largest; v <= least {
			values[i] = 0
		}
	}
	return values
}

// negligible is the size of an element, as a share of the largest, that changes no eigenvalue.
const negligible = 1e-20

// unitScale returns a matrix over its largest element, and that element. Negligible elements become 0:
// gonum 0.17 panics on blocks of a matrix whose elements are all below 1e-122, as features have that
// collapse. It returns the matrix itself if it is 0 or not finite.
func unitScale(square *mat.SymDense) (scaled *mat.SymDense, largest float64) {
	n := square.SymmetricDim()
	for i := range n {
		for j := i; j < n; j++ {
			largest = max(largest, math.Abs(square.At(i, j))) // NaN stays
		}
	}
	if largest == 0 || math.IsInf(largest, 0) || math.IsNaN(largest) {
		return square, 1
	}
	scaled = mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			if v := square.At(i, j) / largest; math.Abs(v) > negligible {
				scaled.SetSym(i, j, v)
			}
		}
	}
	return scaled, largest
}

// centered returns x minus the mean of its rows.
func centered(x *mat.Dense) *mat.Dense {
	n, d := x.Dims()
	mean := means(x)
	c := mat.NewDense(n, d, nil)
	for i := range n {
		row := c.RawRowView(i)
		for j, v := range x.RawRowView(i) {
			row[j] = v - mean[j]
		}
	}
	return c
}

// means returns the mean of the rows of x [N, D].
func means(x *mat.Dense) []float64 {
	n, d := x.Dims()
	mean := make([]float64, d)
	for i := range n {
		for j, v := range x.RawRowView(i) {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	return mean
}

// RankMe is the effective rank of features by their singular values σ (Garrido et al., ICML
// 2023, equation 1):
//
//	exp(−Σ p_i ln p_i)    p_i = σ_i/Σσ + ε    ε = 1e-7
//
// It lies between 1 and the smaller of the numbers of images and dimensions. Features are not
// centered. It is 1 for features that are all 0.
func RankMe(singular []float64) float64 { return entropyRank(singular, rankEpsilon) }

// entropyRank is exp of the entropy of the values' shares, to each of which epsilon is added.
func entropyRank(values []float64, epsilon float64) float64 {
	total, entropy := sum(values), 0.0
	if total == 0 {
		return 1
	}
	for _, v := range values {
		p := v/total + epsilon
		entropy -= p * math.Log(p)
	}
	return math.Exp(entropy)
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// Participation is the participation ratio of the covariance's eigenvalues, (Σλ)²/Σλ². With few
// images it is too low. NaN for features without variance.
func Participation(variances []float64) float64 {
	total, squares := sum(variances), 0.0
	for _, v := range variances {
		squares += v * v
	}
	return total * total / squares
}

// NESum is the sum of the covariance's eigenvalues over the largest, Σλ/λ_1 (He & Ozay, ICML
// 2022). NaN for features without variance.
func NESum(variances []float64) float64 { return sum(variances) / variances[0] }

// aliveShare is the share of the largest eigenvalue above which a direction counts as used.
const aliveShare = 1e-4

// Alive is the share of the eigenvalues of the covariance that are above 1e-4 of the largest.
// A small one is a dimensional collapse (Jing et al., ICLR 2022). NaN for features without
// variance.
func Alive(variances []float64) float64 {
	if variances[0] == 0 {
		return math.NaN()
	}
	n := 0
	for _, v := range variances {
		if v > aliveShare*variances[0] {
			n++
		}
	}
	return float64(n) / float64(len(variances))
}

// The eigenvalues that AlphaReQ fits, from 1.
const (
	alphaFirst = 11
	alphaLast  = 50
	alphaLeast = 10 // number of eigenvalues without which there is no fit
)

// AlphaReQ is the decay α of the covariance's eigenvalues, λ_i ∝ i^−α, by least squares of ln λ_i
// over ln i for i from 11 to 50 (Agrawal et al., NeurIPS 2022). Near 1 is best. fit is R².
// Eigenvalues of 0 are left out; with fewer than 10 others both are NaN, because features
// of such a low rank follow no power law.
func AlphaReQ(variances []float64) (alpha, fit float64) {
	var x, y []float64
	for i := alphaFirst; i <= min(alphaLast, len(variances)); i++ {
		if v := variances[i-1]; v > 0 {
			x, y = append(x, math.Log(float64(i))), append(y, math.Log(v))
		}
	}
	if len(x) < alphaLeast {
		return math.NaN(), math.NaN()
	}
	offset, slope := stat.LinearRegression(x, y, nil, false)
	return -slope, stat.RSquared(x, y, nil, offset, slope)
}
