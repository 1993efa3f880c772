package rcnn

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/internal/option"
	"contralens/internal/tensortest"
	"contralens/torch"
)

// small is a detector of the given kind that takes little time.
func small(detector string) Options {
	return Options{
		Detector: detector, Arch: "resnet18", Width: 0.0625, Classes: 2, Masks: true, ExtraNorm: true, PyramidNorm: true,
		Heads: FourConv, AnchorSizes: []float64{8, 16, 24, 32, 48}, RoIs: 16,
		Proposals: Proposals{Anchors: 32, TopTrain: 100, TopTest: 50, KeepTrain: 40, KeepTest: 20},
	}
}

// smallBatch has two images of 64 x 64 pixels with an object each.
func smallBatch() *detect.Batch {
	b := &detect.Batch{Width: 64, Height: 64}
	for i := range 2 {
		o := [4]float32{8 + 4*float32(i), 10, 40, 44}
		polygon := []float64{float64(o[0]), 10, 40, 10, 40, 44, float64(o[0]), 44}
		b.Samples = append(b.Samples, detect.Sample{
			Index: i, Width: 64 - 8*i, Height: 64, Boxes: [][4]float32{o}, Classes: []int32{int32(i)},
			Shapes: []mask.Shape{{Polygons: [][]float64{polygon}}},
		})
	}
	b.Pixels = make([]uint8, 2*3*64*64)
	for i := range b.Pixels {
		if i%64 < 56 || i < len(b.Pixels)/2 {
			b.Pixels[i] = uint8(i * i % 251)
		}
	}
	return b
}

// stepOf returns the losses of a step and the gradients of trained parameters.
func stepOf(t *testing.T, o Options, b *detect.Batch, change func(m *Model)) (losses map[string]float64, gradients map[string][]float64) {
	t.Helper()
	losses, gradients = map[string]float64{}, map[string][]float64{}
	tensortest.Run(t, func() {
		m, err := New(o, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		if change != nil {
			change(m)
		}
		l, err := m.Losses(b, Random(1, 2))
		if err != nil {
			t.Fatal(err)
		}
		m.Backward(l.Total(), func(f func()) { f() })
		for name, loss := range map[string]*torch.Tensor{"class": l.Class, "box": l.Box, "mask": l.Mask, "rpn class": l.RPNClass, "rpn box": l.RPNBox, "total": l.Total()} {
			if loss != nil {
				losses[name] = loss.Item()
			}
		}
		for _, e := range m.State {
			if g := e.Tensor.Grad(); g != nil {
				gradients[e.Name] = g.Float64s()
			}
		}
	})
	return losses, gradients
}

// With random heads, the losses are those of guessing, and every trained parameter gets a
// gradient, for every kind of detector.
func TestVariants(t *testing.T) {
	change := func(detector string, f func(o *Options)) Options {
		o := small(detector)
		f(&o)
		return o
	}
	for name, o := range map[string]Options{
		"c4": small(C4), "fpn": small(FPN),
		"c4 of ResNet-50, boxes":   change(C4, func(o *Options) { o.Arch, o.Masks, o.ExtraNorm = "resnet50", false, false }),
		"fpn of ResNet-34, two fc": change(FPN, func(o *Options) { o.Arch, o.Heads, o.PyramidNorm = "resnet34", TwoFC, false }),
		"c4 channels last":         change(C4, func(o *Options) { o.Format = torch.ChannelsLast }),
		"fpn frozen": change(FPN, func(o *Options) {
			o.FreezeAt, o.FrozenNorm, o.PyramidNorm, o.Heads = 2, true, false, TwoFC
		}),
	} {
		t.Run(name, func(t *testing.T) {
			losses, gradients := stepOf(t, o, smallBatch(), nil)
			for loss, want := range map[string]float64{"class": math.Log(3), "rpn class": math.Ln2, "mask": math.Ln2} {
				if o.FrozenNorm {
					break // nothing normalizes the activations of random weights
				}
				if got, ok := losses[loss]; (ok || loss != "mask" || o.Masks) && math.Abs(got-want) > 0.25*want {
					t.Errorf("loss %s: got %v, want about %v", loss, got, want)
				}
			}
			var trained []string
			tensortest.Run(t, func() {
				m, err := New(o, 3)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Free()
				for _, e := range m.Trained() {
					trained = append(trained, e.Name)
				}
				if m.SizeDivisor() != map[string]int{C4: 1, FPN: 32}[o.Detector] {
					t.Errorf("the divisor is %d", m.SizeDivisor())
				}
			})
			if got := slices.Sorted(maps.Keys(gradients)); !slices.Equal(got, slices.Sorted(slices.Values(trained))) {
				t.Errorf("gradients of %v, want of %v", got, trained)
			}
		})
	}
}

// Tensors have Detectron2's names in each variant.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		o           Options
		want, never []string
	}{
		{small(C4), []string{
			"backbone.stem.conv1.weight", "backbone.stem.conv1.norm.running_mean", "backbone.res2.0.conv1.weight",
			"backbone.res4.0.shortcut.weight", "backbone.res4.0.shortcut.norm.bias", "roi_heads.res5.0.conv2.norm.weight",
			"roi_heads.res5.norm.weight", "roi_heads.mask_head.deconv.weight",
		}, []string{"backbone.res5", "box_head", "mask_fcn"}},
		{small(FPN), []string{
			"backbone.bottom_up.stem.conv1.weight", "backbone.bottom_up.res5.1.conv2.norm.weight", "backbone.fpn_lateral2.norm.weight",
			"backbone.fpn_output5.weight", "roi_heads.box_head.conv4.norm.bias", "roi_heads.box_head.fc1.weight",
			"roi_heads.mask_head.mask_fcn4.norm.weight",
		}, []string{"fpn_lateral2.bias", "conv4.bias", "fc2", "roi_heads.res5"}},
		{Options{Detector: FPN, Classes: 2, Width: 0.0625, Masks: true, Heads: TwoFC}, []string{
			"backbone.fpn_lateral2.bias", "roi_heads.box_head.fc2.bias", "roi_heads.mask_head.mask_fcn1.bias",
		}, []string{"fpn_lateral2.norm", "box_head.conv", "mask_fcn1.norm"}},
	} {
		tensortest.Run(t, func() {
			m, err := New(c.o, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			shapes := m.State.Shapes()
			for _, name := range c.want {
				if shapes[name] == nil {
					t.Errorf("%s: no tensor %s", c.o.Detector, name)
				}
			}
			for name := range shapes {
				for _, part := range c.never {
					if strings.Contains(name, part) {
						t.Errorf("%s: want no tensor like %s, got %s", c.o.Detector, part, name)
					}
				}
			}
		})
	}
}

