// Package tensortest has what the tests of layers and networks share.
package tensortest

import (
	"iter"
	"math"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// Run does a test's tensor work in a scope, and checks that nothing of it stays alive.
func Run(t *testing.T, f func()) {
	t.Helper()
	before := torch.LiveTensors()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
	if n := torch.LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors leaked", n)
	}
}

// Reporter takes what a check finds wrong: a test, or a list.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Gradients holds the norms of parameters' gradients against golden ones, the first
// number of each entry; they may be off by tolerance times the largest.
func Gradients(off Reporter, parameters iter.Seq2[string, *torch.Tensor], want map[string][2]float64,
	tolerance float64) {
	var top float64
	for _, g := range want {
		top = max(top, g[0])
	}
	for name, p := range parameters {
		w, ok := want[name]
		if !ok {
			off.Errorf("no golden gradient for %s", name)
			continue
		}
		g := p.Grad()
		if g == nil {
			off.Errorf("%s has no gradient", name)
			continue
		}
		n := g.To(torch.Float64).Norm().Item()
		if t, ok := off.(testing.TB); ok {
			numeric.Margin(t, "gradient of "+name, math.Abs(n-w[0]), tolerance*top)
		}
		if !(math.Abs(n-w[0]) <= tolerance*top) {
			off.Errorf("gradient of %s has norm %v, want %v (largest %v, tolerance %.3g)", name, n, w[0], top, tolerance)
		}
	}
}
