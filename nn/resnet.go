package nn

import (
	"fmt"
	"math"

	"contralens/torch"
)

// resnet is the backbone: images [N, in, H, W] to features [N, dim].
type resnet struct {
	stem     layer // everything before bn1
	stemNorm *batchNorm
	pool     bool // the ImageNet stem's 3x3 max pooling
	blocks   []*block
	dim      int
	train    [Stages]bool // per stage: whether batch norm uses the batch's statistics
	tape     *Tape        // nil: everything is recorded
}

// layer is a part of a network whose input belongs to the caller.
type layer interface {
	Forward(x *torch.Tensor) *torch.Tensor
}

// block is a residual block: two 3x3 convolutions, or a bottleneck of three.
type block struct {
	steps []step
	down  layer // nil: the shortcut is the identity
	dnorm *batchNorm
}

// step is a convolution of a block and what follows it up to the next ReLU.
type step struct {
	conv layer
	norm *batchNorm // nil: conv ends in its own activation
	pool bool       // average pooling afterwards, where a ResNeSt down-samples
}

// resnet builds a backbone. width multiplies the channels of all stages; the
// stem keeps 64 channels below width 1 (half-width encoders of CMC) unless
// scale, our own --width, multiplies everything. A ResNeSt's stem follows scale
// alone.
func (b builder) resnet(a Arch, width, scale float64, cifarStem bool, in int) *resnet {
	stem := channels(math.Max(64*width, 64) * scale)
	if a.SplitStem > 0 {
		stem = 2 * channels(float64(a.SplitStem)*scale)
	}
	r := &resnet{pool: !cifarStem}
	b.train = &r.train[0]
	switch {
	case cifarStem:
		r.stem = b.conv("conv1", in, stem, 3, 1, 1, 1)
	case a.SplitStem > 0:
		r.stem = b.at("conv1").deepStem(in, stem/2)
	default:
		r.stem = b.conv("conv1", in, stem, 7, 2, 3, 1)
	}
	r.stemNorm = b.batchNorm("bn1", stem)
	c := stem
	for stage, n := range a.Blocks {
		planes := channels(float64(int(64)<<stage) * width * scale)
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			b.train = &r.train[stage+1]
			at := b.at(fmt.Sprintf("layer%d", stage+1)).at(fmt.Sprint(i))
			var blk *block
			switch {
			case a.SplitStem > 0:
				blk, c = at.splitBottleneck(c, planes, stride, i == 0)
			case a.Bottleneck:
				blk, c = at.bottleneck(a, c, planes, stride)
			default:
				blk, c = at.basic(c, planes, stride)
			}
			r.blocks = append(r.blocks, blk)
		}
	}
	r.dim = c
	return r
}

func channels(n float64) int { return max(1, int(math.Round(n))) }

func (b builder) basic(in, planes, stride int) (*block, int) {
	blk := &block{}
	blk.add(b, 1, in, planes, 3, stride, 1)
	blk.add(b, 2, planes, planes, 3, 1, 1)
	blk.shortcut(b, in, planes, stride)
	return blk, planes
}

func (b builder) bottleneck(a Arch, in, planes, stride int) (*block, int) {
	out := 4 * planes
	groups, inner := a.inner(planes)
	blk := &block{}
	blk.add(b, 1, in, inner, 1, 1, 1)
	blk.add(b, 2, inner, inner, 3, stride, groups)
	blk.add(b, 3, inner, out, 1, 1, 1)
	blk.shortcut(b, in, out, stride)
	return blk, out
}

func (blk *block) add(b builder, i, in, out, kernel, stride, groups int) {
	c := b.conv(fmt.Sprintf("conv%d", i), in, out, kernel, stride, kernel/2, groups)
	blk.steps = append(blk.steps, step{conv: c, norm: b.batchNorm(fmt.Sprintf("bn%d", i), out)})
}

func (blk *block) shortcut(b builder, in, out, stride int) {
	if stride == 1 && in == out {
		return
	}
	b = b.at("downsample")
	blk.down = b.conv("0", in, out, 1, stride, 0, 1)
	blk.dnorm = b.batchNorm("1", out)
}

func (blk *block) Forward(x *torch.Tensor) *torch.Tensor {
	y := x
	last := len(blk.steps) - 1
	for i, s := range blk.steps {
		z := s.conv.Forward(y)
		switch {
		case i == last:
			z = blk.join(x, z)
		case s.norm != nil:
			z = s.norm.ForwardRelu(z)
		}
		if s.pool {
			p := z.AvgPool2d(3, 2, 1, false, true)
			z.Free()
			z = p
		}
		if i > 0 {
			y.Free()
		}
		y = z
	}
	return y
}

// join ends a block: the last convolution's output z under batch norm, plus the
// shortcut from the block's input x, then ReLU. It takes ownership of z.
func (blk *block) join(x, z *torch.Tensor) *torch.Tensor {
	norm := blk.steps[len(blk.steps)-1].norm
	if blk.down == nil {
		return norm.ForwardAddRelu(z, x)
	}
	shortcut := blk.dnorm.Forward(blk.down.Forward(x))
	defer shortcut.Free()
	return norm.ForwardAddRelu(z, shortcut)
}

// Forward takes ownership of x.
func (r *resnet) Forward(x *torch.Tensor) *torch.Tensor {
	y := r.tape.Pass(x, r.begin)
	for _, b := range r.blocks {
		y = r.tape.Pass(y, b.Forward)
	}
	f := y.MeanDim([]int{2, 3}, false)
	if r.tape == nil {
		y.Free()
	}
	return f
}

// begin is the stem, up to the first block.
func (r *resnet) begin(x *torch.Tensor) *torch.Tensor {
	y := r.stemNorm.ForwardRelu(r.stem.Forward(x))
	if r.pool {
		p := y.MaxPool2d(3, 2, 1)
		y.Free()
		y = p
	}
	return y
}
