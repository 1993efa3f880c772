package rcnn

import (
	"slices"
	"testing"

	"contralens/detect/box"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// RoIAlign by embedding_bag and its gradient equal the reference's float64, in both memory
// formats and precisions.
func TestRoIAlign(t *testing.T) {
	for name, stride := range map[string]int{"roi_align_14": 16, "roi_align_7": 16, "roi_align_2": 8} {
		torch.TestDevices(t, func(t *testing.T, device torch.Device) {
			c := golden.Load(t, "detection", "ops", name)
			features, shape := c.F32("features")
			rois, _ := c.F32("rois")
			out, gradient := c.Array("out_f64"), c.Array("grad_out")
			var regions []region
			for i := range len(rois) / 5 {
				regions = append(regions, region{int(rois[5*i]), box.Box(rois[5*i+1 : 5*i+5])})
			}
			for _, dtype := range []torch.Dtype{torch.Float32, torch.Float64} {
				for _, format := range []torch.MemoryFormat{torch.Contiguous, torch.ChannelsLast} {
					tensortest.Run(t, func() {
						x := torch.FromFloat32(features, shape...).To(dtype).ToDevice(device).Contiguous(format).SetRequiresGrad(true)
						p := pooler{side: out.Shape[2], strides: []int{stride}}
						y := p.roiAlign([]*torch.Tensor{x}, regions)
						y.BackwardFrom(torch.FromFloat32(gradient.F32, gradient.Shape...).To(dtype).ToDevice(device))
						if !slices.Equal(y.Shape(), out.Shape) {
							t.Fatalf("shape %v, want %v", y.Shape(), out.Shape)
						}
						for what, err := range map[string]float64{
							"output":   golden.Error(y.Float64s(), out.F64),
							"gradient": golden.Error(x.Grad().Float64s(), c.Array("grad_in_f64").F64),
						} {
							numeric.Margin(t, what, err, 1e-5)
							if !(err <= 1e-5) {
								t.Errorf("%s, %v, format %v: %s is off by %.3g of the largest value", name, dtype, format, what, err)
							}
						}
					})
				}
			}
		})
	}
}

// Regions of a pyramid use the map of their size, and keep their order.
func TestRoIAlignLevels(t *testing.T) {
	tensortest.Run(t, func() {
		var maps []*torch.Tensor
		for i := range 4 { // the map of level i has the value i everywhere
			side := 256 / pyramidStrides[i]
			maps = append(maps, torch.Full([]int{2, 3, side, side}, float64(i)))
		}
		regions := []region{
			{0, box.Box{8, 8, 248, 248}}, {1, box.Box{10, 10, 40, 40}}, {1, box.Box{5, 5, 125, 125}},
			{0, box.Box{20, 20, 60, 50}}, {1, box.Box{9, 9, 240, 240}},
		}
		p := pooler{side: 2, strides: pyramidStrides[:], lowest: lowestLevel}
		y := p.roiAlign(maps, regions)
		want := []float64{2, 0, 1, 0, 2}
		for i, v := range y.MeanDim([]int{1, 2, 3}, false).Float64s() {
			numeric.Near(t, "region", v, want[i], 1e-6)
		}
		if none := p.roiAlign(maps, nil); !slices.Equal(none.Shape(), []int{0, 3, 2, 2}) {
			t.Errorf("no regions: shape %v", none.Shape())
		}
	})
}