// Frozen stages keep their weights and statistics; the others train.
func TestFreezing(t *testing.T) {
	o := small(C4)
	o.FreezeAt = 3 // stem, res2, res3
	tensortest.Run(t, func() {
		m, err := New(o, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		if _, err := m.Losses(smallBatch(), First); err != nil {
			t.Fatal(err)
		}
		for _, e := range m.State {
			frozen := strings.HasPrefix(e.Name, "backbone.stem") || strings.HasPrefix(e.Name, "backbone.res2") || strings.HasPrefix(e.Name, "backbone.res3")
			if !e.Buffer && e.Tensor.RequiresGrad() == frozen {
				t.Errorf("%s: trained is %v", e.Name, !frozen)
			}
			if strings.HasSuffix(e.Name, "num_batches_tracked") && (e.Tensor.Item() == 0) != frozen {
				t.Errorf("%s: %v batches", e.Name, e.Tensor.Item())
			}
		}
	})
}

// Activation checkpointing changes no loss and no gradient, of some stages or of all.
func TestCheckpointing(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		o := small(detector)
		o.Double, o.FreezeAt = true, 2
		losses, gradients := stepOf(t, o, smallBatch(), nil)
		for _, o.Recompute = range []int{3, stageCount} {
			got, ofTape := stepOf(t, o, smallBatch(), nil)
			if !maps.Equal(got, losses) {
				t.Errorf("%s, %d: got losses %v, want %v", detector, o.Recompute, got, losses)
			}
			if len(ofTape) != len(gradients) {
				t.Errorf("%s, %d: %d gradients, want %d", detector, o.Recompute, len(ofTape), len(gradients))
			}
			for name, want := range gradients {
				for i, v := range ofTape[name] {
					if math.Abs(v-want[i]) > 1e-12*(1+norm(want)) { // sums of a parameter's parts may have another order
						t.Fatalf("%s, %d: gradient of %s is %v, want %v", detector, o.Recompute, name, v, want[i])
					}
				}
			}
		}
	}
}

// In bfloat16, losses stay near those of float32.
func TestAutocast(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		losses, _ := stepOf(t, small(detector), smallBatch(), nil)
		tensortest.Run(t, func() {
			m, err := New(small(detector), 3)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			torch.Autocast(torch.CPU, torch.BFloat16, func() {
				l, err := m.Losses(smallBatch(), Random(1, 2))
				if err != nil {
					t.Fatal(err)
				}
				for name, loss := range map[string]*torch.Tensor{"class": l.Class, "mask": l.Mask, "rpn class": l.RPNClass} {
					if got := loss.Item(); loss.Dtype() != torch.Float32 || math.Abs(got-losses[name]) > 0.05*losses[name] {
						t.Errorf("%s: loss %s is %v of type %v, want about %v in float32", detector, name, got, loss.Dtype(), losses[name])
					}
				}
			})
		})
	}
}

