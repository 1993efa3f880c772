package classify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"contralens/data"
	"contralens/features"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
	"contralens/views"
)

// colors is a dataset whose classes differ in color, with some noise.
type colors struct{ per []int }

func (c colors) Name() string      { return "colors" }
func (c colors) Classes() []string { return []string{"red", "green", "blue"}[:len(c.per)] }
func (c colors) Path(i int) string { return fmt.Sprint("image ", i) }
func (c colors) Len() (n int) {
	for _, p := range c.per {
		n += p
	}
	return n
}

func (c colors) Label(i int) int {
	for class, n := range c.per {
		if i < n {
			return class
		}
		i -= n
	}
	return -1
}

func (c colors) Image(_ context.Context, i int, dst *views.Image) error {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	dst.Resize(12, 12)
	for p := range dst.Pix {
		dst.Pix[p] = uint8(60 + r.IntN(120))
		if p%3 == c.Label(i) {
			dst.Pix[p] += 70
		}
	}
	return nil
}

func inside(t *testing.T, f func()) {
	t.Helper()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
}

func network(t *testing.T) *nn.Model {
	t.Helper()
	m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 4}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func state(m *nn.Model) map[string][]float32 {
	s := map[string][]float32{}
	for _, e := range m.State {
		s[e.Name] = e.Tensor.Float32s()
	}
	return s
}

// trainer trains a probe, or with last > 0 also the encoder's last stages.
func trainer(t *testing.T, m *nn.Model, d data.Dataset, last int) *Trainer {
	t.Helper()
	spec, err := views.Preset("NULL", 8, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	head := NewLinear(len(d.Classes()), m.FeatureDim(), 1, torch.CPU)
	tr := &Trainer{
		Source:   &Images{Dataset: d, Batch: 8, Spec: spec, Seed: 5},
		Features: features.Frozen(m, torch.Float32),
		Heads:    []*Linear{head},
		Schedule: optim.Schedule{Rate: 0.5, Epochs: 3, Cosine: true, DecayRate: 0.1},
		Epochs:   3,
	}
	parameters, scales := head.Parameters(), []float64{1, 1}
	if last > 0 {
		tr.Features = features.Trained(m, torch.Float32)
		p, s := Layers(m, last, 0.5)
		parameters, scales = append(p, parameters...), append(s, scales...)
	}
	tr.Optimizer = optim.NewSGD(parameters, 0.9, 1e-4)
	tr.Optimizer.Scales = scales
	return tr
}

// A probe learns, and does not change its encoder, running statistics included.
func TestProbeLeavesTheEncoder(t *testing.T) {
	inside(t, func() {
		m := network(t)
		defer m.Free()
		before := state(m)
		tr := trainer(t, m, colors{[]int{20, 20, 20}}, 0)
		if err := tr.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		s, err := Test(m, tr.Heads, colors{[]int{10, 10, 10}}, nil, features.Options{Size: 8})
		if err != nil {
			t.Fatal(err)
		}
		if s[0].Top1 < 90 || s[0].Top5 != 100 {
			t.Errorf("top-1 %v, top-3 %v", s[0].Top1, s[0].Top5)
		}
		for name, values := range state(m) {
			if !slices.Equal(values, before[name]) {
				t.Errorf("%s changed", name)
			}
		}
	})
}

// Fine-tuning changes the stages that it trains, the earlier ones by smaller steps, and
// no others.
func TestFineTuningTrainsTheLastStages(t *testing.T) {
	inside(t, func() {
		m := network(t)
		defer m.Free()
		before := state(m)
		tr := trainer(t, m, colors{[]int{20, 20, 20}}, 2)
		if err := tr.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		after := state(m)
		for _, e := range m.State {
			name, values := e.Name, after[e.Name]
			if trained := e.Stage == 3 || e.Stage == 4; slices.Equal(values, before[name]) == trained {
				t.Errorf("%s: changed %v, want %v", name, !trained, trained)
			}
		}
	})
}

func TestLayerRates(t *testing.T) {
	inside(t, func() {
		m := network(t)
		defer m.Free()
		parameters, scales := Layers(m, 5, 0.5)
		at := 0
		for _, e := range m.State {
			if e.Buffer || e.Stage == m.StageCount() {
				continue
			}
			want := []float64{1. / 32, 1. / 16, 1. / 8, 1. / 4, 1. / 2}[e.Stage]
			if parameters[at] != e.Tensor || scales[at] != want {
				t.Fatalf("%s: scale %v, want %v", e.Name, scales[at], want)
			}
			at++
		}
		if at != len(parameters) {
			t.Errorf("%d parameters, want %d", len(parameters), at)
		}
	})
}

// Training that is stopped in the middle of an epoch and resumed from its checkpoint
// gives the same result, bit for bit, as uninterrupted training.
func TestResumeIsExact(t *testing.T) {
	for _, last := range []int{0, 5} {
		t.Run(fmt.Sprint("last ", last), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "interrupted.pth")
			d := colors{[]int{13, 11, 10}}
			var whole, parts []byte
			save := func(tr *Trainer, m *nn.Model, path string) []byte {
				encoder := m
				if last == 0 {
					encoder = nil
				}
				if err := tr.Save(path, Record{Protocol: "linear", Config: map[string]string{"epochs": "3"}, Classes: d.Classes()}, encoder, 12.5); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			inside(t, func() {
				m := network(t)
				defer m.Free()
				tr := trainer(t, m, d, last)
				if err := tr.Do(context.Background()); err != nil {
					t.Fatal(err)
				}
				whole = save(tr, m, filepath.Join(t.TempDir(), "whole.pth"))
			})
			inside(t, func() {
				m := network(t)
				defer m.Free()
				tr := trainer(t, m, d, last)
				ctx, cancel := context.WithCancel(context.Background())
				tr.OnStep = func(s Step) error {
					if s.Epoch == 2 && s.Batch == 3 {
						cancel()
					}
					return nil
				}
				if err := tr.Do(ctx); !errors.Is(err, context.Canceled) {
					t.Fatalf("want %v, got %v", context.Canceled, err)
				}
				save(tr, m, path)
			})
			inside(t, func() {
				m := network(t)
				defer m.Free()
				tr := trainer(t, m, d, last)
				encoder := m
				if last == 0 {
					encoder = nil
				}
				best, warning, err := tr.Load(path, encoder)
				if err != nil || warning != "" || best != 12.5 || tr.Epoch != 2 || tr.StepInEpoch != 3 {
					t.Fatalf("best %v, %q, %v, epoch %d, step %d", best, warning, err, tr.Epoch, tr.StepInEpoch)
				}
				var images []int
				tr.OnEpoch = func(s Totals) error { images = append(images, s.Images); return nil }
				if err := tr.Do(context.Background()); err != nil {
					t.Fatal(err)
				}
				if want := []int{34, 34}; !slices.Equal(images, want) {
					t.Errorf("totals over %v images, want %v: an epoch's totals continue too", images, want)
				}
				parts = save(tr, m, filepath.Join(t.TempDir(), "parts.pth"))
			})
			if !slices.Equal(whole, parts) {
				t.Error("the final checkpoints differ")
			}
		})
	}
}

