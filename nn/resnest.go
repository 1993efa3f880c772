package nn

import "contralens/torch"

// The parts of ResNeSt (Zhang et al. 2020) that a ResNet lacks, with radix 2 and
// cardinality 1.

const radix = 2

// deepStem is three 3x3 convolutions in place of one 7x7; bn1 follows.
type deepStem struct {
	convs [3]*conv
	norms [2]*batchNorm
}

func (b builder) deepStem(in, width int) *deepStem {
	s := &deepStem{}
	s.convs[0] = b.conv("0", in, width, 3, 2, 1, 1)
	s.norms[0] = b.batchNorm("1", width)
	s.convs[1] = b.conv("3", width, width, 3, 1, 1, 1)
	s.norms[1] = b.batchNorm("4", width)
	s.convs[2] = b.conv("6", width, 2*width, 3, 1, 1, 1)
	return s
}

func (s *deepStem) Forward(x *torch.Tensor) *torch.Tensor {
	a := s.norms[0].ForwardRelu(s.convs[0].Forward(x))
	b := s.norms[1].ForwardRelu(s.convs[1].Forward(a))
	a.Free()
	c := s.convs[2].Forward(b)
	b.Free()
	return c
}

// splitBottleneck is a bottleneck whose 3x3 convolution is a split attention.
// Where it down-samples, average pooling does it instead of strides, behind the
// attention and on the shortcut.
func (b builder) splitBottleneck(in, planes, stride int, first bool) (*block, int) {
	out := 4 * planes
	blk := &block{}
	blk.add(b, 1, in, planes, 1, 1, 1)
	blk.steps = append(blk.steps, step{conv: b.at("conv2").splitAttention(planes), pool: stride > 1})
	blk.add(b, 3, planes, out, 1, 1, 1)
	if first && (stride > 1 || in != out) {
		d := b.at("downsample")
		blk.down = &pooledConv{stride: stride, conv: d.conv("1", in, out, 1, 1, 0, 1)}
		blk.dnorm = d.batchNorm("2", out)
	}
	return blk, out
}

// pooledConv is a 1x1 convolution of stride x stride averages.
type pooledConv struct {
	stride int
	conv   *conv
}

func (p *pooledConv) Forward(x *torch.Tensor) *torch.Tensor {
	if p.stride == 1 {
		return p.conv.Forward(x)
	}
	a := x.AvgPool2d(p.stride, p.stride, 0, true, false)
	defer a.Free()
	return p.conv.Forward(a)
}

// splitAttention convolves into radix splits of the channels and sums them,
// each channel weighted by an attention over the splits.
type splitAttention struct {
	channels     int
	conv         *conv
	norm0, norm1 *batchNorm
	fc1, fc2     *biasedConv
}

func (b builder) splitAttention(channels int) *splitAttention {
	hidden := max(channels*radix/4, 32)
	return &splitAttention{
		channels: channels,
		conv:     b.conv("conv", channels, channels*radix, 3, 1, 1, radix),
		norm0:    b.batchNorm("bn0", channels*radix),
		fc1:      b.biasedConv("fc1", channels, hidden),
		norm1:    b.batchNorm("bn1", hidden),
		fc2:      b.biasedConv("fc2", hidden, channels*radix),
	}
}

// Forward maps x [N, C, H, W] to [N, C, H, W].
func (s *splitAttention) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		u := s.norm0.ForwardRelu(s.conv.Forward(x))
		a, b := u.Narrow(1, 0, s.channels), u.Narrow(1, s.channels, s.channels)
		gap := a.Add(b).MeanDim([]int{2, 3}, true)
		attention := s.fc2.Forward(s.norm1.ForwardRelu(s.fc1.Forward(gap)))
		share := attention.Reshape(x.Size(0), radix, s.channels, 1, 1).Softmax(1)
		of := func(split int) *torch.Tensor {
			return share.Narrow(1, split, 1).Reshape(x.Size(0), s.channels, 1, 1)
		}
		return a.Mul(of(0)).AddInto_(b.Mul(of(1)), 1)
	})
}

// biasedConv is a 1x1 convolution with bias on pooled features.
type biasedConv struct{ weight, bias *torch.Tensor }

func (b builder) biasedConv(name string, in, out int) *biasedConv {
	b = b.at(name)
	return &biasedConv{
		weight: b.parameter("weight", []int{out, in, 1, 1}, b.kaimingNormal(out)),
		bias:   b.parameter("bias", []int{out}, b.uniform(in)),
	}
}

func (c *biasedConv) Forward(x *torch.Tensor) *torch.Tensor {
	return x.Conv2d(c.weight, c.bias, 1, 0, 1, 1)
}
