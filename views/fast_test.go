package views

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/cpu"
	"contralens/internal/golden"
	"contralens/views/internal/kernel"
)

// steps runs steps of the kernel on an image, without resizing.
func steps(m *Image, add func(k *kernel.Plan)) *Image {
	s := Spec{Size: m.W}
	var k kernel.Plan
	s.plan(&k, Whole(m), &Draw{Crop: Box{0, 0, m.W, m.H}})
	k.OutW, k.OutH, k.SizeW, k.SizeH = int32(m.W), int32(m.H), int32(m.W), int32(m.H)
	add(&k)
	out := &Image{}
	out.Resize(m.W, m.H)
	var room []uint8
	kernel.View8(&k, m.Pix, &room, out.Pix)
	return out
}

var kernelSteps = map[string]func(k *kernel.Plan, f float64){
	"brightness":             func(k *kernel.Plan, f float64) { k.Add(kernel.Brightness, f) },
	"contrast":               func(k *kernel.Plan, f float64) { k.Add(kernel.Contrast, f) },
	"saturation":             func(k *kernel.Plan, f float64) { k.Add(kernel.Saturation, f) },
	"hue":                    func(k *kernel.Plan, f float64) { k.Add(kernel.Hue, float64(uint8(int(f*255)))) },
	"gray":                   func(k *kernel.Plan, f float64) { k.Add(kernel.Gray, 0) },
	"grayscale":              func(k *kernel.Plan, f float64) { k.Add(kernel.Gray, 0) },
	"hflip":                  func(k *kernel.Plan, f float64) { k.Flip = 1 },
	"gaussian_blur":          func(k *kernel.Plan, f float64) { k.Add(kernel.Blur, f) },
	"gaussian_blur_kernel23": func(k *kernel.Plan, f float64) { k.Add(kernel.Blur23, f) },
}

// eachLevel runs a test with every instruction set that the processor supports.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	for level := range cpu.Levels() {
		t.Run(level.String(), test)
	}
}

// Both paths shift the hue alike, for all colors with every fifteenth value of red.
func TestFastHue(t *testing.T) { eachLevel(t, fastHue) }

func fastHue(t *testing.T) {
	m := &Image{}
	m.Resize(256, 256)
	for r := 0; r < 256; r += 15 {
		for i := range 256 * 256 {
			m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = uint8(r), uint8(i>>8), uint8(i)
		}
		factor := float64(r%80-40) / 100
		fast := steps(m, func(k *kernel.Plan) { kernelSteps["hue"](k, factor) })
		m.Hue(factor)
		within(t, fmt.Sprintf("red %d, hue %v", r, factor), fast, m, 1, 1e-6)
	}
}

// The fast path agrees with every golden case of its operations, within 2 levels and 0.5
// on average.
func TestFastGolden(t *testing.T) { eachLevel(t, fastGolden) }

func fastGolden(t *testing.T) {
	for _, group := range []string{"colour", "blur"} {
		c := golden.Load(t, "augment", group)
		for _, o := range operations(t, c) {
			got := steps(input(t, o.Input), func(k *kernel.Plan) {
				if o.Op == "jitter" {
					for _, name := range o.Order {
						kernelSteps[name](k, o.Factors[name])
					}
					return
				}
				kernelSteps[o.Op](k, o.Factor+o.Sigma)
			})
			worst, mean := 1, 0.001
			if o.Op == "gaussian_blur" {
				worst, mean = 0, 0
			} else if o.Op == "gaussian_blur_kernel23" {
				mean = 0.05
			}
			within(t, o.Output, got, stored(c.Array(o.Output)), worst, mean)
		}
	}
	crops := golden.Load(t, "augment", "resized_crop")
	for _, o := range operations(t, crops) {
		m := input(t, o.Input)
		s := Spec{Size: o.Size[0]}
		within(t, o.Output, fast8(&s, m, &Draw{Crop: Box{o.Left, o.Top, o.Width, o.Height}}), stored(crops.Array(o.Output)), 0, 0)
	}
	center := golden.Load(t, "augment", "eval_crop")
	for _, o := range operations(t, center) {
		m := input(t, o.Input)
		s := Evaluation(224)
		d := s.Draw(m.W, m.H, nil)
		within(t, o.Output, fast8(&s, m, &d), stored(center.Array(o.Output)), 0, 0)
	}
	whole := golden.Load(t, "augment", "pipeline_b")
	for _, o := range operations(t, whole) {
		s, _ := Preset("B", o.Size[0], 0.2)
		d := Draw{Crop: Box{o.Left, o.Top, o.Width, o.Height}, Flip: o.Flip, Jitter: true, Gray: o.Grayscale, Sigma: *o.BlurSigma}
		for i, name := range o.Order {
			d.Order[i] = map[string]int{"brightness": 0, "contrast": 1, "saturation": 2, "hue": 3}[name]
			d.Factors[d.Order[i]] = o.Factors[name]
		}
		within(t, o.Output, fast8(&s, input(t, o.Input), &d), stored(whole.Array(o.Output+"_uint8")), 2, 0.5)
	}
}

