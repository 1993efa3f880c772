package torch

import (
	"math"
	"testing"
)

func TestAllFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, tc := range []struct {
		name   string
		values [][]float32
		finite bool
	}{
		{"nothing", nil, true},
		{"numbers", [][]float32{{1, -2, 3e30}, {0}}, true},
		{"NaN", [][]float32{{1, 2}, {0, nan}}, false},
		{"infinity", [][]float32{{1, -inf}, {2}}, false},
		{"infinities that would cancel", [][]float32{{inf}, {-inf}}, false},
		{"a sum that overflows", [][]float32{{3e38, 3e38}}, false},
	} {
		err := Run(func() error {
			Scoped(func() {
				var ts []*Tensor
				for _, v := range tc.values {
					ts = append(ts, FromFloat32(v, len(v)))
				}
				if got := AllFinite(ts); got != tc.finite {
					t.Errorf("%s: %v, want %v", tc.name, got, tc.finite)
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
