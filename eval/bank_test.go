package eval

import (
	"math"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/tensortest"
	"contralens/peers"
	"contralens/torch"
	"contralens/world"
)

// A bank that passes by in parts of any size gives the accuracy of one product: for all
// numbers of neighbors, with standardized features, with more queries than one product takes.
func TestKNNOnADevice(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		tensortest.Run(t, func() {
			const n, m, dim, classes = 300, queryChunk + 70, 6, 6
			features := func(seed uint64, rows int) (*torch.Tensor, []int64) {
				values, labels := golden.Input(seed, rows*dim), make([]int64, rows)
				for i := range labels {
					labels[i] = int64(i*i+i/3) % classes
					values[i*dim+int(labels[i])] += 1.5
				}
				return torch.FromFloat32(values, rows, dim), labels
			}
			bank, bankLabels := features(1, n)
			queries, labels := features(2, m)
			for _, v := range []Vote{{K: 1, Temperature: 0.1}, {K: 20, Temperature: 0.1}, {K: 20, Temperature: 0.5, Standardize: true}, {K: 500, Temperature: 0.1}} {
				want := KNN(bank, bankLabels, queries, labels, v, classes)
				if want < 30 || want > 99 {
					t.Fatalf("%+v: accuracy %v says little", v, want)
				}
				for i, rows := range []int{7, 100, 299, 1000} {
					size := 1 + i%3 // processes that share the queries
					right := 0
					for rank := range size {
						right += knnOn(d, rows, bank, bankLabels, queries, labels, v, classes, &peers.Peers{World: world.World{Rank: rank, Size: size}})
					}
					if got := 100 * float64(right) / float64(len(labels)); math.Abs(got-want) > 1e-9 {
						t.Errorf("%+v, %d rows at a time: %v, want %v", v, rows, got, want)
					}
				}
			}
		})
	})
}
