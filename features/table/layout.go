package table

import (
	"math"
	"math/rand/v2"
)

// layoutRows is the number of rows, evenly spaced, that the principal components are
// computed from.
const layoutRows = 8192

// components returns the mean and the first two principal components of the rows of unit
// length, by orthogonal iteration. Without rows, or if all are equal, the components are
// 0.
func (m matrix) components() (mean []float64, axes [2][]float64, err error) {
	count := min(m.n, layoutRows)
	var rows [][]float32
	mean = make([]float64, m.d)
	for i := range count {
		row, err := m.row(i * m.n / count)
		if err != nil {
			return nil, axes, err
		}
		if row, ok := unit(row); ok {
			rows = append(rows, row)
			for j, v := range row {
				mean[j] += float64(v)
			}
		}
	}
	for j := range mean {
		mean[j] /= float64(max(1, len(rows)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for a := range axes {
		axes[a] = make([]float64, m.d)
		for j := range axes[a] {
			axes[a][j] = random.NormFloat64()
		}
	}
	orthonormal(&axes)
	for range 60 { // far more than a picture needs
		var next [2][]float64
		for a := range next {
			next[a] = make([]float64, m.d)
		}
		for _, row := range rows {
			for a := range next {
				p := project(row, mean, axes[a])
				for j, v := range row {
					next[a][j] += p * (float64(v) - mean[j])
				}
			}
		}
		axes = next
		orthonormal(&axes)
	}
	for a := range axes { // a sign that does not depend on the start
		largest := 0.0
		for _, v := range axes[a] {
			if math.Abs(v) > math.Abs(largest) {
				largest = v
			}
		}
		if largest < 0 {
			for j := range axes[a] {
				axes[a][j] = -axes[a][j]
			}
		}
	}
	return mean, axes, nil
}

// project returns (row - mean)·axis.
func project(row []float32, mean, axis []float64) (p float64) {
	for j, v := range row {
		p += (float64(v) - mean[j]) * axis[j]
	}
	return p
}

// orthonormal makes the axes orthogonal and of unit length, or 0 where nothing is left.
func orthonormal(axes *[2][]float64) {
	normalize := func(a []float64) {
		sum := 0.0
		for _, v := range a {
			sum += v * v
		}
		for j := range a {
			if sum > 1e-30 {
				a[j] /= math.Sqrt(sum)
			} else {
				a[j] = 0
			}
		}
	}
	normalize(axes[0])
	dot := 0.0
	for j := range axes[1] {
		dot += axes[0][j] * axes[1][j]
	}
	for j := range axes[1] {
		axes[1][j] -= dot * axes[0][j]
	}
	normalize(axes[1])
}
