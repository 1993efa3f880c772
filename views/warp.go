package views

import "math"

// matrix maps a pixel (x, y) of the result to its source
// (m0 x + m1 y + m2, m3 x + m4 y + m5).
func (op Op) matrix(argument float64, w, h int) [6]float64 {
	switch op {
	case ShearX:
		return [6]float64{1, argument, 0, 0, 1, 0}
	case ShearY:
		return [6]float64{1, 0, 0, argument, 1, 0}
	case TranslateX:
		return [6]float64{1, 0, argument * float64(w), 0, 1, 0}
	case TranslateY:
		return [6]float64{1, 0, 0, 0, 1, argument * float64(h)}
	}
	// Pillow rounds to 15 decimals.
	round := func(v float64) float64 { return math.Round(v*1e15) / 1e15 }
	t := -argument * math.Pi / 180
	cos, sin := round(math.Cos(t)), round(math.Sin(t))
	cx, cy := float64(w)/2, float64(h)/2
	return [6]float64{cos, sin, cx - cos*cx - sin*cy, -sin, cos, cy + sin*cx - cos*cy}
}

// warp transforms the image by the matrix a. Pixels from outside the image become Fill.
func (m *Image) warp(a [6]float64, bicubic bool, sc *Scratch) {
	src := &sc.rows
	src.Copy(m)
	w, h := float64(m.W), float64(m.H)
	at := 0
	for y := range m.H {
		for x := range m.W {
			p := m.Pix[at : at+3 : at+3]
			at += 3
			dx, dy := float64(x)+0.5, float64(y)+0.5
			xs, ys := a[0]*dx+a[1]*dy+a[2], a[3]*dx+a[4]*dy+a[5]
			if xs < 0 || xs >= w || ys < 0 || ys >= h {
				p[0], p[1], p[2] = Fill[0], Fill[1], Fill[2]
				continue
			}
			if bicubic {
				src.bicubic(p, xs-0.5, ys-0.5)
			} else {
				src.bilinear(p, xs-0.5, ys-0.5)
			}
		}
	}
}

func (m *Image) bilinear(dst []uint8, xs, ys float64) {
	x, y := int(math.Floor(xs)), int(math.Floor(ys))
	tx, ty := xs-float64(x), ys-float64(y)
	x0, x1 := 3*min(max(x, 0), m.W-1), 3*min(max(x+1, 0), m.W-1)
	up, down := m.Pix[3*m.W*min(max(y, 0), m.H-1):], m.Pix[3*m.W*min(max(y+1, 0), m.H-1):]
	for c := range 3 {
		a := mixed(float64(up[x0+c]), float64(up[x1+c]), tx)
		b := mixed(float64(down[x0+c]), float64(down[x1+c]), tx)
		dst[c] = uint8(mixed(a, b, ty))
	}
}

func mixed(a, b, t float64) float64 { return a + float64((b-a)*t) }

func (m *Image) bicubic(dst []uint8, xs, ys float64) {
	x, y := int(math.Floor(xs)), int(math.Floor(ys))
	tx, ty := xs-float64(x), ys-float64(y)
	for c := range 3 {
		var rows [4]float64
		for j := range 4 {
			row := m.Pix[3*m.W*min(max(y-1+j, 0), m.H-1):]
			var v [4]float64
			for i := range 4 {
				v[i] = float64(row[3*min(max(x-1+i, 0), m.W-1)+c])
			}
			rows[j] = cubic(v, tx)
		}
		dst[c] = uint8(min(max(cubic(rows, ty), 0), 255))
	}
}

// cubic is Pillow's cubic interpolation between v[1] and v[2], with a = -1. The
// conversions round each product, which prevents fused multiply-add.
func cubic(v [4]float64, t float64) float64 {
	p1 := v[1]
	p2 := -v[0] + v[2]
	p3 := float64(2*(v[0]-v[1])) + v[2] - v[3]
	p4 := -v[0] + v[1] - v[2] + v[3]
	return p1 + float64(t*(p2+float64(t*(p3+float64(t*p4)))))
}
