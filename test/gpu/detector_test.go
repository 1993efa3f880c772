package gpu

import (
	"fmt"
	"testing"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/detect/rcnn"
	"contralens/internal/fakegpu"
	"contralens/optim"
	"contralens/torch"
)

// Detectors train and detect on a GPU. A step waits twice, for the proposals of all images and
// for the losses, and what it sends lies in page-locked memory. Detections need a wait for
// the proposals, one for the scores and one for the masks.
func TestDetector(t *testing.T) {
	onFake(t)
	for _, detector := range []string{rcnn.C4, rcnn.FPN} {
		for _, precision := range []torch.Dtype{torch.Float32, torch.BFloat16} {
			t.Run(fmt.Sprintf("%s-%v", detector, precision), func(t *testing.T) {
				if err := torch.Run(func() error { return detectorSteps(t, detector, precision) }); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func detectorSteps(t *testing.T, detector string, precision torch.Dtype) error {
	device := torch.CUDA(0)
	m, err := rcnn.New(rcnn.Options{
		Detector: detector, Arch: "resnet18", Width: 0.25, Classes: 3, Masks: true, ExtraNorm: true, PyramidNorm: true,
		Heads: rcnn.FourConv, RoIs: 32, Format: torch.ChannelsLast, Device: device,
	}, 1)
	if err != nil {
		return err
	}
	defer m.Free()
	sgd := optim.NewSGD(m.Trained().Parameters(), 0.9, 1e-4)
	defer sgd.Free()
	b := &detect.Batch{Width: 128, Height: 96, Pixels: make([]uint8, 2*3*96*128)}
	for range 2 {
		b.Samples = append(b.Samples, detect.Sample{
			Width: 120, Height: 90, Boxes: [][4]float32{{10, 10, 70, 60}}, Classes: []int32{1},
			Shapes: []mask.Shape{{Polygons: [][]float64{{10, 10, 70, 10, 70, 60}}}},
		})
	}
	within := func(what string, waits int64, f func()) {
		before := fakegpu.Read()
		f()
		spent := used(fakegpu.Read().Sub(before))
		if spent.waits > waits || spent.pageable > 0 {
			t.Errorf("%s: %d waits and %d pageable copies, want at most %d and 0", what, spent.waits, spent.pageable, waits)
		}
		if spent.kernels == 0 {
			t.Errorf("%s: no kernel was launched", what)
		}
	}
	step := func(i int) {
		torch.Scoped(func() {
			var l rcnn.Losses
			torch.Autocast(device, precision, func() { l, err = m.Losses(b, rcnn.Random(1, i)) })
			if err != nil {
				return
			}
			m.Backward(l.Total(), func(f func()) { f() })
			sgd.Step(0.01)
			read := torch.NewReadback(device)
			read.Value(l.Total(), func(float64) {})
			read.Wait()
		})
	}
	for i := range 2 {
		step(i) // allocates
	}
	within("step", 2, func() { step(2) })
	if err != nil {
		return err
	}
	m.Train(false)
	sizes := []rcnn.Size{{Width: 240, Height: 180}, {Width: 240, Height: 180}}
	m.Detect(b, sizes)
	within("detections", 3, func() { m.Detect(b, sizes) })
	return nil
}
