package rcnn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/detect/mask"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// goldenOptions are the narrow detectors of the golden cases.
func goldenOptions(detector string) Options {
	o := Options{
		Detector: detector, Width: 0.125, Classes: 3, Masks: true, ExtraNorm: true, PyramidNorm: true,
		Heads:       Heads{BoxConvs: 2, BoxFCs: 1, MaskConvs: 2, Norm: true, Pyramid: 16, ConvDim: 16, FCDim: 32, MaskDim: 16},
		AnchorSizes: []float64{16, 32, 64, 96, 128},
		Proposals:   Proposals{Anchors: 64, TopTrain: 300, TopTest: 200, KeepTrain: 60, KeepTest: 40},
		RoIs:        32,
	}
	if detector == FPN {
		o.Proposals.TopTrain, o.Proposals.TopTest = 100, 50
	}
	return o
}

// goldenCase is a recorded step of Detectron2 and its inference afterwards.
type goldenCase struct {
	*golden.Case
	more struct {
		StateDict map[string][]int `json:"state_dict"`
		Polygons  [][][][]float64
		Gradients map[string]struct{ Sum, Norm float64 }
		Running   map[string]struct{ Sum float64 }
	}
}

func loadCase(t *testing.T, name string) goldenCase {
	t.Helper()
	c := goldenCase{Case: golden.Load(t, "detection", "model", name)}
	c.Unmarshal(&c.more)
	return c
}

func (c goldenCase) f32(t *testing.T, name string) []float32 {
	t.Helper()
	values, _ := c.F32(name)
	return values
}

func (c goldenCase) boxes(t *testing.T, name string) []box.Box {
	t.Helper()
	values := c.f32(t, name)
	all := make([]box.Box, len(values)/4)
	for i := range all {
		copy(all[i][:], values[4*i:])
	}
	return all
}

// batch returns the images of the case, padded at the right and at the bottom so that
// divisor divides the sides.
func (c goldenCase) batch(t *testing.T, divisor int, images ...int) *detect.Batch {
	t.Helper()
	b := &detect.Batch{}
	up := func(n int) int { return (n + divisor - 1) / divisor * divisor }
	for _, i := range images {
		x := c.Array(fmt.Sprint("image", i))
		s := detect.Sample{Index: i, Height: x.Shape[1], Width: x.Shape[2]}
		for j, o := range c.boxes(t, fmt.Sprint("gt_boxes", i)) {
			s.Boxes = append(s.Boxes, o)
			s.Classes = append(s.Classes, int32(c.Array(fmt.Sprint("gt_classes", i)).I64[j]))
			s.Shapes = append(s.Shapes, mask.Shape{Polygons: c.more.Polygons[i][j]})
		}
		b.Samples = append(b.Samples, s)
		b.Height, b.Width = max(b.Height, up(s.Height)), max(b.Width, up(s.Width))
	}
	b.Pixels = make([]uint8, len(images)*3*b.Height*b.Width)
	for n, i := range images {
		s, x := b.Samples[n], c.Array(fmt.Sprint("image", i)).U8
		for row := range 3 * s.Height {
			to := ((n*3+row/s.Height)*b.Height + row%s.Height) * b.Width
			copy(b.Pixels[to:to+s.Width], x[row*s.Width:(row+1)*s.Width])
		}
	}
	return b
}

