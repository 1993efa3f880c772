package views

import (
	"fmt"
	"math"
	"strings"
)

// Draw has all random choices of one view. It depends on the image's size but not on its
// pixels, so only the pixels under the crop need to be decoded.
type Draw struct {
	Crop    Box        // in pixels of the image
	Flip    bool       // mirror left to right
	Jitter  bool       // apply the color jitter
	Order   [4]int     // its operations in order: 0 brightness, 1 contrast, 2 saturation, 3 hue
	Factors [4]float64 // the factors of brightness, contrast, saturation, hue
	Sigma   float64    // of the blur, in pixels; 0: no blur
	Applied [2]Applied // operations of RandAugment
	Gray    bool       // drop the colors
	Patches [9][2]int  // x and y of the jigsaw's patches within their cells
}

// Draw draws the random choices of a view of an image of w x h pixels.
func (s *Spec) Draw(w, h int, r *Rand) (d Draw) {
	if s.Kind == CenterCrop {
		d.Crop = Box{0, 0, w, h}
		return d
	}
	d.Crop = s.Crop(w, h, r)
	d.Flip = r.Float64() < s.FlipP
	if r.Float64() < s.JitterP {
		d.Jitter, d.Order = true, [4]int{0, 1, 2, 3}
		for i := 3; i > 0; i-- {
			j := r.IntN(i + 1)
			d.Order[i], d.Order[j] = d.Order[j], d.Order[i]
		}
		for i, j := range s.Jitter[:3] {
			d.Factors[i] = r.uniform(max(0, 1-j), 1+j)
		}
		d.Factors[3] = r.uniform(-s.Jitter[3], s.Jitter[3])
	}
	if r.Float64() < s.BlurP {
		d.Sigma = r.uniform(s.BlurMin, s.BlurMax)
	}
	if s.Operations != nil {
		for i := range d.Applied {
			d.Applied[i] = drawOperation(s.Operations, r)
		}
	}
	d.Gray = r.Float64() < s.GrayP
	if s.Kind == Jigsaw {
		room := s.cell() - s.patch() + 1
		for i := range d.Patches {
			d.Patches[i] = [2]int{r.IntN(room), r.IntN(room)}
		}
	}
	return d
}

// Crop draws the box of RandomResizedCrop for an image of w x h: the area is uniform in
// [CropMin, CropMax], and so is the logarithm of the ratio. If ten boxes do not fit, it
// returns the largest central box of an allowed ratio.
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
		bh = max(1, int(math.RoundToEven(float64(w)/s.RatioMin)))
	case ratio > 1/s.RatioMin:
		bw = max(1, int(math.RoundToEven(float64(h)/s.RatioMin)))
	}
	return Box{X: (w - bw) / 2, Y: (h - bh) / 2, W: bw, H: bh}
}

// String describes what was drawn besides the crop.
func (d *Draw) String() string {
	var words []string
	add := func(on bool, word string) {
		if on {
			words = append(words, word)
		}
	}
	add(d.Flip, "flip")
	add(d.Jitter, "jitter")
	add(d.Sigma > 0, fmt.Sprintf("blur %.1f", d.Sigma))
	for _, a := range d.Applied {
		add(a.Op != Identity, a.Op.String())
	}
	add(d.Gray, "gray")
	return strings.Join(words, ", ")
}
