package nn

import (
	"fmt"
	"math"
	"testing"

	"contralens/internal/golden"
	"contralens/torch"
)

// The fused kernel and libtorch's operators one after the other give the same
// values, gradients and running statistics. In bfloat16 the kernel is held to what
// the operators give in float32 for the same numbers: it computes in float32 and
// rounds once, where they round between norm, sum and ReLU.
func TestFusedNorm(t *testing.T) {
	for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16} {
		for _, shape := range [][]int{{2, 3, 1, 1}, {2, 1}, {5, 17}, {3, 1, 5, 7}, {3, 3, 31, 9}, {2, 17, 13, 11}, {4, 64, 33, 20}, {2, 300, 9, 8}} {
			for _, train := range []bool{true, false} {
				for _, kind := range []string{"norm", "relu", "add relu"} {
					t.Run(fmt.Sprint(dtype, shape, kind, " train ", train), func(t *testing.T) {
						run(t, func() {
							want := normResults(shape, dtype, torch.Float32, train, kind, true)
							got := normResults(shape, dtype, dtype, train, kind, false)
							tolerance := 1e-5
							if dtype == torch.BFloat16 {
								tolerance = 1.0 / 256
							}
							compareNorms(t, got, want, tolerance)
							again := normResults(shape, dtype, dtype, train, kind, false)
							compareNorms(t, again, got, 0)
						})
					})
				}
			}
		}
	}
}

// normResults are a batch norm's results and what they leave behind, forward and
// backward, for channels of unequal mean and spread. The numbers are what dtype
// can hold, whatever type they are computed in.
func normResults(shape []int, dtype, in torch.Dtype, train bool, kind string, plain bool) map[string][]float32 {
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
	m := &batchNorm{
		weight:   torch.Arange(channels).To(torch.Float32).MulScalar_(0.1).AddScalar_(0.5).SetRequiresGrad(true),
		bias:     torch.Arange(channels).To(torch.Float32).MulScalar_(-0.05).AddScalar_(0.3).SetRequiresGrad(true),
		mean:     torch.Arange(channels).To(torch.Float32).MulScalar_(0.5),
		variance: torch.Arange(channels).To(torch.Float32).MulScalar_(0.2).AddScalar_(1),
		batches:  torch.Zeros(nil, torch.Options{Dtype: torch.Int64}),
		train:    &train,
	}
	x, shortcut, gradient := values(1, 0.5).SetRequiresGrad(true), values(0.7, 0).SetRequiresGrad(true), values(0.3, 0)
	forward := func(z *torch.Tensor) *torch.Tensor {
		switch kind {
		case "relu":
			return m.ForwardRelu(z)
		case "add relu":
			return m.ForwardAddRelu(z, shortcut)
		}
		return m.Forward(z)
	}
	y := forward(x.MulScalar(1))
	y.BackwardFrom(gradient)
	results := map[string][]float32{
		"y": y.Float32s(), "x's gradient": x.Grad().Float32s(), "weight's gradient": m.weight.Grad().Float32s(), "bias's gradient": m.bias.Grad().Float32s(),
		"running mean": m.mean.Float32s(), "running variance": m.variance.Float32s(), "batches": m.batches.Float32s(),
	}
	if kind == "add relu" {
		results["shortcut's gradient"] = shortcut.Grad().Float32s()
	}
	torch.NoGrad(func() { results["without recording"] = forward(x.MulScalar(1)).Float32s() })
	return results
}

// compareNorms allows differences of tolerance times a result's largest value.
func compareNorms(t *testing.T, got, want map[string][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d results, want %d", len(got), len(want))
	}
	for name, w := range want {
		g := got[name]
		if len(g) != len(w) {
			t.Fatalf("%s: %d values, want %d", name, len(g), len(w))
		}
		// A gradient of two values under batch norm is nothing but what rounding
		// leaves of their difference.
		largest, worst := 0.1, 0.0
		for i := range w {
			largest = max(largest, math.Abs(float64(w[i])))
		}
		for i := range w {
			if d := math.Abs(float64(g[i] - w[i])); d > worst || d != d {
				worst = d
			}
		}
		if !(worst <= tolerance*largest) {
			t.Errorf("%s: differs by %g, the largest value is %g", name, worst, largest)
		}
	}
}