// Training with two rates at once gives the classifiers that each rate gives alone.
func TestSweepTrainsEachForItself(t *testing.T) {
	inside(t, func() {
		x := torch.Zeros([]int{50, 6}).Normal_(0, 1, torch.NewGenerator(1, torch.CPU))
		labels := make([]int64, 50)
		for i := range labels {
			labels[i] = int64(i % 3)
		}
		train := func(rates ...float64) (weights [][]float32) {
			tr := &Trainer{Source: &Cached{Features: x, Labels: labels, Batch: 16, Seed: 1}, Features: func(x *torch.Tensor) *torch.Tensor { return x }, Schedule: optim.Schedule{Rate: 1, Epochs: 2}, Epochs: 2}
			var parameters []*torch.Tensor
			var scales []float64
			for _, r := range rates {
				h := NewLinear(3, 6, 9, torch.CPU)
				tr.Heads = append(tr.Heads, h)
				parameters, scales = append(parameters, h.Parameters()...), append(scales, r, r)
			}
			tr.Optimizer = optim.NewSGD(parameters, 0.9, 0.01)
			tr.Optimizer.Scales = scales
			if err := tr.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, h := range tr.Heads {
				weights = append(weights, h.Weight.Float32s())
			}
			return weights
		}
		both := train(0.1, 3)
		if !slices.Equal(both[0], train(0.1)[0]) || !slices.Equal(both[1], train(3)[0]) || slices.Equal(both[0], both[1]) {
			t.Error("a rate's classifier depends on the others")
		}
	})
}

// Rows of weights of length l have length l^(1-τ) afterwards; the bias is removed.
func TestTauNormalized(t *testing.T) {
	inside(t, func() {
		l := &Linear{Weight: torch.FromFloat32([]float32{3, 4, 0, 2}, 2, 2), Bias: torch.Ones([]int{2})}
		for τ, want := range map[float64][]float32{0: {3, 4, 0, 2}, 1: {0.6, 0.8, 0, 1}, 2: {3. / 25, 4. / 25, 0, 0.5}} {
			n := l.TauNormalized(τ)
			numeric.AllNear(t, fmt.Sprintf("weights at τ %v", τ), n.Weight.Float32s(), want, 1e-6)
			if b := n.Bias.Float32s(); b[0] != 0 || b[1] != 0 {
				t.Errorf("bias %v", b)
			}
			n.Free()
		}
	})
}

// Class-balanced sampling improves the rare class of a long-tailed training set.
func TestBalancedSamplingLiftsRareClasses(t *testing.T) {
	inside(t, func() {
		m := network(t)
		defer m.Free()
		d := colors{[]int{60, 3}}
		var rare [2]float64
		for i, balanced := range []bool{false, true} {
			tr := trainer(t, m, d, 0)
			tr.Source.(*Images).Balanced = balanced
			tr.Schedule.Rate = 0.02
			if err := tr.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			s, err := Test(m, tr.Heads, colors{[]int{40, 40}}, data.ClassCounts(d), features.Options{Size: 8})
			if err != nil {
				t.Fatal(err)
			}
			rare[i] = s[0].Shots.Few
			if want := s[0].PerClass[1]; rare[i] != want {
				t.Errorf("few-shot accuracy %v, want the second class's %v", rare[i], want)
			}
		}
		if rare[1] < rare[0]+20 {
			t.Errorf("accuracy of the rare class: %v, with balanced classes %v", rare[0], rare[1])
		}
	})
}
