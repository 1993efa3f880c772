package optim

import (
	"testing"

	"contralens/internal/numeric"
)

// The cosines pass through the values that their papers give: ends, quarters and middles.
func TestCosines(t *testing.T) {
	for _, at := range []struct{ t, want float64 }{{0, 1}, {50, 0.55}, {100, 0.1}, {150, 0.55}, {200, 1}, {300, 0.1}} {
		numeric.Near(t, "swing", Swing(0.1, 1, at.t, 200), at.want, 1e-12)
	}
	for _, at := range []struct {
		step int
		want float64
	}{{0, 0.996}, {500, 0.998}, {1000, 1}} {
		numeric.Near(t, "rise", Rise(0.996, at.step, 1000), at.want, 1e-12)
	}
}
