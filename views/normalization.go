package views

// Normalization is the last transform of the colors, from the 8-bit values that
// [Spec.RenderPixels] writes to the floats that [Spec.Render] writes. It says in which
// order to compute, so that other code can get the same floats bit for bit.
type Normalization struct {
	// Colors is the transform. If Plain is set, it is computed as by [Colors.Write]:
	// (v/255 - Mean)/Std in float32 for RGB, otherwise Matrix and the rest in float64.
	Colors
	Plain bool
	// Scale and Bias are the same transform of the values 0 … 255. If Plain is not set, it
	// is computed with them in float32: the products of Scale's row and (r, g, b) are added
	// from left to right, then Bias. Every product and every sum is rounded, and products
	// with the zeros of RGB's matrix are left out.
	Scale [3][3]float32
	Bias  [3]float32
}

// Normalization returns the last transform of the colors.
func (s *Spec) Normalization() Normalization {
	n := s.colors().affine()
	n.Plain = s.plain()
	return n
}

// affine returns k as a function of the values 0 … 255.
func (k *Colors) affine() Normalization {
	n := Normalization{Colors: *k}
	for i, row := range k.Matrix {
		n.Bias[i] = float32(-k.Mean[i] / k.Std[i])
		for j, v := range row {
			n.Scale[i][j] = float32(v / k.Std[i] / 255)
		}
	}
	return n
}

// Separate reports whether each channel depends on itself alone, as in RGB.
func (k *Colors) Separate() bool { return k.Matrix == RGB.Matrix }
