package views

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
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
	Args                     []float64
	Resample                 string
}

func operations(t *testing.T, c *golden.Case) []operation {
	var items []operation
	c.Decode(c.Items, &items)
	return items
}

func stored(a golden.Array) *Image { return &Image{H: a.Shape[0], W: a.Shape[1], Pix: a.U8} }

// inputs are the golden images by name; reading them takes longer than most tests.
var inputs = map[string]*Image{}

// input is a copy of a golden image.
func input(t *testing.T, name string) *Image {
	if len(inputs) == 0 {
		for _, group := range []string{"images", "small"} {
			c := golden.Load(t, "augment", group)
			for n := range c.Arrays {
				inputs[n] = stored(c.Array(n))
			}
		}
	}
	if inputs[name] == nil {
		t.Fatalf("golden augment: no input %s", name)
	}
	m := &Image{}
	m.Copy(inputs[name])
	return m
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
		same(t, o.Output, &got, stored(c.Array(o.Output)))
	}
}

func TestEvalCropGolden(t *testing.T) {
	c := golden.Load(t, "augment", "eval_crop")
	var sc Scratch
	for _, o := range operations(t, c) {
		var got Image
		want := stored(c.Array(o.Output))
		EvalCrop(&got, input(t, o.Input), want.W, &sc)
		same(t, o.Output, &got, want)
	}
}

// simple are the operations of the golden color and blur groups.
var simple = map[string]func(m *Image, o operation){
	"brightness":             func(m *Image, o operation) { m.Brightness(o.Factor) },
	"contrast":               func(m *Image, o operation) { m.Contrast(o.Factor) },
	"saturation":             func(m *Image, o operation) { m.Saturation(o.Factor) },
	"hue":                    func(m *Image, o operation) { m.Hue(o.Factor) },
	"gray":                   func(m *Image, o operation) { m.Gray() },
	"grayscale":              func(m *Image, o operation) { m.Gray() },
	"hflip":                  func(m *Image, o operation) { m.Flip() },
	"jitter":                 func(m *Image, o operation) { o.jitter(m) },
	"gaussian_blur":          func(m *Image, o operation) { m.GaussianBlur(o.Sigma, &Scratch{}) },
	"gaussian_blur_kernel23": func(m *Image, o operation) { m.GaussianBlur23(o.Sigma, &Scratch{}) },
}

func TestColorAndBlurGolden(t *testing.T) {
	for _, group := range []string{"colour", "blur"} {
		c := golden.Load(t, "augment", group)
		for _, o := range operations(t, c) {
			apply := simple[o.Op]
			if apply == nil {
				t.Errorf("%s: no operation %q", o.Output, o.Op)
				continue
			}
			m, want := input(t, o.Input), stored(c.Array(o.Output))
			apply(m, o)
			if o.Op == "gaussian_blur_kernel23" { // the reference is in floating point
				within(t, o.Output, m, want, 1, 0.01)
				continue
			}
			same(t, o.Output, m, want)
		}
	}
}

// within checks that no value differs by more than worst levels, and that values differ by
// at most mean on average.
func within(t *testing.T, what string, got, want *Image, worst int, mean float64) {
	t.Helper()
	if got.W != want.W || got.H != want.H {
		t.Errorf("%s: %dx%d, want %dx%d", what, got.W, got.H, want.W, want.H)
		return
	}
	most, sum := 0, 0
	for i, v := range want.Pix {
		d := max(int(v)-int(got.Pix[i]), int(got.Pix[i])-int(v))
		most, sum = max(most, d), sum+d
	}
	if m := float64(sum) / float64(len(want.Pix)); most > worst || m > mean {
		t.Errorf("%s: off by up to %d levels and %.3f on average, want at most %d and %v", what, most, m, worst, mean)
	}
}

// named are RandAugment's operations by the names of the golden files.
var named = map[string]Op{
	"AutoContrast": AutoContrast, "Equalize": Equalize, "Invert": Invert, "Rotate": Rotate, "PosterizeTpu": Posterize, "Solarize": Solarize,
	"SolarizeAdd": SolarizeAdd, "Color": Color, "Contrast": Contrast, "Brightness": Brightness, "Sharpness": Sharpness, "ShearX": ShearX, "ShearY": ShearY,
	"TranslateXRel": TranslateX, "TranslateYRel": TranslateY, "Identity": Identity,
}

func (o operation) applied(t *testing.T) Applied {
	op, ok := named[o.Op]
	if !ok {
		t.Fatalf("%s: no operation %q", o.Output, o.Op)
	}
	a := Applied{Op: op, Bicubic: o.Resample == "bicubic"}
	if len(o.Args) > 0 {
		a.Argument = o.Args[0]
	}
	return a
}

