package methods

import (
	"slices"
	"testing"

	"contralens/internal/golden"
	"contralens/nn"
	"contralens/torch"
)

// Keys are returned in the order of the batch and in the order in which the encoder saw
// the images. In evaluation mode that order changes no key. In training it changes the
// keys of split batch norm, whose parts then have other images.
func TestKeys(t *testing.T) {
	const n, side = 6, 16
	order := []int64{4, 0, 5, 2, 1, 3}
	for _, modal := range []string{"RGB", "CMC"} {
		t.Run(modal, func(t *testing.T) {
			inTorch(t, func() {
				m, err := NewModel(Options{Memory: "moco", K: 8, Net: nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 8, Modal: modal, Groups: 2}})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Free()
				view := torch.FromFloat32(golden.Input(golden.CInput, n*3*side*side), n, 3, side, side)
				for _, train := range []bool{true, false} {
					m.Key.Train(train)
					var plain []*torch.Tensor
					torch.NoGrad(func() { plain = m.branches(m.Key.Forward(view)) })
					keys, shuffled, _ := m.Keys(view, inOrder{order: order})
					for i, p := range plain {
						golden.Near(t, "shuffled keys", shuffled[i].Float32s(), keys[i].IndexSelect(0, torch.FromInt64(order, n)).Float32s(), 0)
						if !train {
							golden.Near(t, "keys in evaluation mode", keys[i].Float32s(), p.Float32s(), 1e-6)
						} else if slices.Equal(keys[i].Float32s(), p.Float32s()) {
							t.Error("shuffling between the parts changes no key in training")
						}
					}
				}
			})
		})
	}
}

// inOrder returns a given order.
type inOrder struct {
	Random
	order []int64
}

func (r inOrder) Order(int) []int64 { return r.order }
