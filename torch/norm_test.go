package torch

import (
	"math/rand/v2"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/numeric"
)

// FusedNorm agrees with the operators that it replaces. Package nn compares more shapes.
func TestFusedNorm(t *testing.T) { eachLevel(t, fusedNorm) }

func fusedNorm(t *testing.T) {
	inRun(t, func() {
		shape := []int{2, 3, 4, 5}
		x := d(shape...).To(Float32).Contiguous(ChannelsLast)
		shortcut := d(shape...).To(Float32).MulScalar_(-0.5)
		parameters := func() Norm {
			return Norm{
				Weight: FromFloat32([]float32{1, 2, -1}, 3), Bias: FromFloat32([]float32{0, 0.5, -0.5}, 3),
				Mean: Zeros([]int{3}), Variance: Ones([]int{3}), Train: true, Momentum: 0.1, Eps: 1e-5,
			}
		}
		plain, fused := parameters(), parameters()
		want := x.BatchNorm(plain.Weight, plain.Bias, plain.Mean, plain.Variance, true, 0.1, 1e-5).Add(shortcut).Relu()
		if !x.FusesNorm() {
			t.Fatal("channels-last float32 is not taken")
		}
		leaf := x.Clone().SetRequiresGrad(true)
		recorded := leaf.FusedNorm(fused, shortcut, true)
		if !recorded.RequiresGrad() || recorded.SharesMemory(leaf) {
			t.Error("a recorded result overwrites its input")
		}
		numeric.AllNear(t, "values", recorded.Float32s(), want.Float32s(), 1e-5)
		for what, of := range map[string][2]*Tensor{"mean": {fused.Mean, plain.Mean}, "variance": {fused.Variance, plain.Variance}} {
			numeric.AllNear(t, "running "+what, of[0].Float32s(), of[1].Float32s(), 1e-6)
		}
		y := x.FusedNorm(parameters(), shortcut, true)
		if !y.SharesMemory(x) {
			t.Error("an unrecorded result is not x overwritten")
		}
		numeric.AllNear(t, "unrecorded values", y.Float32s(), want.Float32s(), 1e-5)
	})
}

// Tensors that FusesNorm rejects, and arguments that are errors of FusedNorm.
func TestFusedNormRefuses(t *testing.T) {
	inRun(t, func() {
		for what, x := range map[string]*Tensor{
			"contiguous": Zeros([]int{2, 3, 4, 4}),
			"float64":    Zeros([]int{2, 3}, Options{Dtype: Float64}),
			"3-D":        Zeros([]int{2, 3, 4}),
			"empty":      Zeros([]int{0, 3}),
		} {
			if x.FusesNorm() {
				t.Errorf("%s is taken", what)
			}
		}
		grouped := func(train bool, groups int) Norm {
			return Norm{Weight: Ones([]int{3}), Bias: Zeros([]int{3}), Mean: Zeros([]int{3}), Variance: Ones([]int{3}), Train: train, Groups: groups, Momentum: 0.1, Eps: 1e-5}
		}
		n := grouped(true, 1)
		for what, f := range map[string]func(){
			"one value a channel":     func() { Zeros([]int{1, 3}).FusedNorm(n, nil, false) },
			"one value in a group":    func() { Zeros([]int{5, 3}).FusedNorm(grouped(true, 3), nil, false) },
			"more groups than images": func() { Zeros([]int{2, 3, 2, 2}).Contiguous(ChannelsLast).FusedNorm(grouped(true, 3), nil, false) },
			"groups in evaluation":    func() { Zeros([]int{4, 3}).FusedNorm(grouped(false, 2), nil, false) },
			"other channels":          func() { Zeros([]int{2, 4}).FusedNorm(n, nil, false) },
			"shape of shortcut":       func() { Zeros([]int{2, 3}).FusedNorm(n, Zeros([]int{3, 3}), false) },
			"type of shortcut":        func() { Zeros([]int{2, 3}).FusedNorm(n, Zeros([]int{2, 3}, Options{Dtype: BFloat16}), false) },
		} {
			if err := Run(func() error { f(); return nil }); err == nil {
				t.Errorf("%s: no error", what)
			}
		}
	})
}

// Elements per second of a forward and a backward pass, with activations of random signs: a
// jump per element would show here. Beside them libtorch's own operators, batch norm and ReLU.
func BenchmarkFusedNorm(b *testing.B) {
	fused := func(x *Tensor, n Norm) *Tensor { return x.FusedNorm(n, nil, true) }
	operators := func(x *Tensor, n Norm) *Tensor {
		return x.BatchNorm(n.Weight, n.Bias, n.Mean, n.Variance, n.Train, n.Momentum, n.Eps).Relu_()
	}
	if err := Run(func() error {
		for level := range cpu.Levels() {
			b.Run(level.String(), func(b *testing.B) { Scoped(func() { benchmarkNorm(b, fused) }) })
		}
		b.Run("operators", func(b *testing.B) { Scoped(func() { benchmarkNorm(b, operators) }) })
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}

func benchmarkNorm(b *testing.B, norm func(*Tensor, Norm) *Tensor) {
	const channels = 64
	values := make([]float32, 16*channels*56*56)
	rng := rand.New(rand.NewPCG(0, 0))
	for i := range values {
		values[i] = rng.Float32() - 0.5
	}
	x := FromFloat32(values, 16, channels, 56, 56).Contiguous(ChannelsLast).SetRequiresGrad(true)
	gradient := x.Detach().Clone()
	n := Norm{
		Weight: Ones([]int{channels}), Bias: Zeros([]int{channels}), Mean: Zeros([]int{channels}),
		Variance: Ones([]int{channels}), Train: true, Momentum: 0.1, Eps: 1e-5,
	}
	b.SetBytes(int64(4 * len(values)))
	for b.Loop() {
		Scoped(func() { norm(x, n).BackwardFrom(gradient) })
		x.ClearGrad()
	}
}
