package nn

import (
	"testing"

	"contralens/internal/golden"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// Split batch norm gives each part of a batch the result of a separate network, keeps
// the mean of their running statistics, and propagates gradients: with libtorch's
// operators, and in channels-last order with the fused kernel.
func TestSplitNorm(t *testing.T) {
	for format, name := range formatName {
		t.Run(name, func(t *testing.T) {
			tensortest.Run(t, func() {
				build := func(groups int) *Model {
					c := Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 8, Groups: groups, Format: format}
					m, err := New(c, 1)
					if err != nil {
						t.Fatal(err)
					}
					return m
				}
				const n, groups = 7, 3 // parts of 2, 2 and 3
				x := torch.FromFloat32(golden.Input(golden.CInput, n*3*16*16), n, 3, 16, 16)
				split := build(groups)
				defer split.Free()
				out := split.Forward(x)
				out.Square().Mul(out).Sum().Backward()

				var parts []float32
				running, gradient := make([]float32, split.State[2].Tensor.Numel()), make([]float32, split.State[0].Tensor.Numel())
				for g := range groups {
					m := build(0)
					defer m.Free()
					first, end := g*n/groups, (g+1)*n/groups
					y := m.Forward(x.Narrow(0, first, end-first))
					y.Square().Mul(y).Sum().Backward()
					parts = append(parts, y.Float32s()...)
					for _, e := range m.State {
						switch e.Name {
						case "encoder.bn1.running_var":
							for i, v := range e.Tensor.Float32s() {
								running[i] += v / groups
							}
						case "encoder.conv1.weight":
							for i, v := range e.Tensor.Grad().Float32s() {
								gradient[i] += v
							}
						}
					}
				}
				golden.Near(t, "embeddings", out.Float32s(), parts, 1e-5)
				for _, e := range split.State {
					switch e.Name {
					case "encoder.bn1.running_var":
						golden.Near(t, e.Name, e.Tensor.Float32s(), running, 1e-6)
					case "encoder.conv1.weight":
						golden.Near(t, "gradient", e.Tensor.Grad().Float32s(), gradient, 1e-4)
					}
				}
			})
		})
	}
}

// The cost of groups: `go test ./nn -run - -bench SplitNorm`.
func BenchmarkSplitNorm(b *testing.B) {
	for name, groups := range map[string]int{"whole batch": 1, "8 groups": 8} {
		b.Run(name, func(b *testing.B) {
			err := torch.Run(func() error {
				torch.Scoped(func() {
					m, err := New(Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Groups: groups, Format: torch.ChannelsLast}, 1)
					if err != nil {
						b.Fatal(err)
					}
					defer m.Free()
					x := torch.FromFloat32(golden.Input(golden.CInput, 64*3*32*32), 64, 3, 32, 32)
					b.ResetTimer()
					for range b.N {
						torch.Scoped(func() { m.Forward(x).Sum().Backward() })
					}
				})
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
