package rcnn

import (
	"testing"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/nn/layers"
	"contralens/torch"
)

// Detections lie in the image that they are scaled to, best first.
func TestDetectionsInImage(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		o := small(detector)
		o.Detections = 7
		tensortest.Run(t, func() {
			m, err := New(o, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			m.Train(false)
			sizes := []Size{{128, 32}, {28, 100}}
			for i, found := range m.Detect(smallBatch(), sizes) {
				if len(found) == 0 || len(found) > 7 {
					t.Errorf("%s: %d detections, want 1 to 7", detector, len(found))
				}
				for j, d := range found {
					w, h := float32(sizes[i].Width), float32(sizes[i].Height)
					if d.Box[0] < 0 || d.Box[1] < 0 || d.Box[2] > w || d.Box[3] > h || d.Score <= 0.05 || d.Class > 1 {
						t.Errorf("%s: detection %+v in an image of %v", detector, d, sizes[i])
					}
					if d.Mask == nil || d.Mask.Check() != nil || d.Mask.Width != sizes[i].Width {
						t.Errorf("%s: mask %+v", detector, d.Mask)
					}
					if j > 0 && d.Score > found[j-1].Score {
						t.Errorf("%s: score %v after %v", detector, d.Score, found[j-1].Score)
					}
				}
			}
		})
	}
}

// Regions go through the heads in parts, which gives what they give all at once.
func TestRegionsInParts(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		o := small(detector)
		o.Double = true
		tensortest.Run(t, func() {
			m, err := New(o, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			m.Train(false)
			var regions []region
			for i := range 2*regionsAtOnce + 3 {
				x, y := float32(i%23), float32(i%31)
				regions = append(regions, region{i % 2, box.Box{x, y, x + 10 + float32(i%17), y + 9 + float32(i%19)}})
			}
			torch.Inference(func() {
				maps := m.maps(m.images(smallBatch()))
				logits, deltas := m.heads.predict(m.heads.regions(maps, regions))
				most := 0
				var l, d *torch.Tensor
				layers.Observe(func(_ string, y *torch.Tensor) { most = max(most, y.Size(0)) }, func() {
					l, d = m.predict(maps, regions)
				})
				if most > regionsAtOnce {
					t.Errorf("%s: %d regions at once", detector, most)
				}
				found := make([]findings, 2)
				var ordered []region
				var classes []int32
				for i := range found {
					for j, r := range regions[:regionsAtOnce-10] {
						found[i].boxes, found[i].classes = append(found[i].boxes, r.box), append(found[i].classes, int32(j%2))
						ordered, classes = append(ordered, region{i, r.box}), append(classes, int32(j%2))
					}
				}
				masks := m.mask.forward(m.heads.maskFeatures(maps, ordered, nil, nil), classes).Sigmoid()
				m.findMasks(maps, found)
				got := append(found[0].masks, found[1].masks...)
				if len(got) != masks.Numel() || golden.Error(got, masks.Float64s()) > 1e-6 {
					t.Errorf("%s: %d values of masks differ from the %d all at once", detector, len(got), masks.Numel())
				}
				for what, pair := range map[string][2]*torch.Tensor{"logits": {l, logits}, "deltas": {d, deltas}} {
					off := golden.Error(pair[0].Float64s(), pair[1].Float64s())
					numeric.Margin(t, what, off, 1e-12)
					if !(off <= 1e-12) {
						t.Errorf("%s: %s are off by %.3g of the largest", detector, what, off)
					}
				}
			})
		})
	}
}

// Without gradients, C4 keeps the map of its last stage alone.
func TestMapsOfC4(t *testing.T) {
	tensortest.Run(t, func() {
		m, err := New(small(C4), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		m.Train(false)
		torch.Inference(func() {
			before := torch.LiveTensors()
			m.maps(m.images(smallBatch()))
			if n := torch.LiveTensors() - before; n != 2 {
				t.Errorf("%d tensors, want the images and res4", n)
			}
		})
	})
}

// Detections without masks need no memory for pixels, however large the image is.
func TestScaledWithoutMasks(t *testing.T) {
	f := findings{boxes: []box.Box{{1, 2, 3, 4}}, scores: []float32{0.5}, classes: []int32{1}}
	found := f.scaled(detect.Sample{Width: 8, Height: 8}, Size{1 << 31, 1 << 31})
	if len(found) != 1 || found[0].Mask != nil || found[0].Box[0] != 1<<28 {
		t.Errorf("%+v", found)
	}
}
