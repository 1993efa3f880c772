package layout

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// Components is the number of principal components that are kept: neighbors are found among them.
const Components = 30

const (
	exactly = 400  // the smaller side of features whose components are found from their covariance
	spare   = 10   // dimensions beyond the wanted ones that subspace iteration keeps
	settled = 1e-3 // relative change of the explained variance at which it ends
	rounds  = 12   // of subspace iteration, at most

	rounding = 1e-6 // of features, relative to the largest
)

// PCA is the projection of features on their principal components.
type PCA struct {
	K         int       // components: Components, or fewer if the features have fewer dimensions
	Rows      []float32 // [n, K]; the largest element of each component is positive
	Explained []float64 // share of the variance per component

	stamp string // of the features
}

// Principal projects features [n, d] on their principal components. They are found from the smaller
// of covariance and Gram matrix, and those of large features by subspace iteration (Halko, Martinsson
// and Tropp, 2011), until the variance that they explain grows by less than 1e-3.
func Principal(features []float32, d int) (PCA, error) {
	n := len(features) / d
	if onePoint(features, d) {
		k := min(Components, n, d)
		return PCA{K: k, Rows: make([]float32, n*k), Explained: make([]float64, k)}, nil
	}
	if min(n, d) <= exactly {
		return principal(features, n, d)
	}
	return iterated(features, n, d)
}

// onePoint reports whether features [n, d] differ by no more than rounding, so that their directions
// mean nothing.
func onePoint(features []float32, d int) bool {
	largest, apart := 0.0, 0.0
	for i, v := range features {
		largest = max(largest, math.Abs(float64(v)))
		apart = max(apart, math.Abs(float64(v)-float64(features[i%d])))
	}
	return apart <= rounding*largest
}

// principal uses the eigenvectors of the smaller of the covariance, [d, d], and the Gram matrix, [n, n].
func principal(features []float32, n, d int) (PCA, error) {
	rows := mat.NewDense(n, d, nil)
	for j := range d {
		mean := 0.0
		for i := range n {
			mean += float64(features[i*d+j]) / float64(n)
		}
		for i := range n {
			rows.Set(i, j, float64(features[i*d+j])-mean)
		}
	}
	var square mat.SymDense
	if d <= n {
		square.SymOuterK(1, rows.T())
	} else {
		square.SymOuterK(1, rows)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(&square, true) {
		return PCA{}, fmt.Errorf("the principal components of the features [%d, %d] could not be found", n, d)
	}
	values, total := eigen.Values(nil), 0.0
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for _, v := range values {
		total += max(0, v)
	}
	k := min(Components, len(values))
	p := PCA{K: k, Rows: make([]float32, n*k)}
	for c := range k {
		at := len(values) - 1 - c // ascending order
		axis := mat.NewVecDense(len(values), mat.Col(nil, at, &vectors))
		coordinates := make([]float64, n)
		if d <= n {
			onto := mat.NewVecDense(n, coordinates)
			onto.MulVec(rows, axis)
		} else {
			for i := range coordinates {
				coordinates[i] = axis.AtVec(i) * math.Sqrt(max(0, values[at]))
			}
		}
		p.set(c, coordinates)
		p.explain(values[at], total)
	}
	return p, nil
}

// set makes coordinates component c, with its largest element positive.
func (p *PCA) set(c int, coordinates []float64) {
	sign, largest := 1.0, 0.0
	for _, v := range coordinates {
		if math.Abs(v) > largest+1e-12 {
			largest, sign = math.Abs(v), math.Copysign(1, v)
		}
	}
	for i, v := range coordinates {
		p.Rows[i*p.K+c] = float32(sign * v)
	}
}

func (p *PCA) explain(value, total float64) {
	share := 0.0
	if total > 0 {
		share = max(0, value) / total
	}
	p.Explained = append(p.Explained, share)
}

// iterated finds the components of X by subspace iteration: Q ← orth(XᵀXQ) until the variance in the
// subspace has settled, then the components in it.
func iterated(features []float32, n, d int) (PCA, error) {
	x := blas32.General{Rows: n, Cols: d, Stride: d, Data: centered(features, n, d)}
	total := 0.0
	for _, v := range x.Data {
		total += float64(v) * float64(v)
	}
	b := min(Components+spare, d)
	rng := rand.New(rand.NewPCG(1, 2))
	z := mat.NewDense(d, b, nil)
	for i := range d {
		for j := range b {
			z.Set(i, j, rng.NormFloat64())
		}
	}
	y := blas32.General{Rows: n, Cols: b, Stride: b, Data: make([]float32, n*b)}
	back := blas32.General{Rows: d, Cols: b, Stride: b, Data: make([]float32, d*b)}
	p := PCA{K: Components, Rows: make([]float32, n*Components)}
	var values []float64
	var vectors mat.Dense
	for round, before := 0, 0.0; round < rounds; round++ {
		q := orthonormal(z)
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, x, q, 0, y)
		var eigen mat.EigenSym
		if !eigen.Factorize(gram(y), true) {
			return PCA{}, fmt.Errorf("the principal components of the features [%d, %d] could not be found", n, d)
		}
		values = eigen.Values(nil)
		eigen.VectorsTo(&vectors)
		now := 0.0
		for _, v := range values[b-Components:] {
			now += v
		}
		if now-before <= settled*now {
			break
		}
		before = now
		blas32.Gemm(blas.Trans, blas.NoTrans, 1, x, y, 0, back)
		for i, v := range back.Data {
			z.Set(i/b, i%b, float64(v))
		}
	}
	coordinates := make([]float64, n)
	for c := range Components {
		for i := range n {
			sum := 0.0
			for j, v := range y.Data[i*b : (i+1)*b] {
				sum += float64(v) * vectors.At(j, b-1-c)
			}
			coordinates[i] = sum
		}
		p.set(c, coordinates)
		p.explain(values[b-1-c], total)
	}
	return p, nil
}

// centered returns features without their mean.
func centered(features []float32, n, d int) []float32 {
	mean := make([]float64, d)
	for i, v := range features[:n*d] {
		mean[i%d] += float64(v) / float64(n)
	}
	out := make([]float32, n*d)
	for i, v := range features[:n*d] {
		out[i] = float32(float64(v) - mean[i%d])
	}
	return out
}

// orthonormal returns an orthonormal basis of the columns of z.
func orthonormal(z *mat.Dense) blas32.General {
	d, b := z.Dims()
	var qr mat.QR
	qr.Factorize(z)
	// Q = Z R⁻¹ needs no [d, d] matrix. Columns that depend on others become zero.
	var r mat.Dense
	qr.RTo(&r)
	q := blas32.General{Rows: d, Cols: b, Stride: b, Data: make([]float32, d*b)}
	row := make([]float64, b)
	for i := range d {
		for j := range b {
			v := z.At(i, j)
			for l := range j {
				v -= row[l] * r.At(l, j)
			}
			if s := r.At(j, j); math.Abs(s) > 1e-12*math.Abs(r.At(0, 0)) {
				row[j] = v / s
			} else {
				row[j] = 0
			}
			q.Data[i*b+j] = float32(row[j])
		}
	}
	return q
}

// gram returns yᵀy in float64.
func gram(y blas32.General) *mat.SymDense {
	b := y.Cols
	sums := make([]float64, b*b)
	for i := range y.Rows {
		row := y.Data[i*b : (i+1)*b]
		for j, v := range row {
			for l := j; l < b; l++ {
				sums[j*b+l] += float64(v) * float64(row[l])
			}
		}
	}
	return mat.NewSymDense(b, sums) // the upper triangle counts
}