// A batch without objects trains on background alone; the mask head gets gradients of 0.
func TestNoObjects(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		b := smallBatch()
		for i := range b.Samples {
			b.Samples[i].Boxes, b.Samples[i].Classes, b.Samples[i].Shapes = nil, nil, nil
		}
		losses, gradients := stepOf(t, small(detector), b, nil)
		if losses["mask"] != 0 || losses["box"] != 0 || losses["rpn box"] != 0 || !(losses["class"] > 0) {
			t.Errorf("%s: losses %v", detector, losses)
		}
		if g := gradients["roi_heads.mask_head.deconv.weight"]; len(g) == 0 || norm(g) != 0 {
			t.Errorf("%s: gradient of the mask head: %d values, norm %v", detector, len(g), norm(g))
		}
		// Without a proposal there is nothing to classify.
		for i := range b.Samples {
			b.Samples[i].Width = 0
		}
		losses, _ = stepOf(t, small(detector), b, nil)
		if losses["class"] != 0 || losses["mask"] != 0 || !(losses["rpn class"] > 0) {
			t.Errorf("%s: losses without proposals %v", detector, losses)
		}
	}
}

// Values that are not finite end a training, and are no detections.
func TestDiverged(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		tensortest.Run(t, func() {
			m, err := New(small(detector), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			torch.NoGrad(func() { m.State[0].Tensor.Fill_(math.NaN()) })
			if _, err := m.Losses(smallBatch(), First); err == nil || !strings.Contains(err.Error(), "diverged") {
				t.Errorf("%s: got error %v", detector, err)
			}
			m.Train(false)
			for _, found := range m.Detect(smallBatch(), []Size{{64, 64}, {56, 64}}) {
				if len(found) != 0 {
					t.Errorf("%s: %d detections of NaN", detector, len(found))
				}
			}
		})
	}
}

// An object without a segmentation is an error that names it.
func TestMissingMask(t *testing.T) {
	b := smallBatch()
	b.Samples[1].Shapes[0] = mask.Shape{}
	tensortest.Run(t, func() {
		m, err := New(small(C4), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		if _, err := m.Losses(b, First); err == nil || !strings.Contains(err.Error(), "image 1, object 0") {
			t.Errorf("got error %v", err)
		}
	})
}

// Normalized values are the same as pixels that the model normalizes.
func TestValues(t *testing.T) {
	tensortest.Run(t, func() {
		m, err := New(small(C4), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		b := smallBatch()
		x := m.images(b)
		if pad := x.Select(0, 1).Narrow(2, 56, 8).Abs().Max().Item(); pad != 0 {
			t.Errorf("padding is %v", pad)
		}
		want := (float64(b.Pixels[1]) - 123.675) / 58.395
		if got := x.Float64s()[1]; math.Abs(got-want) > 1e-6 {
			t.Errorf("value %v, want %v", got, want)
		}
		b.Values = x.Float32s()
		if !slices.Equal(m.images(b).Float32s(), b.Values) {
			t.Error("normalized values changed")
		}
	})
}

func TestWrongOptions(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"detector":     func(o *Options) { o.Detector = "yolo" },
		"classes":      func(o *Options) { o.Classes = 0 },
		"arch":         func(o *Options) { o.Arch = "resnest50" },
		"freeze_at":    func(o *Options) { o.FreezeAt = 5 },
		"anchor_sizes": func(o *Options) { o.AnchorSizes = []float64{-1} },
		"rois":         func(o *Options) { o.RoIs = -1 },
		"head":         func(o *Options) { o.Heads.BoxFCs = -1 },
		"width":        func(o *Options) { o.Width = -1 },
	} {
		o := small(C4)
		change(&o)
		tensortest.Run(t, func() {
			_, err := New(o, 1)
			var wrong *option.Error
			if !errors.As(err, &wrong) || wrong.Name != name {
				t.Errorf("%s: got error %v", name, err)
			}
		})
	}
}

// Random draws depend on seed, step, image and purpose, and on nothing else.
func TestRandom(t *testing.T) {
	draw := func(seed uint64, step, image, what int) []int { return Random(seed, step)(image, what)(1000, 20) }
	first := draw(1, 2, 3, Anchors)
	if !slices.Equal(first, draw(1, 2, 3, Anchors)) {
		t.Error("the same draw differs")
	}
	for _, other := range [][]int{draw(2, 2, 3, Anchors), draw(1, 3, 3, Anchors), draw(1, 2, 4, Anchors), draw(1, 2, 3, Regions)} {
		if slices.Equal(first, other) {
			t.Error("different draws are the same")
		}
	}
}

// Regions are counted that are classified right, and objects that are or pass for background.
func TestClassified(t *testing.T) {
	tensortest.Run(t, func() {
		logits := torch.FromFloat32([]float32{9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 9, 9, 0, 0}, 5, 3)
		want := torch.FromInt64([]int64{0, 0, 1, 2, 2}, 5) // 2: background
		if got := classified(logits, want, 2).Float32s(); !slices.Equal(got, []float32{2, 1, 1}) {
			t.Errorf("got %v, want 2 right, 1 of them an object, 1 object missed", got)
		}
	})
}
