package nn

import (
	"slices"
	"testing"

	"contralens/torch"
)

// Training the last stages gives gradients to their weights and updates their
// statistics. Nothing before them changes.
func TestTrainLast(t *testing.T) {
	const stages = 5
	for n := range stages + 1 {
		err := torch.Run(func() error {
			m, err := New(Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 4}, 1)
			if err != nil {
				return err
			}
			defer m.Free()
			before := map[string][]float32{}
			for _, e := range m.State {
				before[e.Name] = e.Tensor.Float32s()
			}
			m.TrainLast(n)
			torch.Scoped(func() {
				x := torch.Ones([]int{3, 3, 8, 8}).Normal_(0, 1, torch.NewGenerator(1, torch.CPU))
				if f := m.Features(x).Square().Sum(); n > 0 {
					f.Backward()
				}
				m.Evaluating(func() { m.Features(x) })
			})
			for _, e := range m.State {
				trained := e.Stage >= stages-n && e.Stage < stages
				if e.Buffer {
					if moved := !slices.Equal(before[e.Name], e.Tensor.Float32s()); moved != trained {
						t.Errorf("last %d: %s moved: %v, want %v", n, e.Name, moved, trained)
					}
				} else if g := e.Tensor.Grad(); (g != nil) != trained {
					t.Errorf("last %d: %s has a gradient: %v, want %v", n, e.Name, g != nil, trained)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
