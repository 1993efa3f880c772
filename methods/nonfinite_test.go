package methods

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/nn"
	"contralens/torch"
)

// inTorch runs f inside torch.Run, in its own scope.
func inTorch(t *testing.T, f func()) {
	t.Helper()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A step with NaN or infinity somewhere names the first place and changes no weights.
func TestNotFiniteIsTraced(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	set := func(s nn.State, name string, v float32) {
		for _, e := range s {
			if e.Name == name {
				torch.NoGrad(func() { e.Tensor.MulScalar_(float64(v)) })
				return
			}
		}
		t.Fatalf("no tensor %s", name)
	}
	for _, c := range []struct {
		name, want string
		spoil      func(m *Model, views []float32)
	}{
		{"images", "crop 1 of the images", func(m *Model, v []float32) { v[7] = nan }},
		{"weight", "encoder.layer3.0.conv2.weight of the query encoder", func(m *Model, v []float32) { set(m.Query.State, "encoder.layer3.0.conv2.weight", inf) }},
		{"key", "encoder.layer1.1.bn1.weight of the key encoder", func(m *Model, v []float32) { set(m.Key.State, "encoder.layer1.1.bn1.weight", nan) }},
		{"activation", "encoder.layer2.0.conv2 of the query encoder", func(m *Model, v []float32) {
			set(m.Query.State, "encoder.layer2.0.bn1.weight", 1e37)
			set(m.Query.State, "encoder.layer2.0.conv2.weight", 1000)
		}},
		{"queue", "contrast.memory", func(m *Model, v []float32) {
			torch.NoGrad(func() { m.Method.State().Contrast[0].Tensor.MulScalar_(math.NaN()) })
		}},
	} {
		for parts := range 4 {
			parts, deferred := parts/2, parts%2 == 1
			t.Run(fmt.Sprint(c.name, parts+1, deferred), func(t *testing.T) {
				inTorch(t, func() {
					m, err := NewModel(Options{Memory: "moco", Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Head: "mlp", FeatDim: 8}, Microbatches: parts + 1, K: 6, Alpha: 0.9, Temperature: 0.2, Momentum: 0.9, Seed: 1})
					if err != nil {
						t.Fatal(err)
					}
					defer m.Free()
					views := ramp(4 * 3 * 16 * 16)
					before := m.Query.State[0].Tensor.Float32s()
					good := torch.FromFloat32(views, 4, 3, 16, 16)
					c.spoil(m, views)
					b := &Batch{Crops: []*torch.Tensor{torch.FromFloat32(views, 4, 3, 16, 16), good}, Random: m.Random(0, false)}
					key, index := m.Key.State[0].Tensor.Float32s(), *m.Method.State().Indices[0]
					err = step(m, b, 0.1, deferred)
					var bad *NotFinite
					if !errors.As(err, &bad) || bad.What != "the loss" || bad.Where != c.want {
						t.Fatalf("got %v, want %s", err, c.want)
					}
					for i, v := range m.Query.State[0].Tensor.Float32s() {
						if v != before[i] {
							t.Fatal("weights changed")
						}
					}
					if !slices.Equal(m.Key.State[0].Tensor.Float32s(), key) || *m.Method.State().Indices[0] != index {
						t.Error("the momentum encoder or the queue changed")
					}
				})
			})
		}
	}
}

// A loss of NaN on a device, which the host reads late, changes neither the weights nor the
// momentum encoder, the queue or the bank, and is told in its step, also if it is scaled. On
// the CPU, a scale makes the update that of a device.
func TestNotFiniteOnADevice(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		if d.IsCPU() && !torch.FusesUpdates() {
			t.Skipf("libtorch %s updates so on a GPU alone", torch.Version())
		}
		for _, memory := range []string{"moco", "bank"} {
			for _, scaled := range []bool{false, true} {
				if scaled || !d.IsCPU() {
					t.Run(fmt.Sprint(memory, " scaled ", scaled), func(t *testing.T) { inTorch(t, func() { loseStep(t, d, memory, scaled) }) })
				}
			}
		}
	})
}

