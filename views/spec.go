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
	CenterCrop             // the transform of evaluation, nothing random
	Jigsaw                 // nine patches of a random crop
)

// Spec describes how one view of an image is made. A method has a list of them, for
// example two random crops, or a crop and a jigsaw. Probabilities are in [0, 1].
type Spec struct {
	Kind             Kind
	Size             int        // side of the view in pixels; Jigsaw derives its sizes from it
	CropMin, CropMax float64    // fraction of the image's area that the crop covers
	RatioMin         float64    // smallest width/height of the crop; the largest is 1/RatioMin
	FlipP            float64    // probability of mirroring left to right
	Jitter           [4]float64 // strengths of brightness, contrast, saturation, hue; applied in random order
	JitterP          float64    // probability of the jitter
	BlurP            float64    // probability of the Gaussian blur
	BlurMin, BlurMax float64    // range of its sigma, in pixels
	Blur23           bool       // blur with the 23-tap convolution instead of Pillow's blur
	Operations       []Op       // operations of RandAugment; nil: no RandAugment
	GrayP            float64    // probability of dropping the colors
	GrayLast         bool       // drop them after blur and RandAugment instead of before
	Colors           Colors     // last transform of the colors; the zero value stands for RGB
	Exact            bool       // use the plain path instead of the fast one
}

// Preset returns an augmentation by its common name: A (MoCo v1), B (MoCo v2), C (CMC),
// D (InfoMin), E (CMC v2), NULL (crop and flip, for linear evaluation) or RA (NULL with
// RandAugment). size is the side of the view in pixels; cropMin is the smallest fraction
// of the image's area that a crop covers.
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

// Evaluation returns the transform of evaluation: the short side is resized to
// round(size·256/224), then the center is cut out. An image of exactly size x size
// pixels is not changed.
func Evaluation(size int) Spec { return Spec{Kind: CenterCrop, Size: size} }

// JigsawMin is the smallest size that JigsawPreset accepts.
const JigsawMin = 64

// JigsawPreset returns the jigsaw for views of size x size pixels (PIRL, Misra & van der
// Maaten, 2020): a crop of at least 0.6 of the area is resized to 255/224 of the size and
// mirrored with probability 0.5. Each cell of its 3x3 grid yields a random patch of 64/85
// of the cell's side.
func JigsawPreset(size int) (Spec, error) {
	if size < JigsawMin {
		return Spec{}, fmt.Errorf(
			"a jigsaw of %d pixels: want at least %d, because its patches would be smaller than %d pixels",
			size, JigsawMin, scaled(64, JigsawMin))
	}
	return Spec{Kind: Jigsaw, Size: size, CropMin: 0.6, CropMax: 1, RatioMin: 3. / 4, FlipP: 0.5}, nil
}

// CMC returns the same augmentation for CMC's two modalities: YDbDr instead of RGB, and
// only those operations of RandAugment that preserve the meaning of the colors.
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

// scaled converts a length for views of 224 pixels to views of another size.
func scaled(at224, size int) int { return int(math.Round(float64(at224*size) / 224)) }

// crop is the side of the resized crop. In a jigsaw it must hold three cells, which
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
