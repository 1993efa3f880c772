package spectrum

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// neighborsOf is the number of neighbors that Overlap compares.
const neighborsOf = 10

// Neighbors returns for each row of u [N, D], of length 1, the rows with the largest product: at most
// 10, never itself, in ascending order of their indices. Equal products count in the order of rows.
func Neighbors(u *mat.Dense) [][]int { return neighbors(products(u)) }

func neighbors(gram *mat.SymDense) [][]int {
	n := gram.SymmetricDim()
	lists := make([][]int, n)
	k := min(neighborsOf, n-1)
	for i := range lists {
		near := make([]int, 0, k+1) // the nearest so far, the nearest first
		for j := range n {
			if j == i || len(near) == k && (k == 0 || gram.At(i, j) <= gram.At(i, near[k-1])) {
				continue
			}
			at := len(near)
			for at > 0 && gram.At(i, near[at-1]) < gram.At(i, j) {
				at--
			}
			near = slices.Insert(near, at, j)
			near = near[:min(k, len(near))]
		}
		slices.Sort(near)
		lists[i] = near
	}
	return lists
}

// Overlap is the share of neighbors that two epochs have in common, averaged over images: 1 minus it
// is the churn. NaN without neighbors.
func Overlap(a, b [][]int) float64 {
	same, all := 0, 0
	for i := range a {
		for _, j := range a[i] {
			if _, found := slices.BinarySearch(b[i], j); found {
				same++
			}
		}
		all += len(a[i])
	}
	return float64(same) / float64(all)
}

// CKA is the linear centered kernel alignment of the features of the same images, a [N, D] and b [N,
// E], centered (Kornblith et al., ICML 2019, equation 5):
//
//	‖aᵀb‖²_F / (‖aᵀa‖_F ‖bᵀb‖_F)
//
// 1 is the same up to a rotation and a scale. A few images far from the others can dominate it (Davari
// et al., ICLR 2023). NaN for features without variance.
func CKA(a, b *mat.Dense) float64 { return kernelAlignment(kernel(a), kernel(b)) }

// kernel returns the products of the centered rows of x, [N, N].
func kernel(x *mat.Dense) *mat.SymDense { return products(centered(x)) }

// kernelAlignment is <a, b>/(‖a‖‖b‖), which for products of rows is CKA.
func kernelAlignment(a, b *mat.SymDense) float64 {
	n := a.SymmetricDim()
	var ab, aa, bb float64
	for i := range n {
		for j := range i + 1 {
			times := 2.0
			if i == j {
				times = 1
			}
			x, y := a.At(i, j), b.At(i, j)
			ab, aa, bb = ab+times*x*y, aa+times*x*x, bb+times*y*y
		}
	}
	return ab / math.Sqrt(aa*bb)
}
