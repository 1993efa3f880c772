package optim

import (
	"fmt"
	"slices"
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

// A parameter with its own weight decay moves as under an optimizer with that decay alone,
// bit by bit. The fused update agrees.
func TestSGDDecays(t *testing.T) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			after := func(decays []float64, scales []float64, decay float64, fused bool) (values [][]float32) {
				ws, loss := weights(torch.CPU)
				s := NewSGD(ws, 0.9, decay)
				defer s.Free()
				s.Decays, s.Scales = decays, scales
				for range 5 {
					loss(0.7).Backward()
					torch.NoGrad(func() {
						torch.Scoped(func() {
							if u := s.take(); fused {
								u.fused(s, 0.02, nil)
							} else {
								u.plain(s, 0.02)
							}
						})
					})
				}
				return [][]float32{ws[0].Float32s(), ws[1].Float32s()}
			}
			for _, scales := range [][]float64{nil, {1, 0.5}} {
				mixed := after([]float64{0.1, 0}, scales, 7, false) // 7 is not read
				first, second := after(nil, scales, 0.1, false)[0], after(nil, scales, 0, false)[1]
				if !slices.Equal(mixed[0], first) || !slices.Equal(mixed[1], second) {
					t.Errorf("scales %v: %v, want %v and %v", scales, mixed, first, second)
				}
				if slices.Equal(mixed[0], after(nil, scales, 0, false)[0]) {
					t.Error("the decay changes nothing")
				}
				if torch.FusesUpdates() {
					got := after([]float64{0.1, 0}, scales, 7, true)
					golden.Near(t, "fused", slices.Concat(got...), slices.Concat(mixed...), 1e-6)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
