package optim

import (
	"fmt"
	"testing"

	"contralens/internal/golden"
	"contralens/torch"
)

func TestSGDGolden(t *testing.T) {
	c := golden.Load(t, "misc", "sgd")
	var p struct {
		LR          []float64
		Momentum    float64
		WeightDecay float64 `json:"weight_decay"`
	}
	c.Decode(c.Params, &p)
	if err := torch.Run(func() error {
		torch.Scoped(func() {
			start, shape := c.F32("param_0")
			w := torch.FromFloat32(start, shape...).SetRequiresGrad(true)
			s := NewSGD([]*torch.Tensor{w}, p.Momentum, p.WeightDecay)
			defer s.Free()
			for i, lr := range p.LR {
				g, _ := c.F32(fmt.Sprint("grad_", i))
				w.Mul(torch.FromFloat32(g, shape...)).Sum().Backward()
				s.Step(lr)
				want, _ := c.F32(fmt.Sprint("param_", i+1))
				golden.Near(t, fmt.Sprint("step ", i), w.Float32s(), want, 1e-7)
			}
			want, _ := c.F32("momentum_buffer")
			golden.Near(t, "momentum", s.Buffers[0].Float32s(), want, 2e-7)
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// The scale of a parameter multiplies its learning rate and nothing else.
func TestSGDScales(t *testing.T) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			x := torch.FromFloat32([]float32{1, -2}, 2)
			var after [2][]float32
			for i, scaled := range []bool{false, true} {
				w := torch.Ones([]int{2}).SetRequiresGrad(true)
				s := NewSGD([]*torch.Tensor{w}, 0.9, 0.01)
				rate := 0.05
				if scaled {
					s.Scales, rate = []float64{0.1}, 0.5
				}
				for range 3 {
					w.Mul(x).Square().Sum().Backward()
					s.Step(rate)
				}
				after[i] = w.Float32s()
				s.Free()
			}
			golden.Near(t, "lr 0.5 scaled by 0.1", after[1], after[0], 1e-6)
			if after[0][0] == 1 {
				t.Error("the parameter did not move")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
