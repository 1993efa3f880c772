package backbone

import (
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/tensortest"
	"contralens/nn/layers"
	"contralens/torch"
)

// Compared with the exact values in float64, the kernel's error is at most twice that
// of libtorch's operators in float32. The cases are those in which rounding matters
// most: batch norm over the two values per channel of a split attention, whose
// gradients cancel, and means far from zero.
func TestNormErrors(t *testing.T) {
	bottleneck := func(in, planes, stride int) func(layers.Builder) layers.Layer {
		return func(b layers.Builder) layers.Layer {
			l, _ := newSplitBottleneck(b, in, planes, stride, true)
			return l
		}
	}
	norm := func(b layers.Builder) layers.Layer { return b.BatchNorm("bn", 64).ReLU() }
	for _, c := range []struct {
		name         string
		build        func(layers.Builder) layers.Layer
		shape        []int
		mean, spread float32
	}{
		{"split attention", bottleneck(64, 16, 1), []int{2, 64, 4, 4}, 0, 1},
		{"split attention, pooled", bottleneck(64, 32, 2), []int{2, 64, 8, 8}, 0, 1},
		{"split attention of images alike", bottleneck(64, 16, 1), []int{2, 64, 1, 1}, 1, 0.01},
		{"two values alike", norm, []int{2, 64, 1, 1}, 1, 1e-3},
		{"two values far from zero", norm, []int{2, 64, 1, 1}, -30, 1},
		{"many values far from zero", norm, []int{8, 64, 14, 14}, 30, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tensortest.Run(t, func() {
				logs := map[string]float64{} // logarithms of the fused error over the plain error
				const seeds = 8
				for seed := range uint64(seeds) {
					truth := layerResults(c.build, seed, c.shape, c.mean, c.spread, torch.Float64, true)
					plain := layerResults(c.build, seed, c.shape, c.mean, c.spread, torch.Float32, true)
					fused := layerResults(c.build, seed, c.shape, c.mean, c.spread, torch.Float32, false)
					for what, want := range truth {
						of := func(got []float64) float64 { return math.Log(max(1e-8, golden.Error(single(got), want))) }
						logs[what] += (of(fused[what]) - of(plain[what])) / seeds
					}
				}
				for what, l := range logs {
					t.Logf("%s: %.2f times the operators' error", what, math.Exp(l))
					if !(math.Exp(l) <= 2) {
						t.Errorf("%s: %.2f times the operators' error in the mean of %d seeds", what, math.Exp(l), seeds)
					}
				}
			})
		})
	}
}

// layerResults returns the output of a layer in training, and the gradients of its
// input and of all its parameters, concatenated.
func layerResults(
	build func(layers.Builder) layers.Layer, seed uint64, shape []int, mean, spread float32,
	dtype torch.Dtype, plain bool,
) map[string][]float64 {
	o := layers.Options{
		Rand: rand.New(rand.NewPCG(seed, 1)), Format: torch.ChannelsLast, Double: dtype == torch.Float64,
	}
	b := layers.NewBuilder(o)
	l := build(b)
	defer b.State().Free()
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := golden.Input(golden.CInput+seed, n)
	for i := range values {
		values[i] = mean + spread*values[i]
	}
	x := torch.FromFloat32(values, shape...).To(dtype).Contiguous(torch.ChannelsLast).SetRequiresGrad(true)
	var y *torch.Tensor
	if plain {
		layers.WithoutFusedNorm(func() { y = l.Forward(x) })
	} else {
		y = l.Forward(x)
	}
	gradient := torch.FromFloat32(golden.LossWeights(seed, y.Numel()), y.Shape()...)
	y.BackwardFrom(gradient.To(dtype).Contiguous(torch.ChannelsLast))
	results := map[string][]float64{
		"output": y.To(torch.Float64).Float64s(), "input's gradient": x.Grad().To(torch.Float64).Float64s(),
	}
	for _, p := range b.State().Parameters() {
		results["parameters' gradients"] = append(results["parameters' gradients"], p.Grad().To(torch.Float64).Float64s()...)
	}
	return results
}

func single(values []float64) []float32 {
	s := make([]float32, len(values))
	for i, v := range values {
		s[i] = float32(v)
	}
	return s
}