// loseStep trains on three batches, of which the second has a NaN.
func loseStep(t *testing.T, d torch.Device, memory string, scaled bool) {
	net := nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Head: "mlp", FeatDim: 8, Device: d}
	m, err := NewModel(Options{Memory: memory, Images: 6, Net: net, K: 6, Alpha: 0.9, BankMomentum: 0.5, Temperature: 0.2, Momentum: 0.9, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	if scaled {
		m.Optimizer.ScaleLoss(d)
	}
	state := func() (all [][]float32) {
		kept := []*torch.Tensor{m.Query.State[0].Tensor, m.Method.State().Contrast[0].Tensor}
		if m.Key != nil {
			kept = append(kept, m.Key.State[0].Tensor)
		}
		for _, t := range kept {
			all = append(all, t.Float32s())
		}
		return all
	}
	for i, v := range []float32{0, float32(math.NaN()), 0} {
		views := ramp(4 * 3 * 16 * 16)
		views[7] += v
		x := torch.FromFloat32(views, 4, 3, 16, 16).ToDevice(d)
		before := state()
		err := step(m, &Batch{Crops: []*torch.Tensor{x, x}, Images: []int64{1, 2, 3, 0}, Random: m.Random(i, false)}, 0.1, true)
		var bad *NotFinite
		if lost := i == 1; errors.As(err, &bad) != lost || lost && bad.Where != "crop 1 of the images" {
			t.Fatalf("step %d: %v", i+1, err)
		}
		for j, now := range state() {
			if changed := !slices.Equal(now, before[j]); changed != (i != 1) {
				t.Errorf("step %d: tensor %d changed: %v", i+1, j, changed)
			}
		}
	}
}

// step trains on a batch, with figures that are put off if deferred.
func step(m *Model, b *Batch, lr float64, deferred bool) error {
	if deferred {
		b.Readback = torch.NewReadback(m.Device()).Defer()
	}
	out, err := m.Step(b, lr)
	if deferred && err == nil {
		b.Readback.Wait()
		err = m.Check(b, out)
	}
	return err
}

// A gradient that is not finite is found by name after the step as well, when it is gone:
// that of the standard deviation of equal embeddings is. The weights stay as they are.
func TestNotFiniteGradientOfAStep(t *testing.T) {
	for _, deferred := range []bool{false, true} {
		t.Run(fmt.Sprint("deferred=", deferred), func(t *testing.T) {
			inTorch(t, func() {
				m, err := NewModel(Options{Memory: "moco", Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Head: "mlp", FeatDim: 8}, K: 6, Alpha: 0.9, Temperature: 0.2, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Free()
				m.Method = rooted{m.Method, m.Query.State[0].Tensor}
				x := torch.FromFloat32(ramp(4*3*16*16), 4, 3, 16, 16)
				before := m.Query.State[0].Tensor.Float32s()
				err = step(m, &Batch{Crops: []*torch.Tensor{x, x}, Random: m.Random(0, false)}, 0.1, deferred)
				var bad *NotFinite
				if !errors.As(err, &bad) || bad.What != "a gradient" || bad.Where != m.Query.State[0].Name {
					t.Errorf("got %v, want a gradient of %s", err, m.Query.State[0].Name)
				}
				if !slices.Equal(m.Query.State[0].Tensor.Float32s(), before) {
					t.Error("weights changed")
				}
			})
		})
	}
}

// rooted adds √0 of a weight to the loss, which is 0, with an infinite derivative.
type rooted struct {
	Method
	weight *torch.Tensor
}

func (r rooted) Forward(b *Batch) Outcome {
	out := r.Method.Forward(b)
	out.Loss = out.Loss.Add(r.weight.Sub(r.weight.Detach()).Square().Sum().Sqrt())
	return out
}

func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(float64(i * i)))
	}
	return v
}

// A gradient that is not finite is found by name, even if the loss is finite.
func TestNotFiniteGradient(t *testing.T) {
	inTorch(t, func() {
		m, err := NewModel(Options{Memory: "moco", Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Head: "mlp", FeatDim: 8}, K: 6, Alpha: 0.9, Temperature: 0.2, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		if !m.Optimizer.Finite() {
			t.Error("no gradient at all is taken for an infinite one")
		}
		// The derivative of √w at w = 0 is infinite.
		for _, name := range []string{"encoder.conv1.weight", "encoder.layer4.1.bn2.bias"} {
			for _, e := range m.Query.State {
				if e.Name == name {
					torch.NoGrad(func() { e.Tensor.MulScalar_(0) })
					e.Tensor.Sqrt().Sum().Backward()
				}
			}
		}
		if m.Optimizer.Finite() {
			t.Error("an infinite gradient was not seen")
		}
		if e := m.findGradient(); e.Where != "encoder.layer4.1.bn2.bias" || !strings.Contains(e.Error(), "a gradient became NaN or infinite, first in") {
			t.Errorf("got %v", e)
		}
	})
}

// Of embeddings that several processes have gathered, those that are not finite name their process.
func TestNotFiniteOfAnother(t *testing.T) {
	torch.Scoped(func() {
		fine := torch.Ones([]int{4, 2})
		broken := torch.FromFloat32([]float32{1, 2, 3, 4, 5, 6, float32(math.NaN()), 8, 9, 10, 11, 12}, 6, 2)
		x := &gathering{n: 2, rows: []int{1, 1}, ends: []end{{all: fine}}}
		if rank := x.notFinite(); rank != -1 {
			t.Errorf("finite embeddings name rank %d", rank)
		}
		x.ends = append(x.ends, end{all: broken}) // three rows for each image
		if rank := x.notFinite(); rank != 1 {
			t.Errorf("got rank %d, want 1", rank)
		}
	})
	if rank := (*gathering)(nil).notFinite(); rank != -1 {
		t.Errorf("in one process: rank %d", rank)
	}
}
