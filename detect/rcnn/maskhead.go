package rcnn

import (
	"fmt"
	"sync"

	"contralens/detect"
	"contralens/nn/layers"
	"contralens/torch"
)

// maskInput describes the features of a region from which its mask is predicted.
type maskInput struct {
	channels, side int
	convs          int // 3x3 convolutions before the up-sampling
	norm           bool
}

// maskHead predicts a mask for each class, twice as large as its input (He et al., 2017).
type maskHead struct {
	convs     layers.Sequential
	upscale   *layers.Upscale
	predictor *layers.Conv2d
	side      int // of the masks
	classes   int
}

func newMaskHead(b layers.Builder, o Options, in maskInput) *maskHead {
	h := &maskHead{side: 2 * in.side, classes: o.Classes}
	channels := in.channels
	for i := range in.convs {
		h.convs = append(h.convs, convNorm(b, fmt.Sprint("mask_fcn", i+1), channels, o.Heads.MaskDim, in.norm,
			layers.Conv{Kernel: 3, Padding: 1, Init: layers.Init{Bias: layers.Constant(0)}}), layers.ReLU)
		channels = o.Heads.MaskDim
	}
	h.upscale = b.Upscale("deconv", channels, o.Heads.MaskDim)
	h.predictor = b.Conv2d("predictor", o.Heads.MaskDim, o.Classes, layers.Conv{
		Bias: true, Init: layers.Init{Weight: b.Normal(0.001), Bias: layers.Constant(0)},
	})
	return h
}

// forward maps features [R, C, s, s] to the logits of the masks of one class each, [R, 2s, 2s].
func (h *maskHead) forward(x *torch.Tensor, classes []int32) *torch.Tensor {
	n := len(classes)
	y := full(h.predictor.Forward(h.upscale.Forward(h.convs.Forward(x)).Relu_()))
	rows := make([]int64, n)
	for i, c := range classes {
		rows[i] = int64(i*h.classes + int(c))
	}
	return y.Reshape(n*h.classes, h.side, h.side).IndexSelect(0, indices(rows, y.Device()))
}

// loss is the mean binary cross entropy of the masks of foreground regions, over all regions
// and positions.
func (h *maskHead) loss(x *torch.Tensor, f foreground) *torch.Tensor {
	logits := h.forward(x, f.classes)
	return logits.BCEWithLogits(like(logits, f.masks, logits.Shape()...)).MulScalar(1 / float64(logits.Numel()))
}

// foreground are the regions with an object.
type foreground struct {
	picked  []int64 // their indices among all regions
	regions []region
	classes []int32
	masks   []float32 // targets of the mask head, [F, side, side]
}

// foreground returns the regions of samples that have an object, and its mask.
func (h *maskHead) foreground(all []sampled, samples []detect.Sample) (f foreground, err error) {
	var objects []int
	for i, s := range all {
		if s.object >= 0 {
			f.picked, f.regions = append(f.picked, int64(i)), append(f.regions, s.region)
			f.classes, objects = append(f.classes, s.class), append(objects, s.object)
		}
	}
	members := map[[2]int][]int{} // the regions of an object, by image and object
	for i, r := range f.regions {
		sample, object := &samples[r.image], objects[i]
		if len(sample.Shapes) != len(sample.Boxes) || sample.Shapes[object].Empty() {
			return f, fmt.Errorf("image %d, object %d: want a segmentation for the mask head, got none; train without masks",
				sample.Index, object)
		}
		members[[2]int{r.image, object}] = append(members[[2]int{r.image, object}], i)
	}
	cells := h.side * h.side
	f.masks = make([]float32, len(objects)*cells)
	errs := make([]error, len(objects))
	var wait sync.WaitGroup
	for key, regions := range members {
		wait.Go(func() {
			boxes := make([][4]float32, len(regions))
			for k, i := range regions {
				boxes[k] = f.regions[i].box
			}
			targets := make([]uint8, len(regions)*cells)
			err := samples[key[0]].Shapes[key[1]].Targets(boxes, h.side, targets)
			for k, i := range regions {
				errs[i] = err
				for j, v := range targets[k*cells : (k+1)*cells] {
					f.masks[i*cells+j] = float32(v)
				}
			}
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return f, fmt.Errorf("image %d, object %d: %w", samples[f.regions[i].image].Index, objects[i], err)
		}
	}
	return f, nil
}