func TestRandAugmentGolden(t *testing.T) {
	c := golden.Load(t, "augment", "randaugment")
	var sc Scratch
	for _, o := range operations(t, c) {
		m := input(t, o.Input)
		m.Apply(o.applied(t), &sc)
		same(t, o.Output, m, stored(c.Array(o.Output)))
	}
	var meta struct {
		Levels []struct {
			Op        string
			Magnitude float64
			Negated   bool
			Args      []float64
		}
		RGB []string `json:"ops_rgb"`
		Two []string `json:"ops_two_modality"`
	}
	golden.JSON(t, &meta, "augment", "randaugment", "meta.json")
	for _, l := range meta.Levels {
		want := 0.0
		if len(l.Args) > 0 {
			want = l.Args[0]
		}
		if got := named[l.Op].argument(l.Magnitude, l.Negated); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s at magnitude %v, negated %v: argument %v, want %v", l.Op, l.Magnitude, l.Negated, got, want)
		}
	}
	for _, list := range []struct {
		names []string
		got   []Op
	}{{meta.RGB, allOperations}, {meta.Two, colorlessOperations}} {
		var want []Op
		for _, n := range list.names {
			want = append(want, named[n])
		}
		if !slices.Equal(list.got, want) {
			t.Errorf("operations %v, want %v", list.got, want)
		}
	}
}

func TestJigsawGolden(t *testing.T) {
	c := golden.Load(t, "augment", "jigsaw")
	var meta struct {
		First  []int `json:"first_draw"`
		Second []int `json:"second_draw"`
	}
	golden.JSON(t, &meta, "augment", "jigsaw", "meta.json")
	s, err := JigsawPreset(224)
	if err != nil {
		t.Fatal(err)
	}
	m := stored(c.Array("image"))
	d := Draw{Crop: Box{0, 0, 255, 255}}
	for i := range d.Patches {
		d.Patches[i] = [2]int{meta.Second[i], meta.First[i]}
	}
	want := c.Array("crops")
	n := 64 * 64 * 3
	for _, exact := range []bool{true, false} {
		s.Exact = exact
		got, patch := make([]float32, s.Len()), make([]float32, n)
		s.Render(got, Whole(m), &d, &Scratch{})
		for i := range 9 {
			RGB.Write(patch, &Image{W: 64, H: 64, Pix: want.U8[i*n : (i+1)*n]})
			golden.Near(t, fmt.Sprintf("patch %d, exact %v", i, exact), got[i*n:(i+1)*n], patch, 1e-6)
		}
	}
	for size, want := range map[int][3]int{224: {255, 85, 64}, 96: {109, 36, 27}} {
		s, err := JigsawPreset(size)
		if got := [3]int{s.crop(), s.cell(), s.patch()}; err != nil || got != want {
			t.Errorf("jigsaw at %d: %v, %v, want %v", size, got, err, want)
		}
	}
	for size := JigsawMin; size <= 512; size++ {
		if s, err := JigsawPreset(size); err != nil || s.crop() < 3*s.cell() || s.cell() < s.patch() {
			t.Errorf("jigsaw at %d: %v, cells of %d in a crop of %d, patches of %d", size, err, s.cell(), s.crop(), s.patch())
		}
	}
	if _, err := JigsawPreset(48); err == nil {
		t.Error("a jigsaw of 48 pixels is not refused")
	}
}

func TestNormalizeGolden(t *testing.T) {
	c := golden.Load(t, "augment", "tensor")
	m := input(t, "small0")
	got := make([]float32, 3*m.W*m.H)
	RGB.Write(got, m)
	want, _ := c.F32("rgb_normalised")
	golden.Near(t, "RGB", got, want, 1e-7)
	YDbDr.Write(got, m)
	want, _ = c.F32("ydbdr_normalised")
	golden.Near(t, "YDbDr", got, want, 1e-6)
	raw := Colors{Matrix: YDbDr.Matrix, Std: [3]float64{1, 1, 1}}
	raw.Write(got, m)
	interleaved, n := c.Array("ydbdr").F64, m.W*m.H
	for i := range n {
		for k := range 3 {
			what := fmt.Sprintf("YDbDr of pixel %d, channel %d", i, k)
			numeric.Near(t, what, float64(got[k*n+i]), interleaved[3*i+k], 1e-6)
		}
	}
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
		same(t, o.Output, &m, stored(c.Array(o.Output+"_uint8")))
		got := make([]float32, 3*m.W*m.H)
		RGB.Write(got, &m)
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

// A view depends only on its key, and on each part of it.
func TestViewsAreKeyed(t *testing.T) {
	s, err := Preset("B", 32, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	src := input(t, "img0")
	draw := func(r *Rand, sc *Scratch) string {
		dst := make([]float32, 3*32*32)
		s.View(dst, src, r, sc)
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
