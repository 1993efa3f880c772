package rcnn

import (
	"slices"
	"strings"
	"sync"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/detect/mask"
	"contralens/torch"
)

// Size is that of an image in pixels.
type Size struct{ Width, Height int }

// Detect finds the objects of a batch. The detections of each image are in the coordinates of
// its size in sizes, best first. The model must not be in training mode, see Train.
func (m *Model) Detect(b *detect.Batch, sizes []Size) (all [][]detect.Detection) {
	torch.Inference(func() {
		torch.Scoped(func() {
			found := m.find(b)
			all = make([][]detect.Detection, len(found))
			var wait sync.WaitGroup
			for i, s := range b.Samples {
				wait.Go(func() { all[i] = found[i].scaled(s, sizes[i]) })
			}
			wait.Wait()
		})
	})
	return all
}

// findings are the detections of an image in the coordinates of the network.
type findings struct {
	boxes   []box.Box
	scores  []float32
	classes []int32
	masks   []float32 // probabilities, [n, side, side]; nil without masks
	side    int
}

// find returns the findings of each image of a batch.
func (m *Model) find(b *detect.Batch) []findings {
	maps := m.maps(m.images(b))
	found, _ := m.rpn.propose(m.rpn.forward(maps), b.Samples, false) // no error outside of training
	var regions []region
	for i, p := range found {
		for _, b := range p.boxes {
			regions = append(regions, region{i, b})
		}
	}
	all := make([]findings, len(found))
	if len(regions) == 0 {
		return all
	}
	logits, deltas := m.predict(maps, regions)
	read := torch.NewReadback(m.Options.Device)
	var scores, moves []float64
	read.Values(logits.Softmax(1), func(v []float64) { scores = v })
	read.Values(deltas, func(v []float64) { moves = v })
	read.Wait()
	first := 0
	var wait sync.WaitGroup
	for i, p := range found {
		n, k := len(p.boxes), m.Options.Classes
		ofScores, ofMoves := scores[first*(k+1):(first+n)*(k+1)], moves[first*4*k:(first+n)*4*k]
		wait.Go(func() { all[i] = m.selected(b.Samples[i], p.boxes, ofScores, ofMoves) })
		first += n
	}
	wait.Wait()
	if m.mask != nil {
		m.findMasks(maps, all)
	}
	return all
}

// regionsAtOnce is the number of regions whose features are in memory: in C4 with a ResNet-50, each
// has 0.8 MB of res4 and about as much in res5.
const regionsAtOnce = 128

// predict returns the logits and deltas of regions. Norms use running statistics, so that the parts
// do not depend on one another.
func (m *Model) predict(maps []*torch.Tensor, regions []region) (logits, deltas *torch.Tensor) {
	var ls, ds []*torch.Tensor
	for part := range slices.Chunk(regions, regionsAtOnce) {
		both := torch.ScopedAll(func() []*torch.Tensor {
			l, d := m.heads.predict(m.heads.regions(maps, part))
			return []*torch.Tensor{l, d}
		})
		ls, ds = append(ls, both[0]), append(ds, both[1])
	}
	return torch.Cat(ls, 0), torch.Cat(ds, 0)
}

// selected returns the findings of an image: each class of each proposal with a score above the
// least, moved by the deltas of that class and clipped to the image, without those that overlap
// a better one of the class by an IoU above 0.5, and of these the best ones.
func (m *Model) selected(s detect.Sample, proposals []box.Box, scores, deltas []float64) findings {
	var c findings
	classes := m.Options.Classes
	for i, p := range proposals {
		row := scores[i*(classes+1) : (i+1)*(classes+1)]
		moved, finite := m.moved(p, deltas[4*classes*i:], s)
		for _, v := range row {
			finite = finite && v >= 0 && v <= 1
		}
		for class := range classes {
			if finite && float32(row[class]) > float32(m.Options.MinScore) {
				c.boxes, c.scores = append(c.boxes, moved[class]), append(c.scores, float32(row[class]))
				c.classes = append(c.classes, int32(class))
			}
		}
	}
	var f findings
	for _, i := range box.NMS(c.boxes, c.scores, c.classes, detectionOverlap, m.Options.Detections) {
		f.boxes, f.scores = append(f.boxes, c.boxes[i]), append(f.scores, c.scores[i])
		f.classes = append(f.classes, c.classes[i])
	}
	return f
}

// moved returns where each class moves a proposal, and whether all boxes are finite.
func (m *Model) moved(p box.Box, deltas []float64, s detect.Sample) (boxes []box.Box, finite bool) {
	finite = true
	for class := range m.Options.Classes {
		d := deltas[4*class : 4*class+4]
		b := box.RoICoder.Decode(p, [4]float32{float32(d[0]), float32(d[1]), float32(d[2]), float32(d[3])})
		finite = finite && box.Finite(b)
		boxes = append(boxes, box.Clip(b, float32(s.Width), float32(s.Height)))
	}
	return boxes, finite
}

// findMasks predicts the masks of all findings.
func (m *Model) findMasks(maps []*torch.Tensor, all []findings) {
	var regions []region
	var classes []int32
	for i, f := range all {
		for j, b := range f.boxes {
			regions, classes = append(regions, region{i, b}), append(classes, f.classes[j])
		}
	}
	if len(regions) == 0 {
		return
	}
	var values []float32
	for part := range slices.Chunk(regions, regionsAtOnce) {
		torch.Scoped(func() {
			logits := m.mask.forward(m.heads.maskFeatures(maps, part, nil, nil), classes[:len(part)])
			values = append(values, logits.Sigmoid().Float32s()...)
		})
		classes = classes[len(part):]
	}
	for i := range all {
		n := len(all[i].boxes) * m.mask.side * m.mask.side
		all[i].masks, all[i].side, values = values[:n], m.mask.side, values[n:]
	}
}

// scaled returns the detections of a sample in an image of another size. Boxes that become
// empty are dropped.
func (f findings) scaled(s detect.Sample, to Size) []detect.Detection {
	sx, sy := float32(float64(to.Width)/float64(s.Width)), float32(float64(to.Height)/float64(s.Height))
	var pixels []uint8
	if f.side > 0 && len(f.boxes) > 0 {
		pixels = make([]uint8, to.Width*to.Height)
	}
	var all []detect.Detection
	for i, b := range f.boxes {
		b = box.Clip(box.Box{b[0] * sx, b[1] * sy, b[2] * sx, b[3] * sy}, float32(to.Width), float32(to.Height))
		if box.Empty(b) {
			continue
		}
		d := detect.Detection{Box: b, Class: f.classes[i], Score: f.scores[i]}
		if f.side > 0 {
			cells := f.side * f.side
			mask.Paste(pixels, to.Height, to.Width, f.masks[i*cells:(i+1)*cells], f.side, b, 0.5)
			d.Mask = mask.Encode(pixels, to.Height, to.Width)
		}
		all = append(all, d)
	}
	return all
}

// isMask reports whether a tensor belongs to the mask head.
func isMask(name string) bool { return strings.HasPrefix(name, "roi_heads.mask_head.") }
