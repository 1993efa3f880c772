package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/golden"
	"contralens/torch"
)

// The fused kernel and libtorch's operators one after the other give the same
// values, gradients and running statistics, also by parts of a batch. In bfloat16
// the kernel is held to what the operators give in float32 for the same numbers: it
// computes in float32 and rounds once, where they round between norm, sum and ReLU.
func TestFusedNorm(t *testing.T) {
	for level := range cpu.Levels() {
		t.Run(level.String(), fusedNorm)
	}
}

func fusedNorm(t *testing.T) {
	for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16} {
		for _, shape := range [][]int{{2, 3, 1, 1}, {2, 1}, {5, 17}, {3, 1, 5, 7}, {3, 3, 31, 9}, {2, 17, 13, 11}, {4, 64, 33, 20}, {2, 300, 9, 8}, {7, 24, 9, 5}} {
			for _, mode := range []normMode{{train: true}, {train: true, groups: 3}, {train: false}} {
				for _, kind := range []string{"norm", "relu", "add relu"} {
					t.Run(fmt.Sprint(dtype, shape, kind, fmt.Sprintf("%+v", mode)), func(t *testing.T) {
						run(t, func() {
							want := normResults(shape, dtype, torch.Float32, mode, kind, true)
							got := normResults(shape, dtype, dtype, mode, kind, false)
							tolerance := 1e-5
							if dtype == torch.BFloat16 {
								tolerance = 1.0 / 256
							}
							compareNorms(t, got, want, tolerance)
							again := normResults(shape, dtype, dtype, mode, kind, false)
							compareNorms(t, again, got, 0)
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

// normResults are a batch norm's results and what they leave behind, forward and
// backward, for channels of unequal mean and spread. The numbers are what dtype
// can hold, whatever type they are computed in.
func normResults(shape []int, dtype, in torch.Dtype, mode normMode, kind string, plain bool) map[string][]float32 {
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
		train:    &mode.train,
		groups:   mode.groups,
	}
	x, shortcut, gradient := values(1, 0.5).SetRequiresGrad(true), values(0.7, 0).SetRequiresGrad(true), values(0.3, 0)
	if !plain && !m.fuses(x, shortcut) {
		panic("not the kernel")
	}
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

// Off the truth in float64 the kernel is at most twice as far as libtorch's
// operators in float32, where rounding matters most: over the two values a channel
// of a split attention, whose gradients cancel, and with means far from zero.
func TestNormErrors(t *testing.T) {
	bottleneck := func(in, planes, stride int) func(builder) layer {
		return func(b builder) layer {
			l, _ := b.splitBottleneck(in, planes, stride, true)
			return l
		}
	}
	norm := func(b builder) layer { return normRelu{b.batchNorm("bn", 64)} }
	for _, c := range []struct {
		name         string
		build        func(builder) layer
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
			run(t, func() {
				logs := map[string]float64{} // of how many times plain's error fused's is
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

// layerResults are the output of a layer in training, and the gradients of its
// input and of all its parameters one after the other.
func layerResults(build func(builder) layer, seed uint64, shape []int, mean, spread float32, dtype torch.Dtype, plain bool) map[string][]float64 {
	plainNorm = plain
	defer func() { plainNorm = false }()
	train, state := true, State{}
	l := build(builder{state: &state, rng: rand.New(rand.NewPCG(seed, 1)), format: torch.ChannelsLast, train: &train})
	defer func() {
		for _, e := range state {
			e.Tensor.Free()
		}
	}()
	var parameters []*torch.Tensor
	for _, p := range layerTensors(l) {
		if !(*p).RequiresGrad() {
			*p = (*p).To(dtype)
			continue
		}
		*p = (*p).Detach().To(dtype).SetRequiresGrad(true)
		parameters = append(parameters, *p)
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := golden.Input(golden.CInput+seed, n)
	for i := range values {
		values[i] = mean + spread*values[i]
	}
	x := torch.FromFloat32(values, shape...).To(dtype).Contiguous(torch.ChannelsLast).SetRequiresGrad(true)
	y := l.Forward(x)
	y.BackwardFrom(torch.FromFloat32(golden.LossWeights(seed, y.Numel()), y.Shape()...).To(dtype).Contiguous(torch.ChannelsLast))
	results := map[string][]float64{"output": y.To(torch.Float64).Float64s(), "input's gradient": x.Grad().To(torch.Float64).Float64s()}
	for _, p := range parameters {
		results["parameters' gradients"] = append(results["parameters' gradients"], p.Grad().To(torch.Float64).Float64s()...)
	}
	return results
}

// normRelu is a batch norm and ReLU as a layer.
type normRelu struct{ *batchNorm }

func (n normRelu) Forward(x *torch.Tensor) *torch.Tensor { return n.ForwardRelu(x.MulScalar(1)) }

// layerTensors are where a layer keeps its tensors.
func layerTensors(l layer) []**torch.Tensor {
	norm := func(n *batchNorm) []**torch.Tensor {
		if n == nil {
			return nil
		}
		return []**torch.Tensor{&n.weight, &n.bias, &n.mean, &n.variance}
	}
	var all []**torch.Tensor
	switch l := l.(type) {
	case normRelu:
		all = norm(l.batchNorm)
	case *conv:
		all = append(all, &l.weight)
	case *pooledConv:
		all = layerTensors(l.conv)
	case *splitAttention:
		all = append(layerTensors(l.conv), &l.fc1.weight, &l.fc1.bias, &l.fc2.weight, &l.fc2.bias)
		all = append(append(all, norm(l.norm0)...), norm(l.norm1)...)
	case *block:
		for _, s := range l.steps {
			all = append(append(all, layerTensors(s.conv)...), norm(s.norm)...)
		}
		if l.down != nil {
			all = append(append(all, layerTensors(l.down)...), norm(l.dnorm)...)
		}
	}
	return all
}

func single(values []float64) []float32 {
	s := make([]float32, len(values))
	for i, v := range values {
		s[i] = float32(v)
	}
	return s
}

// The backward pass lets through exactly the elements that are above zero in the
// output: the bias's gradient counts them.
func TestFusedNormMask(t *testing.T) {
	for level := range cpu.Levels() {
		t.Run(level.String(), fusedNormMask)
	}
}

func fusedNormMask(t *testing.T) {
	for _, shape := range [][]int{{16, 64, 32, 32}, {4, 128, 32, 32}, {4, 1024, 4, 4}} {
		for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16} {
			for _, add := range []bool{false, true} {
				run(t, func() {
					train, state := true, State{}
					m := builder{state: &state, rng: rand.New(rand.NewPCG(1, 1)), train: &train}.batchNorm("bn", shape[1])
					defer func() {
						for _, e := range state {
							e.Tensor.Free()
						}
					}()
					n := shape[0] * shape[1] * shape[2] * shape[3]
					x := torch.FromFloat32(golden.Input(golden.CInput, n), shape...).AddScalar_(3).To(dtype).Contiguous(torch.ChannelsLast).SetRequiresGrad(true)
					var y *torch.Tensor
					if add {
						y = m.ForwardAddRelu(x.MulScalar(1), x.MulScalar(0.5).AddScalar(-1.5))
					} else {
						y = m.ForwardRelu(x.MulScalar(1))
					}
					y.BackwardFrom(torch.OnesLike(y))
					above := make([]float32, shape[1])
					for i, v := range y.Float32s() {
						if v > 0 {
							above[i/(shape[2]*shape[3])%shape[1]]++
						}
					}
					for c, g := range m.bias.Grad().Float32s() {
						if g != above[c] {
							t.Errorf("%v %v shortcut %v: channel %d has %v elements above zero, %v let through", dtype, shape, add, c, above[c], g)
							break
						}
					}
				})
			}
		}
	}
}
