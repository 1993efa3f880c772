package views

import (
	"fmt"
	"math"

	"contralens/internal/option"
)

// Kind is the geometry of a view.
type Kind uint8

// The kinds of views.
const (
	RandomCrop Kind = iota // a random crop, resized
	CenterCrop             // the evaluation transform: nothing random
	Jigsaw                 // nine patches of a random crop
)

// Spec says how one view is drawn. A list of them is what a method needs of an
// image: two random crops, or a crop and the jigsaw. Probabilities are in [0, 1].
type Spec struct {
	Kind             Kind
	Size             int        // side of the view in pixels; Jigsaw derives its sizes from it
	CropMin, CropMax float64    // share of the image's area that the crop takes
	RatioMin         float64    // smallest width/height of the crop; the largest is 1/RatioMin
	FlipP            float64    // probability of the mirror image
	Jitter           [4]float64 // strengths of brightness, contrast, saturation, hue; in random order
	JitterP          float64    // probability of the jitter
	BlurP            float64    // probability of the Gaussian blur
	BlurMin, BlurMax float64    // its sigma in pixels
	Blur23           bool       // the blur is the 23-tap convolution instead of Pillow's
	Operations       []Op       // RandAugment's; none: no RandAugment
	GrayP            float64    // probability of losing the colors
	GrayLast         bool       // after blur and RandAugment instead of before
	Colors           Colors     // what becomes of RGB in the end; zero: RGB
	Exact            bool       // the plain path, bit for bit; else the fast one
}

// Preset is an augmentation by the name that the field gives it: A (MoCo v1), B
// (MoCo v2), C (CMC), D (InfoMin), E (CMC v2), NULL (crop and flip, for linear
// evaluation) or RA (the same with RandAugment). cropMin is the smallest share
// of the area that a crop takes.
func Preset(name string, size int, cropMin float64) (Spec, error) {
	s := Spec{Size: size, CropMin: cropMin, CropMax: 1, RatioMin: 3. / 4, FlipP: 0.5, Colors: RGB}
	switch name {
	case "A":
		s.Jitter, s.JitterP, s.GrayP = [4]float64{0.4, 0.4, 0.4, 0.4}, 1, 0.2
	case "B":
		s.Jitter, s.JitterP, s.GrayP = [4]float64{0.4, 0.4, 0.4, 0.1}, 0.8, 0.2
		s.BlurP, s.BlurMin, s.BlurMax = 0.5, 0.1, 2
	case "C":
		s.Jitter, s.JitterP = [4]float64{0.4, 0.4, 0.4, 0.1}, 1
	case "D":
		s.Jitter, s.JitterP, s.GrayP, s.GrayLast = [4]float64{0.8, 0.8, 0.8, 0.2}, 0.8, 0.2, true
		s.BlurP, s.BlurMin, s.BlurMax, s.Blur23, s.Operations = 0.5, 0.1, 2, true, allOperations
	case "E":
		s.Jitter, s.JitterP = [4]float64{0.4, 0.4, 0.4, 0.1}, 0.8
		s.BlurP, s.BlurMin, s.BlurMax, s.Blur23, s.Operations = 0.5, 0.1, 2, true, allOperations
	case "NULL":
	case "RA":
		s.Operations = allOperations
	default:
		return Spec{}, option.Text("aug", "A, B, C, D, E, NULL or RA", name)
	}
	return s, nil
}

// Evaluation is the transform of evaluation: the short side becomes
// round(size·256/224), then the center is cut out; an image of exactly size x
// size stays as it is.
func Evaluation(size int) Spec { return Spec{Kind: CenterCrop, Size: size} }

// JigsawMin is the smallest size of a view for which there is a jigsaw.
const JigsawMin = 64

// JigsawPreset is the jigsaw of views of that size: a crop of at least 0.6 of
// the area, resized to 255/224 of the size, mirrored half of the time; from each
// cell of its 3x3 grid a random patch of 64/85 of the cell's side.
func JigsawPreset(size int) (Spec, error) {
	if size < JigsawMin {
		return Spec{}, fmt.Errorf(
			"a jigsaw of %d pixels: want at least %d, since its patches would be smaller than %d pixels",
			size, JigsawMin, scaled(64, JigsawMin))
	}
	return Spec{Kind: Jigsaw, Size: size, CropMin: 0.6, CropMax: 1, RatioMin: 3. / 4, FlipP: 0.5}, nil
}

// CMC is the same augmentation for two modalities: YDbDr instead of RGB, and
// only those of RandAugment's operations that leave the colors' meaning.
func (s Spec) CMC() Spec {
	s.Colors = YDbDr
	if s.Operations != nil {
		s.Operations = colorlessOperations
	}
	return s
}

func (s *Spec) colors() *Colors {
	if s.Colors == (Colors{}) {
		return &RGB
	}
	return &s.Colors
}

// scaled is a length at 224 pixels in proportion to another size.
func scaled(at224, size int) int { return int(math.Round(float64(at224*size) / 224)) }

// crop is the side of the resized crop; a jigsaw's holds three cells, which
// rounding could make a pixel longer.
func (s *Spec) crop() int {
	if s.Kind == Jigsaw {
		return max(scaled(255, s.Size), 3*s.cell())
	}
	return s.Size
}

// cell and patch are the sides of a jigsaw's cells and patches.
func (s *Spec) cell() int  { return scaled(85, s.Size) }
func (s *Spec) patch() int { return scaled(64, s.Size) }

// Shape is the shape of a view: [3, Size, Size], or [9, 3, patch, patch].
func (s *Spec) Shape() []int {
	if s.Kind == Jigsaw {
		return []int{9, 3, s.patch(), s.patch()}
	}
	return []int{3, s.Size, s.Size}
}

// Len is the number of values of a view.
func (s *Spec) Len() int {
	n := 1
	for _, d := range s.Shape() {
		n *= d
	}
	return n
}
