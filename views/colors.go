package views

// Colors is the last transform of a view, on RGB in [0, 1]: Matrix·(R, G, B), then
// (v - Mean)/Std in each channel.
type Colors struct {
	Matrix    [3][3]float64
	Mean, Std [3]float64
}

var (
	// RGB is normalized with ImageNet's mean and standard deviation.
	RGB = Colors{
		Matrix: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		Mean:   [3]float64{0.485, 0.456, 0.406},
		Std:    [3]float64{0.229, 0.224, 0.225},
	}
	// YDbDr is one channel of luminance and two of chrominance (SECAM's): the modalities
	// of CMC.
	YDbDr = Colors{
		Matrix: [3][3]float64{{0.299, 0.587, 0.114}, {-0.45, -0.883, 1.333}, {-1.333, 1.116, 0.217}},
		Mean:   [3]float64{0.457, -0.082, -0.052},
		Std:    [3]float64{0.500, 1.331, 1.333},
	}
)

// Table returns the transformed values of each channel, for colors that are [Colors.Separate].
func (k *Colors) Table() (table [3][256]float32) {
	for c := range 3 {
		for v := range 256 {
			table[c][v] = (float32(v)/255 - float32(k.Mean[c])) / float32(k.Std[c])
		}
	}
	return table
}

// Write writes the transformed image to dst, planar [3, H, W].
func (k *Colors) Write(dst []float32, m *Image) {
	n := m.W * m.H
	if k.Separate() {
		table := k.Table()
		r, g, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
		for i := range n {
			p := m.Pix[3*i : 3*i+3 : 3*i+3]
			r[i], g[i], b[i] = table[0][p[0]], table[1][p[1]], table[2][p[2]]
		}
		return
	}
	for c, row := range k.Matrix {
		plane := dst[c*n : (c+1)*n]
		for i := range plane {
			p := m.Pix[3*i : 3*i+3 : 3*i+3]
			v := row[0]*(float64(p[0])/255) + row[1]*(float64(p[1])/255) + row[2]*(float64(p[2])/255)
			plane[i] = float32((v - k.Mean[c]) / k.Std[c])
		}
	}
}
