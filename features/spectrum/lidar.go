package spectrum

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// The constants of LiDAR in its paper.
const (
	lidarDelta   = 1e-4
	lidarEpsilon = 1e-8
)

// LiDAR is the effective rank of a discriminant analysis whose classes are images and whose samples
// are their views (Thilak et al., ICLR 2024, section 3):
//
//	μ_i the mean of image i's views, μ that of all
//	Σ_b = 1/(n−1) Σ (μ_i−μ)(μ_i−μ)ᵀ
//	Σ_w = 1/(n(q−1)) ΣΣ (x_ij−μ_i)(x_ij−μ_i)ᵀ + δI,  δ = 1e-4
//	λ the eigenvalues of Σ_w^−½ Σ_b Σ_w^−½
//	exp(−Σ p_i ln p_i)    p_i = λ_i/Σλ + ε,  ε = 1e-8
//
// x is [n·q, D] with q = views rows in a row for each image. It is at most the smaller of n−1 and D.
// Directions that an augmentation changes as much as the image does not count. It is an error if
// there are fewer than two images or views.
func LiDAR(x *mat.Dense, views int) (float64, error) {
	rows, d := x.Dims()
	n := rows / max(1, views)
	if views < 2 || n < 2 {
		return math.NaN(), fmt.Errorf("LiDAR: want at least 2 images with 2 views each, got %d with %d", n, views)
	}
	centers, within := mat.NewDense(n, d, nil), mat.NewDense(n*views, d, nil)
	for i := range n {
		mean := means(x.Slice(i*views, (i+1)*views, 0, d).(*mat.Dense))
		centers.SetRow(i, mean)
		for v := i * views; v < (i+1)*views; v++ {
			row := within.RawRowView(v)
			for j, value := range x.RawRowView(v) {
				row[j] = value - mean[j]
			}
		}
	}
	var w mat.SymDense
	w.SymOuterK(1/float64(n*(views-1)), within.T())
	for j := range d {
		w.SetSym(j, j, w.At(j, j)+lidarDelta)
	}
	var factor mat.Cholesky
	if !factor.Factorize(&w) {
		return math.NaN(), fmt.Errorf("LiDAR: want finite features of views, which vary by less than 1e12")
	}
	// With Σ_w = LLᵀ, the matrix L⁻¹ Σ_b L⁻ᵀ has the same eigenvalues.
	var l mat.TriDense
	factor.LTo(&l)
	var whitened mat.Dense // L⁻¹ (μ_i−μ)ᵀ, [D, n]
	if err := whitened.Solve(&l, centered(centers).T()); err != nil {
		return math.NaN(), fmt.Errorf("LiDAR: want a covariance of the views that can be inverted: %w", err)
	}
	values := SingularValues(&whitened)
	for i, v := range values {
		values[i] = v * v / float64(n-1)
	}
	for len(values) < d { // Σ_b has a rank of at most n, and each eigenvalue has its ε
		values = append(values, 0)
	}
	return entropyRank(values, lidarEpsilon), nil
}
