package nn

import (
	"testing"

	"contralens/nn/layers"
	"contralens/torch"
)

// TestMultiplyAdds compares the count with sums by hand: out² · k² · in · out/groups
// for each convolution, for one image.
func TestMultiplyAdds(t *testing.T) {
	const m = 1e6
	// Of a ResNet-50 at 224 px, in units of 56² · 64² = 12.845056 M: in every block
	// of a stage 1 for the first 1x1 (4 where its input is 4 times as wide), 9 for the
	// 3x3 and 4 for the last, whatever the stage, since width doubles where the side
	// halves. A stage's first block has a shortcut of 4 (layer1) or 8, with its first
	// 1x1 twice as wide and, like the 3x3, before the stride: 8.
	unit := 56.0 * 56 * 64 * 64
	resnet50 := 112.0*112*49*3*64 + unit*((1+9+4+4)+2*(4+9+4)+(8+9+4+8)+3*17+(8+9+4+8)+5*17+(8+9+4+8)+2*17)
	// Of a ResNet-18 with the CIFAR stem at 32 px and a quarter of its width: 18 units
	// of 32² · 16² a block, fewer in a first block, whose strided 3x3 takes half the
	// width, with its shortcut of 1x1.
	small := 32.0 * 32 * 16 * 16
	resnet18 := 32.0*32*9*3*16 + small*(2*18+3*(4.5+9+0.5+18))
	for _, c := range []struct {
		net  Config
		side int
		want float64
	}{
		{Config{Arch: "resnet50", Head: "mlp"}, 224, resnet50 + 2048*2048 + 2048*128},
		{Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Head: "linear"}, 32, resnet18 + 128*128},
	} {
		err := torch.Run(func() error {
			model, err := New(c.net, 0)
			if err != nil {
				return err
			}
			defer model.Free()
			got := 0.0
			torch.NoGrad(func() {
				torch.Scoped(func() {
					x := torch.Zeros([]int{2, 3, c.side, c.side})
					layers.MultiplyAdds(model.State, func(n int) { got += float64(n) / 2 }, func() { model.Forward(x) })
				})
			})
			if got != c.want {
				t.Errorf("%+v: %.3f M, want %.3f M", c.net, got/m, c.want/m)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if g := 2 * resnet50 / 1e9; g < 8.1 || g > 8.3 { // 4.1 billion multiply-adds, as torchvision's pages say
		t.Errorf("a ResNet-50 by hand: %.2f GFLOP", g)
	}
}
