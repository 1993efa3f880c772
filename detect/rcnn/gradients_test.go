package rcnn

import (
	"math"
	"strings"
	"testing"

	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// gradients returns the gradient of the sum of losses with respect to every parameter, and
// checks that each has one. noise disturbs the weights by that share.
func gradients(t *testing.T, c goldenCase, o Options, noise float64) map[string][]float64 {
	t.Helper()
	all := map[string][]float64{}
	tensortest.Run(t, func() {
		m := filled(t, o, c.more.StateDict)
		defer m.Free()
		disturb(m, noise)
		l, err := m.Losses(c.batch(t, m.SizeDivisor(), 0, 1), First)
		if err != nil {
			t.Fatal(err)
		}
		m.Backward(l.Total(), func(f func()) { f() })
		for _, e := range m.Trained() {
			g := e.Tensor.Grad()
			if g == nil {
				t.Fatalf("%s has no gradient", e.Name)
			}
			all[e.Name] = g.Float64s()
		}
	})
	return all
}

// disturb multiplies each weight by a random number around 1.
func disturb(m *Model, noise float64) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			g := torch.NewGenerator(5, torch.CPU)
			for _, e := range m.Trained() {
				e.Tensor.Mul_(torch.Zeros(e.Tensor.Shape()).Normal_(1, noise, g).To(e.Tensor.Dtype()))
			}
		})
	})
}

func norm(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// Gradients in float64 equal Detectron2's, up to eight times what float32 does to our own. The
// reference is float32, and batch norm over the few positions of a narrow network makes
// rounding errors grow from layer to layer, to a percent of a norm in the stem; in the heads
// they stay below 2e-3. A gradient that lacks a term is off by more.
func TestGradients(t *testing.T) {
	for _, name := range []string{C4, FPN} {
		t.Run(name, func(t *testing.T) {
			c := loadCase(t, name)
			o := goldenOptions(name)
			double := o
			double.Double = true
			exact := gradients(t, c, double, 0)
			last := o
			last.Format = torch.ChannelsLast
			var single []map[string][]float64
			for _, run := range []struct {
				o     Options
				noise float64
			}{{o, 0}, {last, 0}, {o, 1e-7}, {last, 1e-7}} {
				single = append(single, gradients(t, c, run.o, run.noise))
			}
			if len(exact) != len(c.more.Gradients) {
				t.Errorf("%d parameters are trained, want %d", len(exact), len(c.more.Gradients))
			}
			for parameter, got := range exact {
				want, ok := c.more.Gradients[parameter]
				if !ok {
					t.Errorf("no golden gradient for %s", parameter)
					continue
				}
				spread, spreadWhole := 0.0, 0.0
				for _, s := range single {
					spread = max(spread, math.Abs(norm(s[parameter])-norm(got)))
					for i, v := range s[parameter] {
						spreadWhole = max(spreadWhole, math.Abs(v-got[i]))
					}
				}
				size := norm(got)
				numeric.Near(t, "float32 gradient of "+parameter, size+spread, size, 0.1*size)
				numeric.Near(t, "gradient of "+parameter, size, want.Norm, max(8*spread, 4e-3*want.Norm))
				array := "grad_" + parameter
				if strings.HasSuffix(parameter, "stem.conv1.weight") {
					array = "grad_stem"
				}
				if c.Has(array) {
					for i, v := range c.f32(t, array) {
						numeric.Near(t, array, got[i], float64(v), max(8*spreadWhole, 4e-3*size))
					}
				}
			}
		})
	}
}
