package views

import (
	"bytes"
	"fmt"
	"math"
	"sort"
	"testing"

	"contralens/internal/golden"
)

type operation struct {
	Input, Output, Op        string
	Top, Left, Height, Width int
	Size                     [2]int
	Factor, Sigma            float64
	Order                    []string
	Factors                  map[string]float64
	Flip, Grayscale          bool
	BlurSigma                *float64 `json:"blur_sigma"`
}

func operations(t *testing.T, c *golden.Case) []operation {
	var items []operation
	c.Decode(c.Items, &items)
	return items
}

func image(a golden.Array) *Image { return &Image{H: a.Shape[0], W: a.Shape[1], Pix: a.U8} }

func input(t *testing.T, name string) *Image {
	for _, group := range []string{"images", "small"} {
		if c := golden.Load(t, "augment", group); c.Has(name) {
			return image(c.Array(name))
		}
	}
	t.Fatalf("golden augment: no input %s", name)
	return nil
}

func same(t *testing.T, what string, got, want *Image) {
	t.Helper()
	if got.W != want.W || got.H != want.H || len(got.Pix) != len(want.Pix) {
		t.Errorf("%s: %dx%d, want %dx%d", what, got.W, got.H, want.W, want.H)
		return
	}
	if bytes.Equal(got.Pix, want.Pix) {
		return
	}
	n := 0
	for i := range got.Pix {
		if got.Pix[i] != want.Pix[i] {
			if n == 0 {
				t.Errorf("%s: value %d: got %d, want %d", what, i, got.Pix[i], want.Pix[i])
			}
			n++
		}
	}
	t.Errorf("%s: %d of %d values differ", what, n, len(got.Pix))
}

func (o operation) jitter(m *Image) {
	for _, name := range o.Order {
		f := o.Factors[name]
		switch name {
		case "brightness":
			m.Brightness(f)
		case "contrast":
			m.Contrast(f)
		case "saturation":
			m.Saturation(f)
		case "hue":
			m.Hue(f)
		}
	}
}

func TestCropGolden(t *testing.T) {
	c := golden.Load(t, "augment", "resized_crop")
	var sc Scratch
	for _, o := range operations(t, c) {
		var got Image
		ResizedCrop(&got, input(t, o.Input), Box{o.Left, o.Top, o.Width, o.Height}, o.Size[1], o.Size[0], &sc)
		same(t, o.Output, &got, image(c.Array(o.Output)))
	}
}

func TestEvalCropGolden(t *testing.T) {
	c := golden.Load(t, "augment", "eval_crop")
	var sc Scratch
	for _, o := range operations(t, c) {
		var got Image
		want := image(c.Array(o.Output))
		EvalCrop(&got, input(t, o.Input), want.W, &sc)
		same(t, o.Output, &got, want)
	}
}

// ours are the operations of the golden colour and blur groups that this
// package has.
var ours = map[string]func(m *Image, o operation){
	"brightness":    func(m *Image, o operation) { m.Brightness(o.Factor) },
	"contrast":      func(m *Image, o operation) { m.Contrast(o.Factor) },
	"saturation":    func(m *Image, o operation) { m.Saturation(o.Factor) },
	"hue":           func(m *Image, o operation) { m.Hue(o.Factor) },
	"gray":          func(m *Image, o operation) { m.Gray() },
	"grayscale":     func(m *Image, o operation) { m.Gray() },
	"hflip":         func(m *Image, o operation) { m.Flip() },
	"jitter":        func(m *Image, o operation) { o.jitter(m) },
	"gaussian_blur": func(m *Image, o operation) { m.GaussianBlur(o.Sigma, &Scratch{}) },
}

func TestColourAndBlurGolden(t *testing.T) {
	held, missing := 0, map[string]int{}
	for _, group := range []string{"colour", "blur"} {
		c := golden.Load(t, "augment", group)
		for _, o := range operations(t, c) {
			apply := ours[o.Op]
			if apply == nil {
				missing[o.Op]++
				continue
			}
			m := input(t, o.Input)
			apply(m, o)
			same(t, o.Output, m, image(c.Array(o.Output)))
			held++
		}
	}
	if held == 0 {
		t.Error("no operation was compared")
	}
	for op, n := range missing {
		t.Logf("not covered: %s, %d cases", op, n)
	}
}

func TestNormalizeGolden(t *testing.T) {
	c := golden.Load(t, "augment", "tensor")
	m := input(t, "small0")
	got := make([]float32, 3*m.W*m.H)
	Normalize(got, m, ImageNetMean, ImageNetStd)
	want, _ := c.F32("rgb_normalised")
	golden.Near(t, "normalised", got, want, 1e-7)
}

