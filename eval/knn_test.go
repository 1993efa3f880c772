package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"contralens/features"
	"contralens/torch"
	"contralens/views"
)

// KNN, compared with sorting all similarities.
func TestKNN(t *testing.T) {
	const n, m, d, classes = 60, 40, 5, 3
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) ([]float32, []int64) {
		x, y := make([]float32, n*d), make([]int64, n)
		for i := range y {
			y[i] = int64(rng.IntN(classes))
			for j := range d {
				x[i*d+j] = float32(rng.NormFloat64())
			}
			x[i*d+int(y[i])]++
		}
		return x, y
	}
	bank, bankLabels := draw(n)
	queries, labels := draw(m)
	cosine := func(a, b []float32) float64 {
		var ab, aa, bb float64
		for i := range a {
			ab, aa, bb = ab+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
		}
		return ab / math.Sqrt(aa*bb)
	}
	for _, k := range []int{1, 7, 60, 500} {
		right := 0
		for i := range m {
			type neighbor struct {
				s float64
				y int64
			}
			all := make([]neighbor, n)
			for j := range n {
				all[j] = neighbor{cosine(queries[i*d:(i+1)*d], bank[j*d:(j+1)*d]), bankLabels[j]}
			}
			sort.Slice(all, func(a, b int) bool { return all[a].s > all[b].s })
			var votes [classes]float64
			for _, a := range all[:min(k, n)] {
				votes[a.y] += math.Exp(a.s / 0.1)
			}
			best := 0
			for c := range votes {
				if votes[c] > votes[best] {
					best = c
				}
			}
			if int64(best) == labels[i] {
				right++
			}
		}
		want := 100 * float64(right) / m
		err := torch.Run(func() error {
			torch.Scoped(func() {
				got := KNN(torch.FromFloat32(bank, n, d), bankLabels, torch.FromFloat32(queries, m, d), labels, Vote{K: k, Temperature: 0.1}, classes)
				if math.Abs(got-want) > 1e-9 {
					t.Errorf("k %d: got %v, want %v", k, got, want)
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// named is a dataset with labels only.
type named struct {
	name   string
	labels []int
}

func (n named) Name() string { return n.name }
func (n named) Len() int     { return len(n.labels) }
func (n named) Image(context.Context, int, *views.Image) error {
	return errors.New("there are no images")
}
func (n named) Label(i int) int   { return n.labels[i] }
func (n named) Classes() []string { return []string{"a", "b"} }
func (n named) Path(i int) string { return fmt.Sprint("image ", i) }

// Images without a class are reported before any feature is computed.
func TestKNNOfUnlabeledImages(t *testing.T) {
	some, all := named{"some", []int{0, -1, 1}}, named{"all", []int{0, 1}}
	for _, pair := range [][2]named{{some, all}, {all, some}} {
		if _, err := KNNAccuracy(nil, pair[0], pair[1], PaperVote, features.Options{}); err == nil || !strings.Contains(err.Error(), "dataset some: want a class for every image, but image 1 has none") {
			t.Errorf("bank %s: %v", pair[0].name, err)
		}
	}
}

// Standardized features do not depend on the scale and offset of the bank. Without
// standardization, these decide the vote.
func TestKNNStandardized(t *testing.T) {
	const n, d = 40, 3
	rng := rand.New(rand.NewPCG(5, 6))
	plain, scaled, labels := make([]float32, n*d), make([]float32, n*d), make([]int64, n)
	for i := range n {
		labels[i] = int64(i % 2)
		for j := range d {
			v := rng.NormFloat64()
			if j == 0 {
				v += 4 * float64(labels[i]-1)
			}
			plain[i*d+j] = float32(v)
			scaled[i*d+j] = float32(1000 + v*math.Pow(10, float64(j)))
		}
	}
	err := torch.Run(func() error {
		torch.Scoped(func() {
			accuracy := func(x []float32, standardize bool) float64 {
				f := torch.FromFloat32(x, n, d)
				return KNN(f, labels, f, labels, Vote{K: 5, Temperature: 0.1, Standardize: standardize}, 2)
			}
			if a, b := accuracy(plain, true), accuracy(scaled, true); a != b || a < 90 {
				t.Errorf("standardized: %v %% of the features, %v %% of the same at another scale", a, b)
			}
			if a := accuracy(scaled, false); a > 80 {
				t.Errorf("%v %% without standardizing: the test's features need none", a)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
