package codec

import (
	"image"

	"contralens/views"
)

// convertWebP converts a lossy WebP image to RGB as libwebp does, bit for bit. Its
// luminance spans 16 to 235 (Go's own conversion assumes JPEG's 0 to 255), and
// chrominance is interpolated between its rows and columns. libwebp calls this fancy
// upsampling (dec/io_dec.c and dsp/upsampling.c).
func convertWebP(dst *views.Image, m *image.YCbCr) {
	w, h := dst.W, dst.H
	cw, ch := (w+1)/2, (h+1)/2
	us, vs := make([]int, w), make([]int, w)
	for y := range h {
		near := y / 2
		far := near - 1
		if y%2 == 1 {
			far = near + 1
		}
		if far < 0 || far >= ch {
			far = near
		}
		upsample(us, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		upsample(vs, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		to := dst.Pix[3*y*w:]
		for x, luma := range m.Y[y*m.YStride:][:w] {
			l, u, v := int(luma)*19077>>8, us[x], vs[x]
			to[3*x] = clip6(l + v*26149>>8 - 14234)
			to[3*x+1] = clip6(l - u*6419>>8 - v*13320>>8 + 8708)
			to[3*x+2] = clip6(l + u*33050>>8 - 17685)
		}
	}
}

// upsample interpolates one line of chrominance from the two nearest lines of half
// resolution, with weights 9 : 3 : 3 : 1 and libwebp's rounding.
func upsample(dst []int, near, far []uint8) {
	w := len(dst)
	edge := func(i int) int { return (3*int(near[i]) + int(far[i]) + 2) >> 2 }
	dst[0] = edge(0)
	for x := 1; x <= (w-1)/2; x++ {
		n0, n1, f0, f1 := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := n0 + n1 + f0 + f1 + 8
		dst[2*x-1] = ((sum+2*(n1+f0))>>3 + n0) >> 1
		dst[2*x] = ((sum+2*(n0+f1))>>3 + n1) >> 1
	}
	if w%2 == 0 {
		dst[w-1] = edge(w/2 - 1)
	}
}

// clip6 rounds a number with 6 fractional bits down and clips it to a byte.
func clip6(v int) uint8 { return uint8(max(0, min(255, v>>6))) }
