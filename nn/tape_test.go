package nn

import (
	"math"
	"slices"
	"testing"

	"contralens/internal/tensortest"
	"contralens/torch"
)

// waves returns images of sines, [n, 3, side, side].
func waves(n, side int) *torch.Tensor {
	values := make([]float32, n*3*side*side)
	for i := range values {
		values[i] = float32(math.Sin(float64(i) * (1 + float64(i)/5000)))
	}
	return torch.FromFloat32(values, n, 3, side, side)
}

// trained returns the results of forward passes and a backward pass: outputs,
// gradients, and the buffers of batch norm.
func trained(t *testing.T, c Config, passes int, dtype torch.Dtype) (all [][]float32) {
	t.Helper()
	const n = 4
	m, err := New(c, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	precision := func(f func()) {
		if dtype == torch.Float32 {
			f()
			return
		}
		torch.Autocast(torch.CPU, dtype, f)
	}
	torch.Scoped(func() {
		var loss *torch.Tensor
		for range passes {
			var z *torch.Tensor
			precision(func() {
				if !c.Jigsaw {
					z = m.Forward(waves(n, 32))
					return
				}
				order := make([]int64, JigsawPatches*n)
				for i := range order {
					order[i] = int64(i/JigsawPatches*JigsawPatches + (i+4)%JigsawPatches)
				}
				orders := []*torch.Tensor{torch.FromInt64(order, len(order)), torch.FromInt64(order, len(order))}
				z = m.ForwardJigsaw(waves(JigsawPatches*n, 32), orders)
			})
			all = append(all, z.Float32s())
			l := z.To(torch.Float32).Mul(z.To(torch.Float32).Exp()).Sum()
			if loss == nil {
				loss = l
			} else {
				loss = loss.Add(l.MulScalar(0.5))
			}
		}
		loss.Backward()
		m.Tape.Backward(precision)
		for _, e := range m.State {
			if g := e.Tensor.Grad(); g != nil {
				all = append(all, g.Float32s())
			}
			if e.Buffer {
				all = append(all, e.Tensor.Float32s())
			}
		}
	})
	return all
}

// With checkpointing, everything is the same as without, bit for bit. (Several passes
// through split batch norm add the gradients of its parts in another order.)
func TestCheckpointEqualsPlain(t *testing.T) {
	single, both := []torch.Dtype{torch.Float32}, []torch.Dtype{torch.Float32, torch.BFloat16}
	for _, tc := range []struct {
		name   string
		c      Config
		passes int
		dtypes []torch.Dtype
	}{
		{"resnet18", Config{Arch: "resnet18", Stem: "cifar", Head: "mlp"}, 2, both},
		{"resnet50", Config{Arch: "resnet50", Head: "mlp_bn"}, 2, single},
		{"channels last", Config{Arch: "resnet50", Format: torch.ChannelsLast}, 2, both},
		{"resnext50", Config{Arch: "resnext50", Width: 0.5}, 2, single},
		{"resnest50", Config{Arch: "resnest50", Format: torch.ChannelsLast}, 2, single},
		{"wide", Config{Arch: "wide_resnet50_2"}, 2, single},
		{"CMC", Config{Arch: "resnet18", Modal: "CMC", Head: "mlp"}, 2, single},
		{"jigsaw", Config{Arch: "resnet18", Jigsaw: true, Stem: "cifar"}, 3, single},
		{"CMC jigsaw", Config{Arch: "resnet18", Modal: "CMC", Jigsaw: true}, 2, both},
		{"split batch norm", Config{Arch: "resnet18", Groups: 2, Format: torch.ChannelsLast}, 1, both},
		{"without normalization", Config{Arch: "resnet18", Head: "linear_wo_norm"}, 2, both},
	} {
		for _, dtype := range tc.dtypes {
			t.Run(tc.name+" "+dtype.String(), func(t *testing.T) {
				tensortest.Run(t, func() {
					c := tc.c
					if c.FeatDim = 16; c.Width == 0 {
						c.Width = 0.0625
					}
					plain := trained(t, c, tc.passes, dtype)
					c.Checkpoint = true
					pieces := trained(t, c, tc.passes, dtype)
					if len(plain) != len(pieces) {
						t.Fatalf("%d arrays, want %d", len(pieces), len(plain))
					}
					for i := range plain {
						if !slices.Equal(plain[i], pieces[i]) {
							t.Fatalf("array %d of %d differs", i, len(plain))
						}
					}
				})
			})
		}
	}
}

// Checkpointing at least halves the memory of a ResNet.
func TestCheckpointMemory(t *testing.T) {
	tensortest.Run(t, func() {
		peak := func(checkpoint bool) int64 {
			m, err := New(Config{Arch: "resnet50", Width: 0.125, Checkpoint: checkpoint}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			before := torch.MemoryInUse()
			torch.ResetMemoryPeak()
			torch.Scoped(func() {
				m.Forward(waves(8, 96)).Sum().Backward()
				m.Tape.Backward(func(f func()) { f() })
			})
			return torch.MemoryPeak() - before
		}
		plain, pieces := peak(false), peak(true)
		t.Logf("peak %.1f MB, in pieces %.1f MB", float64(plain)/1e6, float64(pieces)/1e6)
		if pieces > plain/2 {
			t.Errorf("peak %d bytes in pieces, %d without", pieces, plain)
		}
	})
}
