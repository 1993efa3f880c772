package views

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// normalized computes the floats of a view from its pixels as n describes it.
func normalized(s *Spec, n Normalization, pixels []uint8) []float32 {
	shape := s.Shape()
	area := shape[len(shape)-2] * shape[len(shape)-1]
	dst := make([]float32, len(pixels))
	for at := 0; at < len(pixels); at += 3 * area {
		piece, planes := pixels[at:at+3*area], dst[at:at+3*area]
		if n.Plain {
			n.Colors.Write(planes, &Image{W: area, H: 1, Pix: piece})
			continue
		}
		for i := range area {
			for c, row := range n.Scale {
				v := float32(row[c] * float32(piece[3*i+c]))
				if !n.Separate() {
					v = float32(row[0] * float32(piece[3*i]))
					v += float32(row[1] * float32(piece[3*i+1]))
					v += float32(row[2] * float32(piece[3*i+2]))
				}
				planes[c*area+i] = v + n.Bias[c]
			}
		}
	}
	return dst
}

// The pixels of a view and the description of the last transform give the floats of the
// view, bit for bit, for all augmentations, in both colors and on both paths.
func TestPixelsNormalizeToValues(t *testing.T) { eachLevel(t, pixelsNormalizeToValues) }

func pixelsNormalizeToValues(t *testing.T) {
	src := picture(150, 110, rand.New(rand.NewPCG(1, 2)))
	var sc Scratch
	for _, name := range []string{"A", "B", "C", "D", "E", "NULL", "RA", "eval", "jigsaw", "jigsaw with RandAugment"} {
		for _, size := range []int{64, 75} {
			for _, cmc := range []bool{false, true} {
				for _, exact := range []bool{false, true} {
					s, _, err := Pipeline(name[:min(len(name), 6)], size, 0.2)
					if err != nil {
						t.Fatal(err)
					}
					if cmc {
						s = s.CMC()
					}
					if len(name) > 6 {
						s.Operations = allOperations
					}
					s.Exact = exact
					want, pixels := make([]float32, s.Len()), make([]uint8, s.Len())
					for i := range 4 {
						d := s.Draw(src.W, src.H, NewRand(0, 0, i, 0))
						s.Render(want, Whole(src), &d, &sc)
						s.RenderPixels(pixels, Whole(src), &d, &sc)
						if !slices.Equal(normalized(&s, s.Normalization(), pixels), want) {
							t.Fatalf("%s at %d, CMC %v, exact %v, view %d: other values", name, size, cmc, exact, i)
						}
					}
				}
			}
		}
	}
}
