package rcnn

import (
	"fmt"
	"math/rand/v2"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/torch"
)

// Draws of a training step, see Draw.
const (
	Anchors = iota
	Regions
)

// Draw returns what chooses the anchors or the regions that an image of a batch trains with.
type Draw func(image, what int) box.Choose

// First chooses the first ones, for comparisons that must not depend on chance.
func First(int, int) box.Choose { return box.ChooseFirst }

// Random chooses uniformly. The choices depend on the seed, the step and the position of the
// image in the batch alone, which is that of all processes.
func Random(seed uint64, step int) Draw {
	return func(image, what int) box.Choose {
		key := uint64(image)<<1 | uint64(what)
		return box.ChooseRandom(rand.New(rand.NewPCG(seed^0x726f6973+key<<40, uint64(step))))
	}
}

// Losses of a batch, tensors of one element. Mask is nil without masks.
type Losses struct {
	Class    *torch.Tensor // cross entropy of the regions' classes
	Box      *torch.Tensor // L1 distance of the deltas of foreground regions
	Mask     *torch.Tensor // binary cross entropy of their masks
	RPNClass *torch.Tensor // binary cross entropy of anchors
	RPNBox   *torch.Tensor // L1 distance of the deltas of foreground anchors
	Counts   Counts
	// Classified has numbers of regions, float32 [3]: classified right, with an object and classified
	// right, and with an object but taken for background.
	Classified *torch.Tensor
}

// Counts are the numbers of anchors and regions that a batch trained with.
type Counts struct {
	Images                               int
	ForegroundAnchors, BackgroundAnchors int
	ForegroundRegions, BackgroundRegions int
}

// sampled is a region that trains the heads.
type sampled struct {
	region
	object int   // of its sample, or -1: background
	class  int32 // K: background
	target box.Box
}

// Losses computes the losses of a batch, which must have at least one sample. The model must
// be in training mode, see Train. The error is that the training diverged, or that an object
// has no mask. What the backward pass doesn't need is freed before Losses returns.
func (m *Model) Losses(b *detect.Batch, draw Draw) (l Losses, err error) {
	torch.ScopedAll(func() []*torch.Tensor {
		if l, err = m.losses(b, draw); err != nil {
			m.tape.Drop()
			return nil
		}
		return l.tensors()
	})
	return l, err
}

// Total returns the sum of the losses.
func (l *Losses) Total() *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		total := l.RPNClass.Add(l.RPNBox).Add(l.Class).Add(l.Box)
		if l.Mask != nil {
			total = total.Add(l.Mask)
		}
		return total
	})
}

