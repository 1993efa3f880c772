package rcnn_test

import (
	"fmt"

	"contralens/detect"
	"contralens/detect/rcnn"
	"contralens/torch"
)

// A step of a small Faster R-CNN on one image with one object.
func ExampleModel() {
	err := torch.Run(func() error {
		m, err := rcnn.New(rcnn.Options{Arch: "resnet18", Width: 0.125, Classes: 3, ExtraNorm: true}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		batch := &detect.Batch{
			Width: 96, Height: 64, Pixels: make([]uint8, 3*64*96),
			Samples: []detect.Sample{{Width: 96, Height: 64, Boxes: [][4]float32{{10, 10, 60, 50}}, Classes: []int32{2}}},
		}
		torch.Scoped(func() {
			var losses rcnn.Losses
			if losses, err = m.Losses(batch, rcnn.Random(1, 0)); err != nil {
				return
			}
			m.Backward(losses.Total(), func(f func()) { f() })
			fmt.Println(losses.Counts.Images, losses.Class.Item() > 0, losses.Mask == nil)
		})
		m.Train(false)
		fmt.Println(len(m.Detect(batch, []rcnn.Size{{Width: 96, Height: 64}})))
		return err
	})
	fmt.Println(err)
	// Output:
	// 1 true true
	// 1
	// <nil>
}
