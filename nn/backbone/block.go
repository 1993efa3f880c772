package backbone

import (
	"fmt"

	"contralens/nn/layers"
	"contralens/torch"
)

// block is a residual block: ReLU(norm(body(x)) + shortcut(x)).
type block struct {
	body     layers.Sequential
	norm     *layers.BatchNorm // of the body's last convolution
	shortcut layers.Layer      // nil: the identity
}

// newBasic builds a block of two 3x3 convolutions. It returns the block and its number
// of output channels.
func newBasic(b layers.Builder, in, planes, stride int) (*block, int) {
	blk := &block{}
	blk.add(b, 1, in, planes, layers.Conv{Kernel: 3, Stride: stride, Padding: 1})
	blk.add(b, 2, planes, planes, layers.Conv{Kernel: 3, Padding: 1})
	blk.project(b, in, planes, stride)
	return blk, planes
}

// newBottleneck builds a block of a 3x3 convolution between two 1x1 convolutions. It
// returns the block and its number of output channels.
func newBottleneck(b layers.Builder, a ResNet, in, planes, stride int) (*block, int) {
	out := 4 * planes
	groups, inner := a.inner(planes)
	blk := &block{}
	blk.add(b, 1, in, inner, layers.Conv{})
	blk.add(b, 2, inner, inner, layers.Conv{Kernel: 3, Stride: stride, Padding: 1, Groups: groups})
	blk.add(b, 3, inner, out, layers.Conv{})
	blk.project(b, in, out, stride)
	return blk, out
}

// add appends convolution i and its batch norm to the body.
func (blk *block) add(b layers.Builder, i, in, out int, c layers.Conv) {
	blk.end()
	blk.body = append(blk.body, b.Conv2d(fmt.Sprintf("conv%d", i), in, out, c))
	blk.norm = b.BatchNorm(fmt.Sprintf("bn%d", i), out)
}

// end closes the convolution added last, so that the body can continue after it.
func (blk *block) end() {
	if blk.norm != nil {
		blk.body = append(blk.body, blk.norm.ReLU())
		blk.norm = nil
	}
}

// project gives the block a 1x1 convolution as its shortcut, if its output has another
// shape than its input.
func (blk *block) project(b layers.Builder, in, out, stride int) {
	if stride == 1 && in == out {
		return
	}
	b = b.At("downsample")
	blk.shortcut = layers.Sequential{b.Conv2d("0", in, out, layers.Conv{Stride: stride}), b.BatchNorm("1", out)}
}

// Forward maps [N, in, H, W] to [N, out, H/stride, W/stride].
func (blk *block) Forward(x *torch.Tensor) *torch.Tensor {
	y := blk.body.Forward(x)
	defer y.Free()
	if blk.shortcut == nil {
		return blk.norm.ForwardAddRelu(y, x)
	}
	shortcut := blk.shortcut.Forward(x)
	defer shortcut.Free()
	return blk.norm.ForwardAddRelu(y, shortcut)
}
