package methods

import (
	"math"
	"testing"
	"time"

	"contralens/nn"
	"contralens/scores/vitals"
	"contralens/torch"
)

// filled is a tensor of values that differ, without a pattern of the shape's size.
func filled(phase float64, shape ...int) *torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(math.Sin(phase + 1.7*float64(i) + 0.013*float64(i*i%101)))
	}
	return torch.FromFloat32(values, shape...)
}

func close64(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-4*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestVitalsOfEmbeddings holds the spread, the dimensions and the gap of groups to their definitions in
// float64, for fewer rows than dimensions and for more.
func TestVitalsOfEmbeddings(t *testing.T) {
	inTorch(t, func() {
		for _, shape := range [][2]int{{12, 5}, {6, 20}} {
			n, d := shape[0], shape[1]
			q, k := filled(0, n, d).MulScalar(3), filled(1, n, d)
			v, r := map[string]float64{}, torch.NewReadback(torch.CPU)
			examineEmbeddings(q, r, v)
			const groups = 3
			examineGroups(&watched{q, k}, groups, r, v)

			rows := func(x *torch.Tensor) (out [][]float64, length float64) {
				all := x.Float64s()
				for i := range n {
					row := append([]float64(nil), all[i*d:(i+1)*d]...)
					norm := 0.0
					for _, v := range row {
						norm += v * v
					}
					norm = math.Sqrt(norm)
					length += norm / float64(n)
					for j := range row {
						row[j] /= norm
					}
					out = append(out, row)
				}
				return out, length
			}
			u, length := rows(q)
			w, _ := rows(k)
			mean := make([]float64, d)
			for _, row := range u {
				for j, x := range row {
					mean[j] += x / float64(n)
				}
			}
			trace, square := 0.0, 0.0
			for a := range d {
				for b := range d {
					c := 0.0
					for _, row := range u {
						c += (row[a] - mean[a]) * (row[b] - mean[b]) / float64(n)
					}
					square += c * c
					if a == b {
						trace += c
					}
				}
			}
			close64(t, "spread", v[vitals.Spread], trace)
			close64(t, "dims", v[vitals.Dims], trace*trace/square)
			close64(t, "length", v[vitals.EmbeddingNorm], length)

			var same, other, all []float64
			for i := range n {
				for j := range n {
					s := 0.0
					for c := range d {
						s += u[i][c] * w[j][c]
					}
					switch {
					case i == j:
						continue
					case i/(n/groups) == j/(n/groups):
						same = append(same, s)
					default:
						other = append(other, s)
					}
					all = append(all, s)
				}
			}
			average := func(x []float64) (m float64) {
				for _, v := range x {
					m += v / float64(len(x))
				}
				return m
			}
			variance := 0.0
			for _, s := range all {
				variance += (s - average(all)) * (s - average(all)) / float64(len(all))
			}
			close64(t, "gap", v[vitals.GroupGap], (average(same)-average(other))/math.Sqrt(variance))
		}
	})
}

// TestVitalsOfViews: views without contrast are flat, and equal ones are equal.
func TestVitalsOfViews(t *testing.T) {
	inTorch(t, func() {
		measure := func(a, b *torch.Tensor) map[string]float64 {
			v := map[string]float64{}
			examineViews(&Batch{Crops: []*torch.Tensor{a, b}, Readback: torch.NewReadback(torch.CPU)}, v)
			return v
		}
		a, b := filled(0, 4, 3, 8, 8), filled(2, 4, 3, 8, 8)
		v := measure(a, b)
		if v[vitals.ViewFlat] != 0 || v[vitals.ViewEqual] != 0 || !(v[vitals.ViewRatio] > 0.3) {
			t.Errorf("different views: %v", v)
		}
		if v := measure(a, a); v[vitals.ViewEqual] != 1 || v[vitals.ViewRatio] != 0 {
			t.Errorf("equal views: %v", v)
		}
		if v := measure(a.MulScalar(0.01), b); v[vitals.ViewFlat] != 1 || !(v[vitals.ViewDeviation] < 0.01) {
			t.Errorf("dark views: %v", v)
		}
	})
}

// TestVitalsOfAStep: a step that collects vitals has those of its method, with and without deferred figures, and
// trains as one that does not.
func TestVitalsOfAStep(t *testing.T) {
	inTorch(t, func() {
		for memory, keys := range map[string]bool{"moco": true, "bank": false, "batch": false, "none": false, "target": true} {
			var losses []float64
			for _, collect := range []string{"", "now", "deferred"} {
				m, err := NewModel(Options{
					Memory: memory, Images: 8, K: 8, Temperature: 0.2, Alpha: 0.9, Momentum: 0.9, Seed: 1, Groups: 2,
					Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", FeatDim: 8, Groups: 2},
				})
				if err != nil {
					t.Fatal(err)
				}
				for step := range 3 {
					r := torch.NewReadback(torch.CPU)
					if collect == "deferred" {
						r.Defer()
					}
					b := &Batch{
						Step: step + 1, Crops: []*torch.Tensor{filled(1, 4, 3, 16, 16), filled(2, 4, 3, 16, 16)}[:m.Method.Crops()],
						Random: m.Random(step, false), Readback: r, Images: []int64{0, 1, 2, 3},
						Collect: Collect{Vitals: collect != ""},
					}
					out, err := m.Step(b, 0.01)
					if err != nil {
						t.Fatal(err)
					}
					r.Wait()
					losses = append(losses, out.Value)
					if collect == "" {
						if out.Vitals != nil {
							t.Errorf("%s: vitals that nobody collects: %v", memory, out.Vitals)
						}
						continue
					}
					for _, name := range []string{vitals.Spread, vitals.Dims, vitals.QueryNorm, vitals.Gradient, vitals.ViewDeviation} {
						if !(out.Vitals[name] > 0) {
							t.Errorf("%s, step %d: %s is %v", memory, step+1, name, out.Vitals[name])
						}
					}
					apart, ok := out.Vitals[vitals.KeyDistance]
					if ok != keys || keys && (apart > 0) != (step > 0) {
						t.Errorf("%s, step %d: both encoders are %v apart", memory, step+1, apart)
					}
					if _, ok := out.Vitals[vitals.GroupGap]; ok != keys {
						t.Errorf("%s: a gap between groups: %v, want %v", memory, ok, keys)
					}
				}
				m.Free()
			}
			for i := range 3 {
				if losses[i] != losses[3+i] || math.Abs(losses[i]-losses[6+i]) > 1e-6 {
					t.Errorf("%s: losses without, with and with deferred vitals differ: %v", memory, losses)
				}
			}
		}
	})
}

// BenchmarkVitals compares the vitals of a step with the step: a small ResNet-18 on 256 images of 32 pixels.
// share is in percent of a training that measures every fifth step, which is the most that one does.
func BenchmarkVitals(b *testing.B) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			m, err := NewModel(Options{
				Memory: "moco", Images: 256, K: 4096, Temperature: 0.2, Alpha: 0.99, Momentum: 0.9, Seed: 1,
				Net: nn.Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Head: "mlp", FeatDim: 128},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Free()
			batch := &Batch{
				Step: 1, Crops: []*torch.Tensor{filled(1, 256, 3, 32, 32), filled(2, 256, 3, 32, 32)},
				Random: m.Random(0, false), Images: make([]int64, 256), Collect: Collect{Vitals: true},
			}
			var step, vitals time.Duration
			for b.Loop() {
				start := time.Now()
				if _, err := m.Step(batch, 0.01); err != nil {
					b.Fatal(err)
				}
				step += time.Since(start)
				done := m.watch(batch)
				m.sawQuery([]*torch.Tensor{filled(3, 256, 128)})
				start = time.Now()
				m.examine(batch, &Outcome{})
				vitals += time.Since(start)
				done()
			}
			b.ReportMetric(100*vitals.Seconds()/step.Seconds()/5, "share_%")
		})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
