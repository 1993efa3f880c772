// Package tensortest has helpers for the tests of layers and networks.
package tensortest

import (
	"iter"
	"math"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// Run runs the tensor work of a test in a scope, and fails the test if tensors leak.
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

// Reporter receives the failures of a check. A test is a Reporter.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Gradients compares the norms of the parameters' gradients with golden ones, the first
// number of each entry of want. The tolerance is relative to the largest norm.
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