func TestPipelineGolden(t *testing.T) {
	c := golden.Load(t, "augment", "pipeline_b")
	var sc Scratch
	for _, o := range operations(t, c) {
		var m Image
		ResizedCrop(&m, input(t, o.Input), Box{o.Left, o.Top, o.Width, o.Height}, o.Size[1], o.Size[0], &sc)
		if o.Flip {
			m.Flip()
		}
		o.jitter(&m)
		if o.Grayscale {
			m.Gray()
		}
		if o.BlurSigma != nil {
			m.GaussianBlur(*o.BlurSigma, &sc)
		}
		same(t, o.Output, &m, image(c.Array(o.Output+"_uint8")))
		got := make([]float32, 3*m.W*m.H)
		Normalize(got, &m, ImageNetMean, ImageNetStd)
		want, _ := c.F32(o.Output)
		golden.Near(t, o.Output, got, want, 1e-7)
	}
}

func TestCropStatisticsGolden(t *testing.T) {
	var cases []struct {
		Width, Height int
		Scale         [2]float64
		AreaMean      float64   `json:"area_mean"`
		Area          []float64 `json:"area_quantiles"`
		RatioMean     float64   `json:"log_ratio_mean"`
		Ratio         []float64 `json:"log_ratio_quantiles"`
		TopMean       float64   `json:"top_mean"`
		LeftMean      float64   `json:"left_mean"`
		Quantiles     []float64
	}
	golden.JSON(t, &cases, "augment", "crop_statistics.json")
	for _, c := range cases {
		s := Spec{CropMin: c.Scale[0], CropMax: c.Scale[1], RatioMin: 3. / 4}
		const n = 20000
		var area, ratio []float64
		var sumArea, sumRatio, top, left float64
		for i := range n {
			b := s.Crop(c.Width, c.Height, NewRand(1, 0, i, 0))
			area = append(area, float64(b.W*b.H)/float64(c.Width*c.Height))
			ratio = append(ratio, math.Log(float64(b.W)/float64(b.H)))
			sumArea, sumRatio = sumArea+area[i], sumRatio+ratio[i]
			top, left = top+float64(b.Y), left+float64(b.X)
		}
		sort.Float64s(area)
		sort.Float64s(ratio)
		name := fmt.Sprintf("%dx%d from %v", c.Width, c.Height, c.Scale[0])
		near := func(what string, got, want, tol float64) {
			if math.Abs(got-want) > tol {
				t.Errorf("%s: %s: got %.4f, want %.4f ± %v", name, what, got, want, tol)
			}
		}
		near("area", sumArea/n, c.AreaMean, 0.012)
		near("log ratio", sumRatio/n, c.RatioMean, 0.01)
		near("top", top/n, c.TopMean, 0.02*float64(c.Height))
		near("left", left/n, c.LeftMean, 0.02*float64(c.Width))
		for i, q := range c.Quantiles {
			near(fmt.Sprint("area quantile ", q), area[int(q/100*n)], c.Area[i], 0.025)
			near(fmt.Sprint("ratio quantile ", q), ratio[int(q/100*n)], c.Ratio[i], 0.025)
		}
	}
}

// A view depends on its key alone, and each part of the key matters.
func TestViewsAreKeyed(t *testing.T) {
	s, err := Preset("B", 32, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	src := input(t, "img0")
	draw := func(r *Rand, sc *Scratch) string {
		dst := make([]float32, 3*32*32)
		s.Apply(dst, src, r, sc)
		return fmt.Sprint(dst)
	}
	var used Scratch
	r := NewRand(9, 9, 9, 9)
	draw(r, &used)
	r.Reset(1, 2, 3, 0)
	first := draw(r, &used)
	if draw(NewRand(1, 2, 3, 0), &Scratch{}) != first {
		t.Error("the same key draws another view")
	}
	for _, key := range [][4]int{{2, 2, 3, 0}, {1, 3, 3, 0}, {1, 2, 4, 0}, {1, 2, 3, 1}} {
		if draw(NewRand(uint64(key[0]), key[1], key[2], key[3]), &Scratch{}) == first {
			t.Errorf("key %v draws the view of another", key)
		}
	}
	if _, err := Preset("Z", 32, 0.2); err == nil {
		t.Error("preset Z exists")
	}
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []int{32, 224} {
		src := &Image{}
		src.Resize(size*3/2, size)
		for i := range src.Pix {
			src.Pix[i] = uint8(i * 7)
		}
		for _, name := range []string{"A", "B"} {
			s, _ := Preset(name, size, 0.2)
			b.Run(fmt.Sprint(name, size), func(b *testing.B) {
				dst, sc, r := make([]float32, 3*size*size), Scratch{}, NewRand(0, 0, 0, 0)
				for i := range b.N {
					r.Reset(0, 0, i, 0)
					s.Apply(dst, src, r, &sc)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
			})
		}
	}
}