// tensors returns the tensors of the losses.
func (l *Losses) tensors() (all []*torch.Tensor) {
	for _, t := range []*torch.Tensor{
		l.Class, l.Box, l.Mask, l.RPNClass, l.RPNBox, l.Classified,
	} {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

func (m *Model) losses(b *detect.Batch, draw Draw) (l Losses, err error) {
	if b.First > 0 { // images draw alike in every process
		whole := draw
		draw = func(image, what int) box.Choose { return whole(b.First+image, what) }
	}
	maps := m.maps(m.images(b))
	p := m.rpn.forward(maps)
	anchors := m.rpn.targets(p.anchors, b.Samples, draw)
	l.RPNClass, l.RPNBox = m.rpn.losses(p, anchors)
	found, err := m.rpn.propose(p, b.Samples, true)
	if err != nil {
		return l, err
	}
	regions := m.sample(found, b.Samples, draw)
	if err := m.headLosses(&l, maps, regions, b.Samples); err != nil {
		return l, err
	}
	l.count(anchors, regions)
	return l, nil
}

// images returns the normalized images of a batch, [N, 3, H, W], on the model's device.
func (m *Model) images(b *detect.Batch) *torch.Tensor {
	n, shape := len(b.Samples), []int{len(b.Samples), 3, b.Height, b.Width}
	if n == 0 || b.Height < 1 || b.Width < 1 {
		panic(&torch.Error{Op: "images", Message: fmt.Sprintf("want at least one sample, got a batch of shape %v", shape)})
	}
	return torch.Scoped1(func() *torch.Tensor {
		var x *torch.Tensor
		if b.Values != nil {
			x = torch.FromFloat32(b.Values, shape...).ToDevice(m.Options.Device)
		} else {
			x = normalized(torch.FromUint8(b.Pixels, shape...).ToDevice(m.Options.Device), b)
		}
		if m.Options.Double {
			x = x.To(torch.Float64)
		}
		return x.Contiguous(m.Options.Format)
	})
}

// normalized maps 8-bit pixels to values around 0, with zeros as padding.
func normalized(pixels *torch.Tensor, b *detect.Batch) *torch.Tensor {
	x := pixels.To(torch.Float32)
	color := func(v [3]float32) *torch.Tensor { return like(x, v[:], 1, 3, 1, 1) }
	x = x.Sub(color(meanColor)).Div_(color(deviationColor))
	for i, s := range b.Samples {
		x.Select(0, i).Narrow(1, s.Height, b.Height-s.Height).Zero_()
		x.Select(0, i).Narrow(2, s.Width, b.Width-s.Width).Zero_()
	}
	return x
}

// Mean and standard deviation of ImageNet's colors of 0 … 255, as MoCo's configurations have
// them.
var (
	meanColor      = [3]float32{123.675, 116.280, 103.530}
	deviationColor = [3]float32{58.395, 57.120, 57.375}
)

// sample picks the regions that train the heads, of each image first those with an object. The
// annotated boxes are regions too.
func (m *Model) sample(found []proposals, samples []detect.Sample, draw Draw) []sampled {
	var all []sampled
	for i, s := range samples {
		boxes := append(found[i].boxes[:len(found[i].boxes):len(found[i].boxes)], s.Boxes...)
		matches, labels := box.ProposalMatcher.Match(s.Boxes, boxes)
		objects, background := box.Sample(labels, m.Options.RoIs, roiFraction, draw(i, Regions))
		for _, j := range objects {
			o := int(matches[j])
			all = append(all, sampled{region{i, boxes[j]}, o, s.Classes[o], s.Boxes[o]})
		}
		for _, j := range background {
			all = append(all, sampled{region: region{i, boxes[j]}, object: -1, class: int32(m.Options.Classes)})
		}
	}
	return all
}

func regionsOf(all []sampled) []region {
	regions := make([]region, len(all))
	for i, s := range all {
		regions[i] = s.region
	}
	return regions
}

// headLosses computes the losses of the heads.
func (m *Model) headLosses(l *Losses, maps []*torch.Tensor, all []sampled, samples []detect.Sample) error {
	if len(all) == 0 { // no proposal and no object
		m.noRegions(l, maps)
		return nil
	}
	features := m.heads.regions(maps, regionsOf(all))
	logits, deltas := m.heads.predict(features)
	m.boxLosses(l, logits, deltas, all)
	if m.mask == nil {
		return nil
	}
	f, err := m.mask.foreground(all, samples)
	switch {
	case err != nil:
		return err
	case len(f.picked) == 0:
		l.Mask = m.noMasks(maps, features)
	default:
		l.Mask = m.mask.loss(m.heads.maskFeatures(maps, f.regions, features, f.picked), f)
	}
	return nil
}

// boxLosses computes the cross entropy of all regions, and the L1 distance between the deltas
// of the object's class and those to the object, a sum over the foreground divided by the
// number of all regions.
func (m *Model) boxLosses(l *Losses, logits, deltas *torch.Tensor, all []sampled) {
	classes := m.Options.Classes
	labels := make([]int64, len(all))
	var rows []int64 // of [R·K, 4]
	var wanted []float32
	for i, s := range all {
		labels[i] = int64(s.class)
		if s.object >= 0 {
			rows = append(rows, int64(i*classes+int(s.class)))
			d := box.RoICoder.Encode(s.box, s.target)
			wanted = append(wanted, d[:]...)
		}
	}
	want := indices(labels, m.Options.Device)
	l.Class = logits.CrossEntropy(want)
	moved := deltas.Reshape(len(all)*classes, 4).IndexSelect(0, indices(rows, m.Options.Device))
	l.Box = moved.Sub(like(moved, wanted, len(rows), 4)).Abs().Sum().MulScalar(1 / float64(len(all)))
	torch.NoGrad(func() { l.Classified = classified(logits, want, classes) })
}

// classified compares the likeliest classes with the right ones, see Losses.
func classified(logits, want *torch.Tensor, background int) *torch.Tensor {
	got := logits.Argmax(1, false)
	none := torch.Full([]int{}, float64(background), torch.Options{Dtype: torch.Int64, Device: got.Device()})
	object := none.Gt(want).To(torch.Float32)
	right := got.Eq(want).To(torch.Float32)
	missed := got.Eq(none).To(torch.Float32).Mul(object)
	return torch.Stack([]*torch.Tensor{right.Sum(), right.Mul(object).Sum(), missed.Sum()}, 0)
}

func (l *Losses) count(anchors []anchorTargets, all []sampled) {
	l.Counts.Images = len(anchors)
	for _, t := range anchors {
		l.Counts.ForegroundAnchors += len(t.foreground)
		l.Counts.BackgroundAnchors += len(t.background)
	}
	for _, s := range all {
		if s.object >= 0 {
			l.Counts.ForegroundRegions++
		} else {
			l.Counts.BackgroundRegions++
		}
	}
}
