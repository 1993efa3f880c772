package rcnn

import (
	"fmt"

	"contralens/nn/backbone"
	"contralens/nn/layers"
	"contralens/torch"
)

// heads turn the maps and regions of images into scores and deltas.
type heads interface {
	// regions returns the features of regions that predict takes.
	regions(maps []*torch.Tensor, regions []region) *torch.Tensor
	// predict maps the features of R regions to logits [R, K+1], where column K is the
	// background, and deltas [R, 4K], four for each class.
	predict(features *torch.Tensor) (logits, deltas *torch.Tensor)
	// maskFeatures returns what the mask head takes of some of the regions. In training,
	// features are those of all regions and picked are the indices of these; otherwise features
	// is nil.
	maskFeatures(maps []*torch.Tensor, some []region, features *torch.Tensor, picked []int64) *torch.Tensor
	// maskInput describes those features.
	maskInput() maskInput
}

// predictor has the last layers of the box head.
type predictor struct {
	class, box *layers.Linear
}

func newPredictor(b layers.Builder, in, classes int) predictor {
	b = b.At("box_predictor")
	layer := func(name string, out int, std float64) *layers.Linear {
		return b.LinearInit(name, in, out, layers.Init{Weight: b.Normal(std), Bias: layers.Constant(0)})
	}
	return predictor{class: layer("cls_score", classes+1, 0.01), box: layer("bbox_pred", 4*classes, 0.001)}
}

func (p predictor) forward(x *torch.Tensor) (logits, deltas *torch.Tensor) {
	return full(p.class.Forward(x)), full(p.box.Forward(x))
}

// c4Heads apply the backbone's last stage to each region, 14 x 14 of res4.
type c4Heads struct {
	body  backbone.Staged
	norm  *layers.BatchNorm // after res5, or nil
	last  predictor
	align pooler
	in    maskInput
}

func newC4Heads(b layers.Builder, o Options, body backbone.Staged) *c4Heads {
	dims := body.Dims()
	out := dims[len(dims)-1]
	h := &c4Heads{
		body: body, align: pooler{side: 14, strides: []int{c4Stride}},
		in: maskInput{channels: out, side: 7},
	}
	if o.ExtraNorm {
		h.norm = b.At("res5").BatchNorm("norm", out)
	}
	h.last = newPredictor(b, out, o.Classes)
	return h
}

func (h *c4Heads) regions(maps []*torch.Tensor, regions []region) *torch.Tensor {
	cut := h.align.roiAlign(maps, regions)
	x := h.body.Stage(stageCount-1, cut)
	if !torch.GradEnabled() {
		cut.Free() // 0.8 MB a region of a ResNet-50
	}
	if h.norm != nil {
		x = h.norm.Forward(x)
	}
	return x
}

func (h *c4Heads) predict(x *torch.Tensor) (logits, deltas *torch.Tensor) {
	return h.last.forward(x.MeanDim([]int{2, 3}, false))
}

func (h *c4Heads) maskFeatures(
	maps []*torch.Tensor, some []region, features *torch.Tensor, picked []int64,
) *torch.Tensor {
	if features == nil {
		return h.regions(maps, some)
	}
	return features.IndexSelect(0, indices(picked, features.Device()))
}

func (h *c4Heads) maskInput() maskInput { return h.in }

// pyramidHeads take 7 x 7 of a region for the box and 14 x 14 for the mask.
type pyramidHeads struct {
	convs, fcs       layers.Sequential
	last             predictor
	align, alignMask pooler
	in               maskInput
}

func newPyramidHeads(b layers.Builder, o Options) *pyramidHeads {
	d := o.Heads
	pool := func(side int) pooler {
		return pooler{side: side, strides: pyramidStrides[:], lowest: lowestLevel}
	}
	h := &pyramidHeads{
		align: pool(7), alignMask: pool(14),
		in: maskInput{channels: d.Pyramid, side: 14, convs: d.MaskConvs, norm: d.Norm},
	}
	at := b.At("box_head")
	in := d.Pyramid
	for i := range d.BoxConvs {
		h.convs = append(h.convs, convNorm(at, fmt.Sprint("conv", i+1), in, d.ConvDim, d.Norm,
			layers.Conv{Kernel: 3, Padding: 1, Init: layers.Init{Bias: layers.Constant(0)}}), layers.ReLU)
		in = d.ConvDim
	}
	in *= h.align.side * h.align.side
	for i := range d.BoxFCs {
		h.fcs = append(h.fcs, at.LinearInit(fmt.Sprint("fc", i+1), in, d.FCDim, xavier(at, in)), layers.ReLU)
		in = d.FCDim
	}
	h.last = newPredictor(b, in, o.Classes)
	return h
}

func (h *pyramidHeads) regions(maps []*torch.Tensor, regions []region) *torch.Tensor {
	return h.align.roiAlign(maps[:highestLevel-lowestLevel+1], regions)
}

func (h *pyramidHeads) predict(x *torch.Tensor) (logits, deltas *torch.Tensor) {
	return h.last.forward(h.fcs.Forward(h.convs.Forward(x).Flatten(1, -1)))
}

func (h *pyramidHeads) maskFeatures(maps []*torch.Tensor, some []region, _ *torch.Tensor, _ []int64) *torch.Tensor {
	return h.alignMask.roiAlign(maps[:highestLevel-lowestLevel+1], some)
}

func (h *pyramidHeads) maskInput() maskInput { return h.in }
