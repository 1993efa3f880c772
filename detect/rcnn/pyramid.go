package rcnn

import (
	"fmt"

	"contralens/detect/box"
	"contralens/nn/layers"
	"contralens/torch"
)

// The maps of a pyramid: p2 … p6, of which RoIs use p2 … p5.
const (
	lowestLevel  = 2
	highestLevel = 5 // of RoIs
	c4Stride     = 16
)

var pyramidStrides = [5]int{4, 8, 16, 32, 64}

// pyramid turns the maps res2 … res5 into maps of equal width, p2 … p6 (Lin et al., 2017,
// section 3): each is a lateral 1x1 convolution of its stage plus the map above it, doubled in
// size, and then a 3x3 convolution; p6 is every second position of p5.
type pyramid struct {
	lateral, output []layers.Layer // of res2 … res5
}

func newPyramid(b layers.Builder, o Options, dims []int) *pyramid {
	p := &pyramid{}
	for i, in := range dims {
		level := i + lowestLevel
		p.lateral = append(p.lateral, convNorm(b, fmt.Sprint("fpn_lateral", level), in, o.Heads.Pyramid, o.PyramidNorm,
			layers.Conv{Kernel: 1, Init: xavier(b, in)}))
		p.output = append(p.output, convNorm(b, fmt.Sprint("fpn_output", level), o.Heads.Pyramid, o.Heads.Pyramid,
			o.PyramidNorm, layers.Conv{Kernel: 3, Padding: 1, Init: xavier(b, 9*o.Heads.Pyramid)}))
	}
	return p
}

// convNorm is a convolution with a norm, or with a bias instead.
func convNorm(b layers.Builder, name string, in, out int, norm bool, c layers.Conv) layers.Layer {
	c.Bias = !norm
	conv := b.Conv2d(name, in, out, c)
	if !norm {
		return conv
	}
	return layers.Sequential{conv, b.At(name).BatchNorm("norm", out)}
}

// xavier draws weights for a number of inputs, and no bias.
func xavier(b layers.Builder, in int) layers.Init {
	return layers.Init{Weight: b.XavierUniform(in), Bias: layers.Constant(0)}
}

// anchors returns the anchors of a position on each level.
func (p *pyramid) anchors(o Options) [][]box.Box {
	var cells [][]box.Box
	for _, size := range o.AnchorSizes {
		cells = append(cells, box.Cell([]float64{size}, o.AnchorRatios))
	}
	return cells
}

// forward returns p2 … p6.
func (p *pyramid) forward(stages []*torch.Tensor) []*torch.Tensor {
	maps := make([]*torch.Tensor, len(stages), len(stages)+1)
	var merged *torch.Tensor
	for i := len(stages) - 1; i >= 0; i-- {
		lateral := p.lateral[i].Forward(stages[i])
		if merged != nil {
			lateral = lateral.Add(merged.UpsampleNearest2d(lateral.Size(2), lateral.Size(3)))
		}
		merged = lateral
		maps[i] = p.output[i].Forward(merged)
	}
	return append(maps, maps[len(maps)-1].MaxPool2d(1, 2, 0))
}
