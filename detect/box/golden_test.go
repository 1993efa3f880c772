package box

import (
	"math"
	"slices"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
)

// boxes converts an array [n, 4].
func boxes(values []float32) []Box {
	all := make([]Box, len(values)/4)
	for i := range all {
		copy(all[i][:], values[4*i:])
	}
	return all
}

func flat(all []Box) []float32 {
	var values []float32
	for _, b := range all {
		values = append(values, b[:]...)
	}
	return values
}

func array(t *testing.T, c *golden.Case, name string) []float32 {
	t.Helper()
	values, _ := c.F32(name)
	return values
}

func ints[T int | int8 | int32](values []T) []int64 {
	wide := make([]int64, len(values))
	for i, v := range values {
		wide[i] = int64(v)
	}
	return wide
}

func TestAnchors(t *testing.T) {
	for _, name := range []string{"anchors_c4", "anchors_fpn", "anchors_half"} {
		c := golden.Load(t, "detection", "ops", name)
		var p struct {
			Grids   [][2]int
			Sizes   [][]float64
			Ratios  [][]float64 `json:"aspect_ratios"`
			Strides []int
			Offset  float64
		}
		c.Decode(c.Params, &p)
		for i, grid := range p.Grids {
			cell := Cell(p.Sizes[i], p.Ratios[min(i, len(p.Ratios)-1)])
			level := string(rune('0' + i))
			if want := boxes(array(t, c, "cell"+level)); !slices.Equal(cell, want) {
				t.Errorf("%s: cell of level %d: got %v, want %v", name, i, cell, want)
			}
			got := Anchors(cell, grid[0], grid[1], p.Strides[i], p.Offset)
			if want := boxes(array(t, c, "anchors"+level)); !slices.Equal(got, want) {
				t.Errorf("%s: anchors of level %d: got %v, want %v", name, i, got, want)
			}
		}
	}
}

func TestCoder(t *testing.T) {
	for name, coder := range map[string]Coder{"deltas_1": ProposalCoder, "deltas_10": RoICoder} {
		c := golden.Load(t, "detection", "ops", name)
		src, dst := boxes(array(t, c, "src")), boxes(array(t, c, "dst"))
		var deltas, back, applied []Box
		for i := range src {
			deltas = append(deltas, coder.Encode(src[i], dst[i]))
			back = append(back, coder.Decode(src[i], deltas[i]))
		}
		for i, d := range boxes(array(t, c, "big")) { // [n, 12]: three for each box
			applied = append(applied, coder.Decode(src[i/3], d))
		}
		golden.Near(t, name+" deltas", flat(deltas), array(t, c, "deltas"), 1e-6)
		golden.Near(t, name+" back", flat(back), array(t, c, "back"), 1e-6)
		golden.Near(t, name+" applied", flat(applied), array(t, c, "applied"), 1e-6)
	}
}

func TestMatcher(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "matcher")
	objects, candidates := boxes(array(t, c, "gt")), boxes(array(t, c, "boxes"))
	want := array(t, c, "iou")
	for i, o := range objects {
		for j, b := range candidates {
			if got := IoU(o, b); got != want[i*len(candidates)+j] {
				t.Errorf("IoU of object %d and candidate %d: got %v, want %v", i, j, got, want[i*len(candidates)+j])
			}
		}
	}
	plain := AnchorMatcher
	plain.LowQuality = false
	tie, shape := c.F32("tie")
	for name, run := range map[string]func() ([]int32, []int8){
		"rpn":       func() ([]int32, []int8) { return AnchorMatcher.Match(objects, candidates) },
		"rpn_plain": func() ([]int32, []int8) { return plain.Match(objects, candidates) },
		"roi":       func() ([]int32, []int8) { return ProposalMatcher.Match(objects, candidates) },
		"none":      func() ([]int32, []int8) { return AnchorMatcher.Match(nil, candidates[:7]) },
		"tie": func() ([]int32, []int8) {
			n := shape[1]
			return AnchorMatcher.MatchIoU(shape[0], n, func(o int) []float32 { return tie[o*n : (o+1)*n] })
		},
	} {
		matches, labels := run()
		if want := c.Array(name + "_matches").I64; !slices.Equal(ints(matches), want) {
			t.Errorf("%s: got matches %v, want %v", name, matches, want)
		}
		if want := c.Array(name + "_labels").I64; !slices.Equal(ints(labels), want) {
			t.Errorf("%s: got labels %v, want %v", name, labels, want)
		}
	}
}

func TestNMS(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "nms")
	all, scores := boxes(array(t, c, "boxes")), array(t, c, "scores")
	groups := make([]int32, len(all))
	for i, g := range c.Array("ids").I64 {
		groups[i] = int32(g)
	}
	for name, threshold := range map[string]float64{"keep_50": 0.5, "keep_70": 0.7, "keep_third": 1.0 / 3} {
		got, want := NMS(all, scores, nil, threshold, 0), c.Array(name).I64
		if !slices.Equal(ints(got), want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if got := NMS(all, scores, nil, threshold, 20); !slices.Equal(ints(got), want[:20]) {
			t.Errorf("%s: the first 20 are %v, want %v", name, got, want[:20])
		}
	}
	// The reference sorts boxes of several classes in no particular order if scores are equal.
	got, want := ints(NMS(all, scores, groups, 0.5, 0)), c.Array("vanilla_50").I64
	for i := range got {
		if i >= len(want) || scores[got[i]] != scores[want[i]] {
			t.Fatalf("by class: score %d differs: got %v, want %v", i, got, want)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("by class: got %v, want %v", got, want)
	}
}

func TestLevels(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "levels")
	want := c.Array("level").I64
	for i, b := range boxes(array(t, c, "boxes")) {
		if got := Level(b, 2, 5) - 2; int64(got) != want[i] {
			t.Errorf("box %v: got level %d, want %d", b, got, want[i])
		}
	}
}

