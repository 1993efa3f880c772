package backbone

import (
	"fmt"
	"math"

	"contralens/nn/layers"
	"contralens/torch"
)

// resnet is a backbone of the ResNet family: a stem and four stages of residual blocks.
type resnet struct {
	stem   layers.Sequential
	stages [4][]layers.Layer
	dims   []int
	tape   *layers.Tape // nil: autograd records everything
}

// newResNet builds a member of the family. Width multiplies all channels. Multiplier
// does too, with two exceptions: a stem keeps at least 64 channels (in the half-width
// encoders of CMC), and the stem of a ResNeSt does not depend on it.
func newResNet(b layers.Builder, a ResNet, o Options) *resnet {
	stem := channels(math.Max(64*o.Multiplier, 64) * o.Width)
	if a.SplitStem > 0 {
		stem = 2 * channels(float64(a.SplitStem)*o.Width)
	}
	r := &resnet{tape: o.Tape, dims: []int{stem}}
	r.stem = resnetStem(b.Stage(0), a, o, stem)
	c := stem
	for stage, n := range a.Blocks {
		planes := channels(float64(int(64)<<stage) * o.Multiplier * o.Width)
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			at := b.Stage(stage + 1).At(fmt.Sprintf("layer%d", stage+1)).At(fmt.Sprint(i))
			var blk *block
			switch {
			case a.SplitStem > 0:
				blk, c = newSplitBottleneck(at, c, planes, stride, i == 0)
			case a.Bottleneck:
				blk, c = newBottleneck(at, a, c, planes, stride)
			default:
				blk, c = newBasic(at, c, planes, stride)
			}
			r.stages[stage] = append(r.stages[stage], blk)
		}
		r.dims = append(r.dims, c)
	}
	return r
}

func channels(n float64) int { return max(1, int(math.Round(n))) }

// resnetStem is everything before the first block. For small images it is a 3x3
// convolution; otherwise it is a convolution of stride 2 and max pooling, which reduce
// the side to a quarter.
func resnetStem(b layers.Builder, a ResNet, o Options, out int) layers.Sequential {
	var first layers.Layer
	switch {
	case o.Stem == "cifar":
		first = b.Conv2d("conv1", o.Channels, out, layers.Conv{Kernel: 3, Padding: 1})
	case a.SplitStem > 0:
		first = deepStem(b.At("conv1"), o.Channels, out/2)
	default:
		first = b.Conv2d("conv1", o.Channels, out, layers.Conv{Kernel: 7, Stride: 2, Padding: 3})
	}
	stem := layers.Sequential{first, b.BatchNorm("bn1", out).ReLU()}
	if o.Stem != "cifar" {
		stem = append(stem, layers.MaxPool{Kernel: 3, Stride: 2, Padding: 1})
	}
	return stem
}

// Dims returns the channels of the stem and of layer1 … layer4.
func (r *resnet) Dims() []int { return r.dims }

// Features averages the feature map of the last stage over the image.
func (r *resnet) Features(x *torch.Tensor) *torch.Tensor {
	y := r.tape.Pass(x, r.stem.Forward)
	for _, stage := range r.stages {
		for _, b := range stage {
			y = r.tape.Pass(y, b.Forward)
		}
	}
	f := y.MeanDim([]int{2, 3}, false)
	if r.tape == nil {
		y.Free()
	}
	return f
}

// Stages returns the feature maps after the stem's pooling and after layer1 … layer4.
func (r *resnet) Stages(x *torch.Tensor) []*torch.Tensor {
	y := r.tape.Pass(x, r.stem.Forward)
	maps := []*torch.Tensor{y}
	for i := range r.stages {
		y = r.Stage(i+1, y)
		maps = append(maps, y)
	}
	return maps
}

// Stage computes the stem (0) or layer i.
func (r *resnet) Stage(i int, x *torch.Tensor) *torch.Tensor {
	if i == 0 {
		return r.tape.Branch(x, r.stem.Forward)
	}
	blocks := r.stages[i-1]
	y := r.tape.Branch(x, blocks[0].Forward)
	for _, b := range blocks[1:] {
		y = r.tape.Pass(y, b.Forward)
	}
	return y
}
