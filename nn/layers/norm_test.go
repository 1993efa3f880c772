package layers

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// The fused kernel has the same values, gradients and running statistics as libtorch's
// operators one after another in float64, also with separate statistics for parts of
// the batch. In bfloat16 it computes in float32 and rounds once, whereas operators
// round between norm, sum and ReLU.
func TestFusedNorm(t *testing.T) {
	for level := range cpu.Levels() {
		t.Run(level.String(), fusedNorm)
	}
}

func fusedNorm(t *testing.T) {
	for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16} {
		for _, shape := range [][]int{
			{2, 3, 1, 1}, {2, 1}, {5, 17}, {3, 1, 5, 7}, {3, 3, 31, 9},
			{2, 17, 13, 11}, {4, 64, 33, 20}, {2, 300, 9, 8}, {7, 24, 9, 5},
		} {
			for _, mode := range []normMode{{train: true}, {train: true, groups: 3}, {train: false}} {
				for _, kind := range []string{"norm", "relu", "add relu"} {
					t.Run(fmt.Sprint(dtype, shape, kind, fmt.Sprintf("%+v", mode)), func(t *testing.T) {
						tensortest.Run(t, func() {
							want := normResults(shape, dtype, torch.Float64, mode, kind, true)
							got := normResults(shape, dtype, dtype, mode, kind, false)
							unit := 0.0
							if dtype == torch.BFloat16 {
								unit = numeric.UnitBFloat16
							}
							compareNorms(t, got, want, unit, 1e-5)
							again := normResults(shape, dtype, dtype, mode, kind, false)
							compareNorms(t, again, got, 0, 0)
						})
					})
				}
			}
		}
	}
}

type normMode struct {
	train  bool
	groups int
}

// normResults returns a batch norm's results, forward and backward, and its running
// statistics, for channels with different means and deviations. All numbers are exact
// in dtype, whatever type they are computed in.
func normResults(shape []int, dtype, in torch.Dtype, mode normMode, kind string, plain bool) map[string][]float64 {
	plainNorm = plain
	defer func() { plainNorm = false }()
	channels, n := shape[1], 1
	for _, s := range shape {
		n *= s
	}
	inner := n / shape[0] / channels
	values := func(scale, shift float64) *torch.Tensor {
		v := golden.Input(golden.CInput, 4*n)[int(scale*100)%n:]
		for i := range n {
			c := float64(i / inner % channels)
			v[i] = float32(scale*(1+c/7)*float64(v[i]) + shift*c)
		}
		x := torch.FromFloat32(v[:n], shape...).To(dtype).To(in)
		if len(shape) == 4 {
			x = x.Contiguous(torch.ChannelsLast)
		}
		return x
	}
	// of makes a parameter from the float32 value.
	of := func(factor, shift float64) *torch.Tensor {
		p := torch.Arange(channels).To(torch.Float32).MulScalar_(factor).AddScalar_(shift)
		if in == torch.Float64 {
			return p.To(in)
		}
		return p
	}
	m := &BatchNorm{
		Weight:   of(0.1, 0.5).SetRequiresGrad(true),
		Bias:     of(-0.05, 0.3).SetRequiresGrad(true),
		Mean:     of(0.5, 0),
		Variance: of(0.2, 1),
		Batches:  torch.Zeros(nil, torch.Options{Dtype: torch.Int64}),
		mode:     &Mode{Train: mode.train},
		groups:   mode.groups,
	}
	x, shortcut, gradient := values(1, 0.5).SetRequiresGrad(true), values(0.7, 0).SetRequiresGrad(true), values(0.3, 0)
	if !plain && !m.fuses(x, shortcut) {
		panic("not the kernel")
	}
	forward := func(z *torch.Tensor) *torch.Tensor {
		switch kind {
		case "relu":
			return m.ReLU().Forward(z)
		case "add relu":
			return m.ForwardAddRelu(z, shortcut)
		}
		return m.Forward(z)
	}
	y := forward(x.MulScalar(1))
	y.BackwardFrom(gradient)
	results := map[string][]float64{
		"y": y.Float64s(), "x's gradient": x.Grad().Float64s(),
		"weight's gradient": m.Weight.Grad().Float64s(), "bias's gradient": m.Bias.Grad().Float64s(),
		"running mean": m.Mean.Float64s(), "running variance": m.Variance.Float64s(), "batches": m.Batches.Float64s(),
	}
	if kind == "add relu" {
		results["shortcut's gradient"] = shortcut.Grad().Float64s()
	}
	torch.NoGrad(func() { results["without recording"] = forward(x.MulScalar(1)).Float64s() })
	return results
}

// compareNorms allows differences of tolerance times a result's largest value. Results
// in the type of x may also differ by unit, to which they are rounded.
func compareNorms(t *testing.T, got, want map[string][]float64, unit, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d results, want %d", len(got), len(want))
	}
	for name, w := range want {
		g := got[name]
		if len(g) != len(w) {
			t.Fatalf("%s: %d values, want %d", name, len(g), len(w))
		}
		// The gradient of batch norm over two values is only the rounding error of
		// their difference.
		numeric.AllRounded(t, name, g, w, unit, tolerance*max(0.1, numeric.Largest(w)))
	}
}

// The backward pass propagates exactly the elements that are above zero in the output:
// the gradient of the bias counts them.
func TestFusedNormMask(t *testing.T) {
	for level := range cpu.Levels() {
		t.Run(level.String(), fusedNormMask)
	}
}

func fusedNormMask(t *testing.T) {
	for _, shape := range [][]int{{16, 64, 32, 32}, {4, 128, 32, 32}, {4, 1024, 4, 4}} {
		for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16} {
			for _, add := range []bool{false, true} {
				tensortest.Run(t, func() {
					b := NewBuilder(Options{Rand: rand.New(rand.NewPCG(1, 1))})
					m := b.BatchNorm("bn", shape[1])
					defer b.State().Free()
					n := shape[0] * shape[1] * shape[2] * shape[3]
					x := torch.FromFloat32(golden.Input(golden.CInput, n), shape...).AddScalar_(3).To(dtype)
					x = x.Contiguous(torch.ChannelsLast).SetRequiresGrad(true)
					var y *torch.Tensor
					if add {
						y = m.ForwardAddRelu(x.MulScalar(1), x.MulScalar(0.5).AddScalar(-1.5))
					} else {
						y = m.ReLU().Forward(x.MulScalar(1))
					}
					y.BackwardFrom(torch.OnesLike(y))
					above := make([]float32, shape[1])
					for i, v := range y.Float32s() {
						if v > 0 {
							above[i/(shape[2]*shape[3])%shape[1]]++
						}
					}
					for c, g := range m.Bias.Grad().Float32s() {
						if g != above[c] {
							t.Errorf("%v %v shortcut %v: channel %d has %v elements above zero, %v let through",
								dtype, shape, add, c, above[c], g)
							break
						}
					}
				})
			}
		}
	}
}