// Slices that are too short are an error before C gets them.
func TestFastWantsRoom(t *testing.T) {
	m := picture(20, 30, rand.New(rand.NewPCG(1, 2)))
	s, _ := Preset("NULL", 16, 0.2)
	j, _ := JigsawPreset(JigsawMin)
	for name, view := range map[string]func(){
		"image": func() {
			s.View(make([]float32, s.Len()), &Image{W: 20, H: 30, Pix: m.Pix[:3*20*29]}, NewRand(0, 0, 0, 0), &Scratch{})
		},
		"view":   func() { s.View(make([]float32, s.Len()-1), m, NewRand(0, 0, 0, 0), &Scratch{}) },
		"jigsaw": func() { j.View(make([]float32, j.Len()-1), m, NewRand(0, 0, 0, 0), &Scratch{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a short %s reaches C", name)
				}
			}()
			view()
		}()
	}
}

// fast8 returns a view of the fast path as 8-bit RGB.
func fast8(s *Spec, m *Image, d *Draw) *Image {
	var k kernel.Plan
	s.plan(&k, Whole(m), d)
	out := &Image{}
	out.Resize(int(k.SizeW), int(k.SizeH))
	var room []uint8
	kernel.View8(&k, m.Pix, &room, out.Pix)
	return out
}

// picture returns an image with smooth parts, edges and noise.
func picture(w, h int, r *rand.Rand) *Image {
	m := &Image{}
	m.Resize(w, h)
	fx, fy, edge := r.Float64()*0.2, r.Float64()*0.2, r.IntN(w+1)
	for y := range h {
		for x := range w {
			for c := range 3 {
				v := 128 + 100*math.Sin(fx*float64(x)+fy*float64(y)+float64(c)) + r.Float64()*40
				if x >= edge {
					v = 255 - v
				}
				m.Pix[3*(y*w+x)+c] = uint8(min(max(v, 0), 255))
			}
		}
	}
	return m
}

// Both paths agree on the same random numbers, for random sizes, including one pixel,
// extreme ratios and enlarged crops.
func TestFastIsNearExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sizes := [][2]int{{1, 1}, {1, 50}, {50, 1}, {2, 3}, {7, 300}, {300, 9}, {32, 32}, {640, 480}, {33, 65}}
	for len(sizes) < 24 {
		sizes = append(sizes, [2]int{1 + r.IntN(400), 1 + r.IntN(400)})
	}
	var sc Scratch
	for i, size := range sizes {
		m := picture(size[0], size[1], r)
		for _, name := range []string{"A", "B", "C", "NULL", "D", "E", "RA", "eval", "jigsaw"} {
			out := []int{32, 33, 64, 96, 224}[r.IntN(5)]
			s, err := Preset(name, out, 0.08)
			switch name {
			case "eval":
				s, err = Evaluation(out), nil
			case "jigsaw":
				s, err = JigsawPreset(max(out, JigsawMin))
			}
			if err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				s = s.CMC()
			}
			// A flat view makes AutoContrast and Equalize magnify one level to any
			// number, so tables are compared without them.
			if s.Operations != nil {
				s.Operations = []Op{Rotate, ShearX, TranslateY, Color, Brightness, Posterize}
				if name != "D" {
					s.Operations = []Op{Identity, Rotate, ShearY, TranslateX}
				}
			}
			s.Jitter[3], s.GrayP = min(s.Jitter[3], 0.4), 0.2
			d := s.Draw(m.W, m.H, NewRand(7, 0, i, 0))
			compare(t, fmt.Sprintf("%s of %dx%d at %d, %+v", name, m.W, m.H, s.Size, d), &s, m, &d, &sc)
		}
	}
}

// compare compares the final values of both paths, in levels of a color, at every level
// of instructions.
func compare(t *testing.T, what string, s *Spec, m *Image, d *Draw, sc *Scratch) {
	t.Helper()
	exact, fast := make([]float32, s.Len()), make([]float32, s.Len())
	e := *s
	e.Exact = true
	e.Render(exact, Whole(m), d, sc)
	for level := range cpu.Levels() {
		s.Render(fast, Whole(m), d, sc)
		near(t, fmt.Sprintf("%s with %v", what, level), s, fast, exact)
	}
}

func near(t *testing.T, what string, s *Spec, fast, exact []float32) {
	t.Helper()
	c, n := s.colors(), len(exact)/3
	if s.Kind == Jigsaw {
		n = s.patch() * s.patch()
	}
	worst, sum := 0.0, 0.0
	for i := range exact {
		channel := i / n % 3
		gain := 0.0
		for _, v := range c.Matrix[channel] {
			gain += math.Abs(v)
		}
		diff := math.Abs(float64(exact[i]-fast[i])) * c.Std[channel] * 255 / gain
		worst, sum = max(worst, diff), sum+diff
	}
	if mean := sum / float64(len(exact)); worst > 2.01 || mean > 0.5 {
		t.Errorf("%s: off by up to %.2f levels and %.3f on average", what, worst, mean)
	}
}