// RoIAlign and its gradient, by definition and by bags, equal the reference's float64, up to
// the rounding of the samples' positions to float32.
func TestRoIAlign(t *testing.T) {
	for name, scale := range map[string]float32{"roi_align_14": 1.0 / 16, "roi_align_7": 1.0 / 16, "roi_align_2": 1.0 / 8} {
		c := golden.Load(t, "detection", "ops", name)
		features, shape := c.F32("features")
		channels, h, w := shape[1], shape[2], shape[3]
		rois, _ := c.F32("rois")
		out := c.Array("out_f64")
		side, cells := out.Shape[2], out.Shape[2]*out.Shape[3]
		gradient, _ := c.F32("grad_out")
		got := make([]float64, len(out.F64))
		toMaps := make([]float64, len(features))
		bagged, toMapsBagged := make([]float64, len(out.F64)), make([]float64, len(features))
		for r := range len(rois) / 5 {
			roi := Box(rois[5*r+1 : 5*r+5])
			var bags Bags
			bags.Add(roi, 0, h, w, side, scale)
			for ch := range channels {
				first := (int(rois[5*r])*channels + ch) * h * w
				m := widen(features[first : first+h*w])
				at := (r*channels + ch) * cells
				copy(got[at:], roiAlign(m, h, w, roi, side, scale))
				g := widen(gradient[at : at+cells])
				roiAlignGradient(toMaps[first:first+h*w], g, h, w, roi, side, scale)
				bags.each(func(cell, position int, weight float64) {
					bagged[at+cell] += weight * m[position]
					toMapsBagged[first+position] += weight * g[cell]
				})
			}
		}
		for _, check := range []struct {
			what      string
			got, want []float64
		}{
			{"definition", got, out.F64}, {"bags", bagged, out.F64},
			{"gradient", toMaps, c.Array("grad_in_f64").F64}, {"gradient of bags", toMapsBagged, c.Array("grad_in_f64").F64},
		} {
			err := golden.Error(check.got, check.want)
			numeric.Margin(t, check.what, err, 1e-5)
			if !(err <= 1e-5) {
				t.Errorf("%s: %s is off by %.3g of the largest value", name, check.what, err)
			}
		}
	}
}

// roiAlign is the plain definition: the mean of the bilinear samples of a map [height, width] in each
// bin of a RoI, [side, side]. The map's positions lie 1/scale pixels apart.
func roiAlign(values []float64, height, width int, roi Box, side int, scale float32) []float64 {
	out := make([]float64, side*side)
	roiSamples(height, width, roi, side, scale, func(bin, position int, weight float64) {
		out[bin] += weight * values[position]
	})
	return out
}

// roiAlignGradient adds the gradient of roiAlign to that of the map: gradient is the loss's
// derivative with respect to the output, [side, side].
func roiAlignGradient(toMap, gradient []float64, height, width int, roi Box, side int, scale float32) {
	roiSamples(height, width, roi, side, scale, func(bin, position int, weight float64) {
		toMap[position] += weight * gradient[bin]
	})
}

// roiSamples calls add with the weight of each position in each sample of each bin.
func roiSamples(height, width int, roi Box, side int, scale float32, add func(bin, position int, weight float64)) {
	startX, w := span(roi[0], roi[2], scale)
	startY, h := span(roi[1], roi[3], scale)
	binW, binH := w/float32(side), h/float32(side)
	gridW, gridH := samples(binW), samples(binH)
	count := float64(max(gridW*gridH, 1))
	for bin := range side * side {
		for i := range gridH * gridW {
			y := sample(startY, binH, bin/side, i/gridW, gridH)
			x := sample(startX, binW, bin%side, i%gridW, gridW)
			y0, y1, fy, insideY := neighbors(y, height)
			x0, x1, fx, insideX := neighbors(x, width)
			if !insideY || !insideX {
				continue
			}
			wy, wx := float64(fy), float64(fx)
			add(bin, y0*width+x0, (1-wy)*(1-wx)/count)
			add(bin, y0*width+x1, (1-wy)*wx/count)
			add(bin, y1*width+x0, wy*(1-wx)/count)
			add(bin, y1*width+x1, wy*wx/count)
		}
	}
}

func widen(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// each visits all weights.
func (b *Bags) each(visit func(cell, position int, weight float64)) {
	for cell, first := range b.Offsets {
		end := int64(len(b.Indices))
		if cell+1 < len(b.Offsets) {
			end = b.Offsets[cell+1]
		}
		for i := first; i < end; i++ {
			visit(cell, int(b.Indices[i]), float64(b.Weights[i]))
		}
	}
}

// An empty RoI has empty bags, and so has one with NaN.
func TestRoIAlignOfNothing(t *testing.T) {
	var bags Bags
	nan := float32(math.NaN())
	for _, roi := range []Box{{5, 5, 5, 9}, {9, 9, 3, 3}, {-900, -900, -800, -800}, {nan, 1, nan, 6}} {
		bags.Reset()
		bags.Add(roi, 0, 8, 8, 7, 1)
		if len(bags.Offsets) != 49 || len(bags.Indices) != 0 {
			t.Errorf("%v: got %d bags with %d entries, want 49 empty ones", roi, len(bags.Offsets), len(bags.Indices))
		}
		for i, v := range roiAlign(make([]float64, 64), 8, 8, roi, 7, 1) {
			if v != 0 || math.IsNaN(v) {
				t.Errorf("%v: cell %d is %v, want 0", roi, i, v)
			}
		}
	}
}
