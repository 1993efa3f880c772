package rcnn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/detect/mask"
	"contralens/internal/tensortest"
	"contralens/optim"
	"contralens/torch"
)

// shapes returns n pictures of noise with a bright square of class 0 or a dark disc of class 1.
func shapes(n int) *detect.Batch {
	const side = 64
	rng := rand.New(rand.NewPCG(4, 4))
	b := &detect.Batch{Width: side, Height: side, Pixels: make([]uint8, n*3*side*side)}
	for i := range n {
		size := 20 + 8*rng.IntN(3)
		x0, y0 := rng.IntN(side-size), rng.IntN(side-size)
		class := i % 2
		for at := range 3 * side * side {
			dx, dy := at%side-x0, at/side%side-y0
			v := 100 + rng.IntN(40)
			r := 2*dx - size + 1
			s := 2*dy - size + 1
			switch {
			case dx < 0 || dy < 0 || dx >= size || dy >= size:
			case class == 0:
				v += 100
			case r*r+s*s <= size*size:
				v -= 90
			}
			b.Pixels[i*3*side*side+at] = uint8(v)
		}
		o := box.Box{float32(x0), float32(y0), float32(x0 + size), float32(y0 + size)}
		polygon := []float64{float64(o[0]), float64(o[1]), float64(o[2]), float64(o[1]), float64(o[2]), float64(o[3]), float64(o[0]), float64(o[3])}
		b.Samples = append(b.Samples, detect.Sample{
			Index: i, Width: side, Height: side, Boxes: [][4]float32{o}, Classes: []int32{int32(class)},
			Shapes: []mask.Shape{{Polygons: [][]float64{polygon}}},
		})
	}
	return b
}

// A detector learns six pictures by heart: the best detection of at least half is the object, with its
// mask, and the losses fall.
func TestLearns(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		t.Run(detector, func(t *testing.T) {
			tensortest.Run(t, func() {
				o := small(detector)
				o.Width, o.Format, o.AnchorSizes = 0.125, torch.ChannelsLast, []float64{16, 24, 32, 48, 64}
				m, err := New(o, 1)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Free()
				sgd := optim.NewSGD(m.Trained().Parameters(), 0.9, 1e-4)
				defer sgd.Free()
				b := shapes(6)
				var first, last float64 // last is the mean of the last ten: one loss depends on what was sampled
				for i := range 80 {
					torch.Scoped(func() {
						l, err := m.Losses(b, Random(1, i))
						if err != nil {
							t.Fatal(err)
						}
						if i == 0 {
							first = l.Total().Item()
						} else if i >= 70 {
							last += l.Total().Item() / 10
						}
						m.Backward(l.Total(), func(f func()) { f() })
						sgd.Step(0.03 * min(1, float64(i+1)/20))
					})
				}
				// With the kernels of five kinds of processors: 0.30 to 0.45 of the first loss.
				if !(last < 0.6*first) {
					t.Errorf("the loss fell from %v to %v only", first, last)
				}
				err = m.PreciseNorms(2, func(i int) (*detect.Batch, Draw, error) { return b, Random(2, i), nil })
				if err != nil {
					t.Fatal(err)
				}
				m.Train(false)
				found := 0
				for i, detections := range m.Detect(b, slices.Repeat([]Size{{128, 128}}, 6)) {
					if len(detections) == 0 {
						continue
					}
					d, want := detections[0], b.Samples[i].Boxes[0]
					for k := range want {
						want[k] *= 2
					}
					share := float64(d.Mask.Area()) / float64(box.Area(want))
					if d.Class == b.Samples[i].Classes[0] && box.IoU(d.Box, want) > 0.5 && share > 0.4 && share < 1.6 {
						found++
					}
				}
				t.Logf("loss %.2f to %.2f, %d of 6 found", first, last, found)
				if found < 3 {
					t.Errorf("%d of 6 objects were found", found)
				}
			})
		})
	}
}
