package vit

import (
	"fmt"
	"slices"
	"testing"

	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/nn"
	"contralens/torch"
)

func network(t *testing.T, c nn.Config) *nn.Model {
	t.Helper()
	c.Arch, c.Width, c.FeatDim = "vit_tiny", 0.125, 8
	m, err := nn.New(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func images(n, side int) *torch.Tensor {
	return torch.Zeros([]int{n, 3, side, side}).Normal_(0, 1, torch.NewGenerator(1, torch.CPU))
}

// Every stage has a feature map of the patches, for any image size, and the mean of the
// last one is the features. CMC has two encoders of half the width.
func TestStages(t *testing.T) {
	for _, c := range []struct {
		net       nn.Config
		side      int
		dim, maps int // channels, and side of the maps
	}{
		{nn.Config{}, 64, 24, 4},
		{nn.Config{Stem: "cifar"}, 32, 24, 8},
		{nn.Config{Stem: "cifar"}, 22, 24, 5},
		{nn.Config{Stem: "cifar", Modal: "CMC", Format: torch.ChannelsLast}, 32, 24, 8},
	} {
		tensortest.Run(t, func() {
			m := network(t, c.net)
			defer m.Free()
			maps := m.Stages(images(2, c.side))
			for i, y := range maps {
				if want := []int{2, m.Dims()[i], c.maps, c.maps}; !slices.Equal(y.Shape(), want) || want[1] != c.dim {
					t.Errorf("%+v at %d px: stage %d is %v, want %v and %d channels", c.net, c.side, i, y.Shape(), want, c.dim)
				}
			}
			mean, f := maps[len(maps)-1].MeanDim([]int{2, 3}, false), m.Features(images(2, c.side))
			numeric.AllNear(t, fmt.Sprintf("%+v: features", c.net), f.Float32s(), mean.Float32s(), 1e-5)
			if f.Abs().Max().Item() < 0.01 {
				t.Errorf("%+v: features are all near 0", c.net)
			}
		})
	}
}

// With the blocks on the tape, gradients are the same as without, bit for bit.
func TestCheckpointing(t *testing.T) {
	gradients := func(checkpoint bool) (all [][]float32) {
		m := network(t, nn.Config{Stem: "cifar", Checkpoint: checkpoint})
		defer m.Free()
		y := m.Forward(images(3, 16))
		y.Mul(y.Exp()).Sum().Backward()
		m.Tape.Backward(func(f func()) { f() })
		for _, p := range m.State.Parameters() {
			all = append(all, p.Grad().Float32s())
		}
		return all
	}
	tensortest.Run(t, func() {
		plain, pieces := gradients(false), gradients(true)
		for i := range plain {
			if !slices.Equal(plain[i], pieces[i]) {
				t.Errorf("the gradient of parameter %d differs", i)
			}
		}
	})
}
