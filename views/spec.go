package views

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Spec says how one view is drawn. Probabilities are in [0, 1].
type Spec struct {
	Size             int        // side of the view in pixels
	CropMin, CropMax float64    // share of the image's area that the crop takes
	RatioMin         float64    // smallest width/height of the crop; the largest is 1/RatioMin
	Jitter           [4]float64 // strengths of brightness, contrast, saturation, hue; in random order
	JitterP          float64    // probability of the jitter
	GrayP            float64    // probability of losing the colours
	BlurP            float64    // probability of the Gaussian blur
	BlurMin, BlurMax float64    // its sigma in pixels
	FlipP            float64    // probability of the mirror image
	Mean, Std        [3]float32 // normalisation of values in [0, 1]
}

// Preset is an augmentation by the name that the field gives it: A (MoCo v1), B
// (MoCo v2), or NULL (crop and flip, for linear evaluation). cropMin is the
// smallest share of the area that a crop takes.
func Preset(name string, size int, cropMin float64) (Spec, error) {
	s := Spec{Size: size, CropMin: cropMin, CropMax: 1, RatioMin: 3. / 4, FlipP: 0.5, Mean: ImageNetMean, Std: ImageNetStd}
	switch name {
	case "A":
		s.Jitter, s.JitterP, s.GrayP = [4]float64{0.4, 0.4, 0.4, 0.4}, 1, 0.2
	case "B":
		s.Jitter, s.JitterP, s.GrayP = [4]float64{0.4, 0.4, 0.4, 0.1}, 0.8, 0.2
		s.BlurP, s.BlurMin, s.BlurMax = 0.5, 0.1, 2
	case "NULL":
	default:
		return Spec{}, fmt.Errorf("--aug: want A, B or NULL, got %q", name)
	}
	return s, nil
}

// Rand is the stream of random numbers of one view. It depends on its key
// alone, so that a view is the same whichever worker draws it.
type Rand struct {
	pcg rand.PCG
	*rand.Rand
}

// NewRand makes the stream of (seed, epoch, image index, view).
func NewRand(seed uint64, epoch, index, view int) *Rand {
	r := &Rand{}
	r.Rand = rand.New(&r.pcg)
	r.Reset(seed, epoch, index, view)
	return r
}

// Reset makes r the stream of another key without allocating.
func (r *Rand) Reset(seed uint64, epoch, index, view int) {
	a := mix(seed + 0x9E3779B97F4A7C15*uint64(epoch+1))
	b := mix(a ^ uint64(index)<<8 ^ uint64(view))
	r.pcg.Seed(a, b)
}

// mix is splitmix64's finaliser.
func mix(z uint64) uint64 {
	z += 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *Rand) uniform(low, high float64) float64 { return low + (high-low)*r.Float64() }

// Crop draws RandomResizedCrop's box for an image of w x h: area uniform in
// [CropMin, CropMax], logarithm of the ratio uniform; after ten boxes that don't
// fit, the largest central one of an allowed ratio.
func (s *Spec) Crop(w, h int, r *Rand) Box {
	low, high := math.Log(s.RatioMin), -math.Log(s.RatioMin)
	for range 10 {
		area := float64(w*h) * r.uniform(s.CropMin, s.CropMax)
		ratio := math.Exp(r.uniform(low, high))
		bw, bh := int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if bw > 0 && bw <= w && bh > 0 && bh <= h {
			return Box{X: r.IntN(w - bw + 1), Y: r.IntN(h - bh + 1), W: bw, H: bh}
		}
	}
	bw, bh := w, h
	switch ratio := float64(w) / float64(h); {
	case ratio < s.RatioMin:
		bh = int(math.RoundToEven(float64(w) / s.RatioMin))
	case ratio > 1/s.RatioMin:
		bw = int(math.RoundToEven(float64(h) / s.RatioMin))
	}
	return Box{X: (w - bw) / 2, Y: (h - bh) / 2, W: bw, H: bh}
}

// Apply draws a view of src with r and writes it to dst, planar float32
// [3, Size, Size], normalised.
func (s *Spec) Apply(dst []float32, src *Image, r *Rand, sc *Scratch) {
	v := &sc.view
	ResizedCrop(v, src, s.Crop(src.W, src.H, r), s.Size, s.Size, sc)
	if r.Float64() < s.JitterP {
		s.jitter(v, r)
	}
	if r.Float64() < s.GrayP {
		v.Gray()
	}
	if r.Float64() < s.BlurP {
		v.GaussianBlur(r.uniform(s.BlurMin, s.BlurMax), sc)
	}
	if r.Float64() < s.FlipP {
		v.Flip()
	}
	Normalize(dst, v, s.Mean, s.Std)
}

// jitter is torchvision's ColorJitter.
func (s *Spec) jitter(m *Image, r *Rand) {
	order := [4]int{0, 1, 2, 3}
	r.Shuffle(4, func(i, j int) { order[i], order[j] = order[j], order[i] })
	var f [4]float64
	for i, j := range s.Jitter[:3] {
		f[i] = r.uniform(max(0, 1-j), 1+j)
	}
	f[3] = r.uniform(-s.Jitter[3], s.Jitter[3])
	for _, op := range order {
		if s.Jitter[op] == 0 {
			continue
		}
		switch op {
		case 0:
			m.Brightness(f[0])
		case 1:
			m.Contrast(f[1])
		case 2:
			m.Saturation(f[2])
		case 3:
			m.Hue(f[3])
		}
	}
}

// Eval writes the evaluation view of src to dst, planar float32
// [3, size, size], normalised with ImageNet's numbers.
func Eval(dst []float32, src *Image, size int, sc *Scratch) {
	EvalCrop(&sc.view, src, size, sc)
	Normalize(dst, &sc.view, ImageNetMean, ImageNetStd)
}
