package backbone

import (
	"contralens/nn/layers"
	"contralens/torch"
)

// What a ResNeSt (Zhang et al. 2020) adds to a ResNet, with radix 2 and cardinality 1.

const radix = 2

// deepStem replaces the 7x7 convolution by three 3x3 convolutions; bn1 follows.
func deepStem(b layers.Builder, in, width int) layers.Layer {
	conv := func(name string, in, out, stride int) layers.Layer {
		return b.Conv2d(name, in, out, layers.Conv{Kernel: 3, Stride: stride, Padding: 1})
	}
	return layers.Sequential{
		conv("0", in, width, 2), b.BatchNorm("1", width).ReLU(),
		conv("3", width, width, 1), b.BatchNorm("4", width).ReLU(),
		conv("6", width, 2*width, 1),
	}
}

// newSplitBottleneck builds a bottleneck whose 3x3 convolution is a split attention.
// Average pooling takes the place of strides, both after the attention and on the
// shortcut. It returns the block and its number of output channels.
func newSplitBottleneck(b layers.Builder, in, planes, stride int, first bool) (*block, int) {
	out := 4 * planes
	blk := &block{}
	blk.add(b, 1, in, planes, layers.Conv{})
	blk.end()
	blk.body = append(blk.body, newSplitAttention(b.At("conv2"), planes))
	if stride > 1 {
		blk.body = append(blk.body, layers.Func(func(x *torch.Tensor) *torch.Tensor {
			return x.AvgPool2d(3, 2, 1, false, true)
		}))
	}
	blk.add(b, 3, planes, out, layers.Conv{})
	if first && (stride > 1 || in != out) {
		blk.shortcut = pooledShortcut(b.At("downsample"), in, out, stride)
	}
	return blk, out
}

// pooledShortcut averages over stride x stride pixels, then applies a 1x1 convolution.
func pooledShortcut(b layers.Builder, in, out, stride int) layers.Layer {
	var s layers.Sequential
	if stride > 1 {
		s = append(s, layers.Func(func(x *torch.Tensor) *torch.Tensor {
			return x.AvgPool2d(stride, stride, 0, true, false)
		}))
	}
	return append(s, b.Conv2d("1", in, out, layers.Conv{}), b.BatchNorm("2", out))
}

// splitAttention convolves into radix splits of the channels and sums them, each
// channel weighted by an attention over the splits.
type splitAttention struct {
	channels  int
	conv      layers.Sequential // to radix * channels, with norm and ReLU
	attention layers.Sequential // of pooled sums: [N, C, 1, 1] to [N, radix*C, 1, 1]
}

func newSplitAttention(b layers.Builder, channels int) *splitAttention {
	hidden := max(channels*radix/4, 32)
	s := &splitAttention{channels: channels}
	s.conv = layers.Sequential{
		b.Conv2d("conv", channels, channels*radix, layers.Conv{Kernel: 3, Padding: 1, Groups: radix}),
		b.BatchNorm("bn0", channels*radix).ReLU(),
	}
	s.attention = layers.Sequential{
		b.Conv2d("fc1", channels, hidden, layers.Conv{Bias: true}),
		b.BatchNorm("bn1", hidden).ReLU(),
		b.Conv2d("fc2", hidden, channels*radix, layers.Conv{Bias: true}),
	}
	return s
}

// Forward maps x [N, C, H, W] to [N, C, H, W].
func (s *splitAttention) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		u := s.conv.Forward(x)
		a, b := u.Narrow(1, 0, s.channels), u.Narrow(1, s.channels, s.channels)
		attention := s.attention.Forward(a.Add(b).MeanDim([]int{2, 3}, true))
		share := attention.Reshape(x.Size(0), radix, s.channels, 1, 1).Softmax(1)
		of := func(split int) *torch.Tensor {
			return share.Narrow(1, split, 1).Reshape(x.Size(0), s.channels, 1, 1)
		}
		return a.Mul(of(0)).AddInto_(b.Mul(of(1)), 1)
	})
}
