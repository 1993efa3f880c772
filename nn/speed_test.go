package nn

import (
	"fmt"
	"testing"
	"time"

	"contralens/internal/golden"
	"contralens/internal/machine"
	"contralens/nn/layers"
	"contralens/torch"
)

// Forward and backward pass alone, in FLOP of the convolutions and linear layers (the
// backward pass counts twice): `go test ./nn -run - -bench ForwardBackward`, or for one
// size `-bench ForwardBackward/resnet50_batch_16_bf16`.
func BenchmarkForwardBackward(b *testing.B) {
	for _, c := range []struct {
		name        string
		config      Config
		batch, size int
	}{
		{"resnet50", Config{Head: "mlp"}, 16, 224},
		{"resnet50", Config{Head: "mlp"}, 32, 224},
		{"small", Config{Arch: "resnet18", Stem: "cifar", Width: 0.25, Head: "mlp"}, 256, 32},
	} {
		for _, precision := range []string{"fp32", "bf16"} {
			for _, norm := range []string{"plain", "fused"} {
				b.Run(fmt.Sprintf("%s batch %d %s %s", c.name, c.batch, precision, norm), func(b *testing.B) {
					c.config.Format = torch.ChannelsLast
					measure := func() { benchmarkForwardBackward(b, c.config, c.batch, c.size, precision == "bf16") }
					if norm == "plain" {
						layers.WithoutFusedNorm(measure)
					} else {
						measure()
					}
				})
			}
		}
	}
}

func benchmarkForwardBackward(b *testing.B, c Config, batch, size int, bf16 bool) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			m, err := New(c, 1)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Free()
			x := torch.FromFloat32(golden.Input(golden.CInput, batch*3*size*size), batch, 3, size, size)
			var forward, backward time.Duration
			flop := 0.0
			step := func() {
				torch.Scoped(func() {
					start := time.Now()
					var y *torch.Tensor
					if bf16 {
						torch.Autocast(torch.CPU, torch.BFloat16, func() { y = m.Forward(x) })
					} else {
						y = m.Forward(x)
					}
					middle := time.Now()
					y.BackwardFrom(torch.OnesLike(y))
					forward += middle.Sub(start)
					backward += time.Since(middle)
				})
			}
			layers.MultiplyAdds(m.State, func(n int) { flop += 2 * 3 * float64(n) }, step)
			forward, backward = 0, 0
			before := machine.ProcessorTime()
			b.ResetTimer()
			for range b.N {
				step()
			}
			n := float64(b.N)
			b.ReportMetric(forward.Seconds()/n*1e3, "ms-forward")
			b.ReportMetric(backward.Seconds()/n*1e3, "ms-backward")
			b.ReportMetric((machine.ProcessorTime()-before).Seconds()/n*1e3, "ms-processor")
			b.ReportMetric(flop*n/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
