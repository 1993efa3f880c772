package rcnn

import (
	"sync"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/torch"
)

// anchorTargets says what the sampled anchors of an image should be.
type anchorTargets struct {
	foreground, background []int     // indices of anchors, all levels in a row
	deltas                 []float32 // of the foreground, 4 each
}

// targets matches the anchors of all levels with the objects of each sample, and picks those
// that train the network. Images are independent, so each has a goroutine.
func (r *rpn) targets(anchors [][]box.Box, samples []detect.Sample, draw Draw) []anchorTargets {
	var flat []box.Box
	for _, level := range anchors {
		flat = append(flat, level...)
	}
	all := make([]anchorTargets, len(samples))
	var wait sync.WaitGroup
	for i, s := range samples {
		choose := draw(i, Anchors)
		wait.Go(func() {
			matches, labels := box.AnchorMatcher.Match(s.Boxes, flat)
			t := &all[i]
			t.foreground, t.background = box.Sample(labels, r.o.Proposals.Anchors, anchorFraction, choose)
			for _, a := range t.foreground {
				d := box.ProposalCoder.Encode(flat[a], s.Boxes[matches[a]])
				t.deltas = append(t.deltas, d[:]...)
			}
		})
	}
	wait.Wait()
	return all
}

// losses returns the binary cross entropy of the sampled anchors' logits and the L1 distance
// of the foreground's deltas, both sums divided by the number of anchors that a batch should
// have.
func (r *rpn) losses(p predictions, targets []anchorTargets) (class, location *torch.Tensor) {
	logits, deltas := torch.Cat(p.logits, 1), torch.Cat(p.deltas, 1)
	n, per := logits.Size(0), logits.Size(1)
	var sampled, foreground []int64
	var labels, wanted []float32
	for i, t := range targets {
		for _, a := range t.foreground {
			sampled, labels = append(sampled, int64(i*per+a)), append(labels, 1)
			foreground = append(foreground, int64(i*per+a))
		}
		for _, a := range t.background {
			sampled, labels = append(sampled, int64(i*per+a)), append(labels, 0)
		}
		wanted = append(wanted, t.deltas...)
	}
	scale := 1 / float64(r.o.Proposals.Anchors*n)
	picked := logits.Reshape(n*per).IndexSelect(0, r.indices(sampled))
	class = picked.BCEWithLogits(like(picked, labels, len(labels))).MulScalar(scale)
	moved := deltas.Reshape(n*per, 4).IndexSelect(0, r.indices(foreground))
	location = moved.Sub(like(moved, wanted, len(foreground), 4)).Abs().Sum().MulScalar(scale)
	return class, location
}

func (r *rpn) indices(values []int64) *torch.Tensor { return indices(values, r.o.Device) }

// indices copies indices to a device.
func indices(values []int64, device torch.Device) *torch.Tensor {
	return torch.FromInt64(values, len(values)).ToDevice(device)
}

// like copies values to the type and the device of x.
func like(x *torch.Tensor, values []float32, shape ...int) *torch.Tensor {
	return torch.FromFloat32(values, shape...).To(x.Dtype()).ToDevice(x.Device())
}
