package rcnn

import (
	"errors"
	"math"
	"slices"
	"sync"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/nn/layers"
	"contralens/torch"
)

// rpn is the region proposal network: for each anchor, how likely it is to hold an object,
// and how to move it (Ren et al., 2015, section 3.1).
type rpn struct {
	conv, objectness, deltas *layers.Conv2d
	cells                    [][]box.Box // the anchors of a position, by level
	strides                  []int       // by level
	o                        Options
	anchors                  map[[3]int][]box.Box // by level and size of the map
}

func newRPN(b layers.Builder, o Options, in int, cells [][]box.Box, strides []int) *rpn {
	b = b.At("proposal_generator").At("rpn_head")
	conv := func(name string, out, kernel int) *layers.Conv2d {
		return b.Conv2d(name, in, out, layers.Conv{
			Kernel: kernel, Padding: kernel / 2, Bias: true,
			Init: layers.Init{Weight: b.Normal(0.01), Bias: layers.Constant(0)},
		})
	}
	n := len(cells[0])
	return &rpn{
		conv: conv("conv", in, 3), objectness: conv("objectness_logits", n, 1), deltas: conv("anchor_deltas", 4*n, 1),
		cells: cells, strides: strides, o: o, anchors: map[[3]int][]box.Box{},
	}
}

// predictions are the outputs of the network by level.
type predictions struct {
	logits  []*torch.Tensor // [N, H·W·A]
	deltas  []*torch.Tensor // [N, H·W·A, 4]
	anchors [][]box.Box     // H·W·A
}

// forward maps the maps of all levels to predictions.
func (r *rpn) forward(maps []*torch.Tensor) predictions {
	var p predictions
	for level, x := range maps {
		n, h, w, a := x.Size(0), x.Size(2), x.Size(3), len(r.cells[level])
		hidden := r.conv.Forward(x).Relu_()
		logits := full(r.objectness.Forward(hidden))
		deltas := full(r.deltas.Forward(hidden))
		p.logits = append(p.logits, logits.Permute(0, 2, 3, 1).Reshape(n, h*w*a))
		p.deltas = append(p.deltas, deltas.Reshape(n, a, 4, h, w).Permute(0, 3, 4, 1, 2).Reshape(n, h*w*a, 4))
		p.anchors = append(p.anchors, r.grid(level, h, w))
	}
	return p
}

// grid returns the anchors of a level. It remembers them, because most batches have one of a
// few sizes.
func (r *rpn) grid(level, h, w int) []box.Box {
	key := [3]int{level, h, w}
	if r.anchors[key] == nil {
		if len(r.anchors) > 64 {
			clear(r.anchors)
		}
		r.anchors[key] = box.Anchors(r.cells[level], h, w, r.strides[level], 0)
	}
	return r.anchors[key]
}

// proposals are the regions of an image where objects may be, by falling logit.
type proposals struct {
	boxes  []box.Box
	logits []float32
}

// errDiverged is the error for a training whose proposals are NaN or infinite.
var errDiverged = errors.New("proposals: want finite boxes and scores, got NaN or infinite ones: the training " +
	"diverged; a lower learning rate or a longer warm-up helps")

// propose picks the proposals of each sample: on each level the anchors with the highest
// logits, moved by their deltas, clipped to the image, without those that overlap a better one
// of the level by an IoU above 0.7. No gradient flows through them. In training, values that
// are not finite are an error; otherwise they are dropped.
func (r *rpn) propose(p predictions, samples []detect.Sample, training bool) (all []proposals, err error) {
	top, keep := r.o.Proposals.TopTest, r.o.Proposals.KeepTest
	if training {
		top, keep = r.o.Proposals.TopTrain, r.o.Proposals.KeepTrain
	}
	candidates := r.top(p, top)
	all = make([]proposals, len(samples))
	finite := make([]bool, len(samples))
	var wait sync.WaitGroup
	for i, s := range samples {
		wait.Go(func() { all[i], finite[i] = candidates[i].suppress(float32(s.Width), float32(s.Height), keep) })
	}
	wait.Wait()
	if training && slices.Contains(finite, false) {
		return nil, errDiverged
	}
	return all, nil
}

// candidates are the best anchors of an image on all levels, moved.
type candidates struct {
	boxes  []box.Box
	logits []float32
	levels []int32
}

// top returns the candidates of each image. All of them are copied to the host at once.
func (r *rpn) top(p predictions, count int) []candidates {
	n := p.logits[0].Size(0)
	out := make([]candidates, n)
	read := torch.NewReadback(r.o.Device)
	torch.NoGrad(func() {
		torch.Scoped(func() {
			for level := range p.logits {
				k := min(count, p.logits[level].Size(1))
				logits, indices := p.logits[level].TopK(k, 1)
				deltas := p.deltas[level].Gather(1, indices.Unsqueeze(2).Expand(n, k, 4))
				var values, picked []float64
				read.Values(logits, func(v []float64) { values = v })
				read.Values(indices, func(v []float64) { picked = v })
				read.Values(deltas, func(v []float64) {
					for i := range out {
						out[i].add(int32(level), p.anchors[level], values[i*k:(i+1)*k], picked[i*k:], v[4*i*k:])
					}
				})
			}
			read.Wait()
		})
	})
	return out
}

// add appends the candidates of a level.
func (c *candidates) add(level int32, anchors []box.Box, logits, indices, deltas []float64) {
	for i, logit := range logits {
		d := [4]float32{float32(deltas[4*i]), float32(deltas[4*i+1]), float32(deltas[4*i+2]), float32(deltas[4*i+3])}
		c.boxes = append(c.boxes, box.ProposalCoder.Decode(anchors[int(indices[i])], d))
		c.logits = append(c.logits, float32(logit))
		c.levels = append(c.levels, level)
	}
}

// suppress returns the proposals among the candidates of an image, and whether all
// candidates are finite.
func (c candidates) suppress(width, height float32, keep int) (p proposals, finite bool) {
	var inside candidates
	finite = true
	for i, b := range c.boxes {
		if !box.Finite(b) || math.IsNaN(float64(c.logits[i])) || math.IsInf(float64(c.logits[i]), 0) {
			finite = false
			continue
		}
		if b = box.Clip(b, width, height); !box.Empty(b) {
			inside.boxes, inside.logits = append(inside.boxes, b), append(inside.logits, c.logits[i])
			inside.levels = append(inside.levels, c.levels[i])
		}
	}
	for _, i := range box.NMS(inside.boxes, inside.logits, inside.levels, proposalOverlap, keep) {
		p.boxes, p.logits = append(p.boxes, inside.boxes[i]), append(p.logits, inside.logits[i])
	}
	return p, finite
}
