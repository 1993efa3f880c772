package nn

import (
	"fmt"
	"math"
	"strings"

	"contralens/torch"
)

// Arch describes one member of the ResNet family (He et al. 2015, torchvision's
// layout: the stride sits in the 3x3 convolution, no classifier).
type Arch struct {
	Name       string
	Blocks     [4]int // residual blocks per stage
	Bottleneck bool   // 1x1-3x3-1x1 blocks, 4 times wider at their output
}

// Arches are the architectures by name. Each also goes by name+"x2" and "x4".
var Arches = []Arch{
	{"resnet18", [4]int{2, 2, 2, 2}, false},
	{"resnet34", [4]int{3, 4, 6, 3}, false},
	{"resnet50", [4]int{3, 4, 6, 3}, true},
	{"resnet101", [4]int{3, 4, 23, 3}, true},
	{"resnet152", [4]int{3, 8, 36, 3}, true},
}

// ParseArch splits a name such as "resnet50x2" into its architecture and its
// width multiplier.
func ParseArch(name string) (Arch, float64, error) {
	base, width := name, 1.0
	if s, ok := strings.CutSuffix(name, "x2"); ok {
		base, width = s, 2
	} else if s, ok := strings.CutSuffix(name, "x4"); ok {
		base, width = s, 4
	}
	var names []string
	for _, a := range Arches {
		if a.Name == base {
			return a, width, nil
		}
		names = append(names, a.Name)
	}
	return Arch{}, 0, fmt.Errorf("--arch: want one of %s, each also with x2 or x4, got %q", strings.Join(names, ", "), name)
}

// resnet is the backbone: images [N, in, H, W] to features [N, dim].
type resnet struct {
	stem     *conv
	stemNorm *batchNorm
	pool     bool // the ImageNet stem's 3x3 max pooling
	blocks   []*block
	dim      int
}

// block is a residual block: two 3x3 convolutions, or a bottleneck of three.
type block struct {
	convs []*conv
	norms []*batchNorm
	down  *conv // nil: the shortcut is the identity
	dnorm *batchNorm
}

// resnet builds a backbone. width multiplies the channels of all stages; the
// stem keeps 64 channels below width 1 (half-width encoders of CMC) unless
// scale, our own --width, multiplies everything.
func (b builder) resnet(a Arch, width, scale float64, cifarStem bool, in int) *resnet {
	stem := channels(math.Max(64*width, 64) * scale)
	r := &resnet{}
	if cifarStem {
		r.stem = b.conv("conv1", in, stem, 3, 1, 1, 1)
	} else {
		r.stem, r.pool = b.conv("conv1", in, stem, 7, 2, 3, 1), true
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
			at := b.at(fmt.Sprintf("layer%d", stage+1)).at(fmt.Sprint(i))
			var blk *block
			if a.Bottleneck {
				blk, c = at.bottleneck(c, planes, stride)
			} else {
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
	blk.add(b, 1, in, planes, 3, stride)
	blk.add(b, 2, planes, planes, 3, 1)
	blk.shortcut(b, in, planes, stride)
	return blk, planes
}

func (b builder) bottleneck(in, planes, stride int) (*block, int) {
	out := 4 * planes
	blk := &block{}
	blk.add(b, 1, in, planes, 1, 1)
	blk.add(b, 2, planes, planes, 3, stride)
	blk.add(b, 3, planes, out, 1, 1)
	blk.shortcut(b, in, out, stride)
	return blk, out
}

func (blk *block) add(b builder, i, in, out, kernel, stride int) {
	blk.convs = append(blk.convs, b.conv(fmt.Sprintf("conv%d", i), in, out, kernel, stride, kernel/2, 1))
	blk.norms = append(blk.norms, b.batchNorm(fmt.Sprintf("bn%d", i), out))
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
	last := len(blk.convs) - 1
	for i, c := range blk.convs {
		z := blk.norms[i].Forward(c.Forward(y))
		if i > 0 {
			y.Free()
		}
		if i < last {
			z.Relu_()
		}
		y = z
	}
	if blk.down == nil {
		return y.AddInto_(x, 1).Relu_()
	}
	identity := blk.dnorm.Forward(blk.down.Forward(x))
	y.AddInto_(identity, 1).Relu_()
	identity.Free()
	return y
}

func (r *resnet) Forward(x *torch.Tensor) *torch.Tensor {
	y := r.stemNorm.Forward(r.stem.Forward(x)).Relu_()
	if r.pool {
		p := y.MaxPool2d(3, 2, 1)
		y.Free()
		y = p
	}
	for _, b := range r.blocks {
		z := b.Forward(y)
		y.Free()
		y = z
	}
	f := y.MeanDim([]int{2, 3}, false)
	y.Free()
	return f
}
