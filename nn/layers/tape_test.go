package layers

import (
	"testing"

	"contralens/internal/tensortest"
	"contralens/torch"
)

// A piece that the loss does not depend on is skipped, and a tape can be emptied
// without a backward pass.
func TestTapePassesOver(t *testing.T) {
	tensortest.Run(t, func() {
		var tape Tape
		calls := 0
		double := func(x *torch.Tensor) *torch.Tensor { calls++; return x.MulScalar(2) }
		w := torch.FromFloat32([]float32{3}, 1).SetRequiresGrad(true)
		y := tape.Pass(torch.FromFloat32([]float32{5}, 1), func(x *torch.Tensor) *torch.Tensor { return x.Mul(w) })
		used := tape.Pass(y, double)
		tape.Pass(torch.FromFloat32([]float32{7}, 1), double)
		used.Sum().Backward()
		tape.Backward(func(f func()) { f() })
		if g := w.Grad().Item(); g != 10 || calls != 3 {
			t.Errorf("gradient %v, want 10; %d runs, want 3", g, calls)
		}
		tape.Pass(torch.FromFloat32([]float32{7}, 1), double)
		tape.Drop()
	})
}