// model returns a detector with the weights of the fill formula.
func filled(t *testing.T, o Options, names map[string][]int) *Model {
	t.Helper()
	m, err := New(o, 1)
	if err != nil {
		t.Fatal(err)
	}
	values := golden.Fill(names, 0)
	for name, v := range values {
		if strings.HasSuffix(name, "anchor_deltas.weight") || strings.HasSuffix(name, "bbox_pred.weight") {
			for i := range v {
				v[i] = float32(float64(v[i]) * 0.1)
			}
		}
	}
	shapes := m.State.Shapes()
	for name, want := range names {
		if got, ok := shapes[name]; !ok || !slices.Equal(got, want) {
			t.Errorf("%s: want shape %v, got %v (%v)", name, want, got, ok)
		}
	}
	if len(shapes) != len(names) {
		t.Errorf("got %d tensors, want %d", len(shapes), len(names))
	}
	if err := m.State.Load(func(name string) ([]int, []float32, error) { return names[name], values[name], nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

// precisions are the runs of each check, with the largest error relative to the largest
// value. The reference is float32: its error against float64 is 1.04e-4 after 50 layers. The
// error of float32 here comes on top, and depends on the processor.
var precisions = map[string]struct {
	double    bool
	format    torch.MemoryFormat
	tolerance float64
}{
	"double":        {double: true, tolerance: 3e-4},
	"float32":       {tolerance: 1e-3},
	"channels-last": {format: torch.ChannelsLast, tolerance: 1e-3},
}

func eachGolden(t *testing.T, test func(t *testing.T, c goldenCase, m *Model, tolerance float64)) {
	for _, name := range []string{C4, FPN} {
		for precision, p := range precisions {
			t.Run(name+"/"+precision, func(t *testing.T) {
				torch.TestDevices(t, func(t *testing.T, device torch.Device) {
					if !device.IsCPU() && !p.double {
						t.Skip("a GPU convolves float32 in TF32")
					}
					c := loadCase(t, name)
					tensortest.Run(t, func() {
						o := goldenOptions(name)
						o.Double, o.Format, o.Device = p.double, p.format, device
						m := filled(t, o, c.more.StateDict)
						defer m.Free()
						test(t, c, m, p.tolerance)
					})
				})
			})
		}
	}
}

func near(t *testing.T, what string, got *torch.Tensor, want []float32, tolerance float64) {
	t.Helper()
	golden.Near(t, what, got.Float32s(), want, tolerance)
}

// The parts of a step equal Detectron2's.
func TestParts(t *testing.T) {
	eachGolden(t, func(t *testing.T, c goldenCase, m *Model, tolerance float64) {
		b := c.batch(t, m.SizeDivisor(), 0, 1)
		maps := m.maps(m.images(b))
		for i, x := range maps {
			name := "feature_res4"
			if m.pyramid != nil {
				name = fmt.Sprint("feature_p", i+lowestLevel)
			}
			near(t, name, x, c.f32(t, name), tolerance)
		}
		p := m.rpn.forward(maps)
		for i := range p.logits {
			logits, shape := c.F32(fmt.Sprint("rpn_logits", i))
			n, a, h, w := shape[0], shape[1], shape[2], shape[3]
			want := torch.FromFloat32(logits, shape...).Permute(0, 2, 3, 1).Reshape(n, h*w*a).Float32s()
			near(t, fmt.Sprint("logits of level ", i), p.logits[i], want, tolerance)
			want = torch.FromFloat32(c.f32(t, fmt.Sprint("rpn_deltas", i)), n, a, 4, h, w).Permute(0, 3, 4, 1, 2).Reshape(n, h*w*a, 4).Float32s()
			near(t, fmt.Sprint("deltas of level ", i), p.deltas[i], want, tolerance)
		}
		for i, targets := range m.rpn.targets(p.anchors, b.Samples, First) {
			want := c.Array(fmt.Sprint("rpn_labels", i)).I64
			got := slices.Repeat([]int64{-1}, len(want))
			for _, a := range targets.foreground {
				got[a] = 1
			}
			for _, a := range targets.background {
				got[a] = 0
			}
			if !slices.Equal(got, want) {
				t.Errorf("labels of the anchors of image %d differ", i)
			}
		}
		found, err := m.rpn.propose(p, b.Samples, true)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range found {
			order := pair(t, fmt.Sprint("proposals of image ", i), f.boxes, c.boxes(t, fmt.Sprint("proposals", i)), nil, nil)
			golden.Near(t, "logits of proposals", f.logits, reorder(c.f32(t, fmt.Sprint("proposal_logits", i)), order, 1), tolerance)
		}
		checkRegions(t, c, m, maps, m.sample(found, b.Samples, First), tolerance)
	})
}

// checkRegions compares the sampled regions and their scores and deltas.
func checkRegions(t *testing.T, c goldenCase, m *Model, maps []*torch.Tensor, all []sampled, tolerance float64) {
	t.Helper()
	var order []int
	for i := range 2 {
		var got, objects []box.Box
		var classes, wantClasses []int32
		for _, s := range all {
			if s.image == i {
				got, classes = append(got, s.box), append(classes, s.class)
				if s.object >= 0 {
					objects = append(objects, s.target)
				}
			}
		}
		for _, class := range c.Array(fmt.Sprint("sampled_classes", i)).I64 {
			wantClasses = append(wantClasses, int32(class))
		}
		first := len(order)
		for _, j := range pair(t, fmt.Sprint("regions of image ", i), got, c.boxes(t, fmt.Sprint("sampled", i)), classes, wantClasses) {
			order = append(order, first+j)
		}
		for j, o := range objects {
			if want := c.boxes(t, fmt.Sprint("sampled_gt", i))[order[first+j]-first]; o != want {
				t.Errorf("region %d of image %d: object %v, want %v", j, i, o, want)
			}
		}
	}
	logits, deltas := m.heads.predict(m.heads.regions(maps, regionsOf(all)))
	near(t, "scores", logits, reorder(c.f32(t, "scores"), order, logits.Size(1)), tolerance)
	near(t, "deltas", deltas, reorder(c.f32(t, "deltas"), order, deltas.Size(1)), tolerance)
}

// pair returns for each box the index of the wanted box that is the same up to 0.05 pixels and
// has the same class. Lists may differ in order, where scores are nearly equal.
func pair(t *testing.T, what string, got, want []box.Box, classes, wantClasses []int32) []int {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d, want %d", what, len(got), len(want))
	}
	order := make([]int, len(got))
	used := make([]bool, len(want))
	worst := 0.0
	for i, b := range got {
		best := math.Inf(1)
		for j, w := range want {
			d := 0.0
			for k := range b {
				d = max(d, math.Abs(float64(b[k]-w[k])))
			}
			if !used[j] && d < best && (classes == nil || classes[i] == wantClasses[j]) {
				best, order[i] = d, j
			}
		}
		used[order[i]] = true
		worst = max(worst, best)
	}
	numeric.Margin(t, what, worst, 0.05)
	if !(worst <= 0.05) {
		t.Errorf("%s: a box is off by %v pixels", what, worst)
	}
	return order
}

// reorder returns rows of values in the given order.
func reorder(values []float32, order []int, row int) []float32 {
	var out []float32
	for _, j := range order {
		out = append(out, values[j*row:(j+1)*row]...)
	}
	return out
}

// The losses of a step and the running statistics after it equal Detectron2's.
func TestStep(t *testing.T) {
	eachGolden(t, func(t *testing.T, c goldenCase, m *Model, tolerance float64) {
		l, err := m.Losses(c.batch(t, m.SizeDivisor(), 0, 1), First)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]float64
		c.Decode(c.Results, &want)
		for name, loss := range map[string]*torch.Tensor{
			"loss_cls": l.Class, "loss_box_reg": l.Box, "loss_mask": l.Mask, "loss_rpn_cls": l.RPNClass, "loss_rpn_loc": l.RPNBox,
		} {
			numeric.Near(t, name, loss.Item(), want[name], tolerance*want[name])
		}
		for _, e := range m.State {
			if want, ok := c.more.Running[e.Name]; ok {
				sum, size := e.Tensor.To(torch.Float64).Sum().Item(), e.Tensor.To(torch.Float64).Abs().Sum().Item()
				numeric.Near(t, e.Name, sum, want.Sum, tolerance*size)
			}
		}
	})
}

// Detections after the step equal Detectron2's: boxes and masks as the network has them, and
// boxes in images of twice the size.
func TestDetect(t *testing.T) {
	eachGolden(t, func(t *testing.T, c goldenCase, m *Model, tolerance float64) {
		torch.NoGrad(func() {
			if _, err := m.Losses(c.batch(t, m.SizeDivisor(), 0, 1), First); err != nil {
				t.Fatal(err)
			}
		})
		m.Train(false)
		for i := range 2 {
			b := c.batch(t, m.SizeDivisor(), i)
			var found findings
			torch.NoGrad(func() { found = m.find(b)[0] })
			var classes []int32
			for _, class := range c.Array(fmt.Sprint("det_classes", i)).I64 {
				classes = append(classes, int32(class))
			}
			what := fmt.Sprint("detections of image ", i)
			order := pair(t, what, found.boxes, c.boxes(t, fmt.Sprint("raw_boxes", i)), found.classes, classes)
			golden.Near(t, what+": scores", found.scores, reorder(c.f32(t, fmt.Sprint("det_scores", i)), order, 1), tolerance)
			golden.Near(t, what+": masks", found.masks, reorder(c.f32(t, fmt.Sprint("raw_masks", i)), order, found.side*found.side), tolerance)

			s := b.Samples[0]
			var scaled []box.Box
			var areas []int64
			for _, d := range m.Detect(b, []Size{{2 * s.Width, 2 * s.Height}})[0] {
				scaled, areas = append(scaled, d.Box), append(areas, int64(d.Mask.Area()))
				if d.Mask.Height != 2*s.Height || d.Mask.Width != 2*s.Width {
					t.Errorf("a mask of %d x %d pixels, want %d x %d", d.Mask.Width, d.Mask.Height, 2*s.Width, 2*s.Height)
				}
			}
			order = pair(t, what+" at twice the size", scaled, c.boxes(t, fmt.Sprint("det_boxes", i)), found.classes, classes)
			if name := fmt.Sprint("det_areas", i); c.Has(name) { // pixels of the recorded masks
				for j, area := range c.Array(name).I64 {
					got := areas[slices.Index(order, j)]
					numeric.Near(t, fmt.Sprint(what, ": pixels of mask ", j), float64(got), float64(area), 4+0.002*float64(area))
				}
			}
		}
	})
}
