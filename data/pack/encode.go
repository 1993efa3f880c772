package pack

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"math"

	"contralens/data"
	"contralens/data/codec"
	"contralens/views"
)

// packer has the buffers of one worker.
type packer struct {
	image, small views.Image
	sc           views.Scratch
	rgba         image.RGBA
}

// pack makes the packed file of an image.
func (p *packer) pack(
	ctx context.Context, d data.Dataset, i int, o Options,
) (file []byte, ext string, kept bool, err error) {
	if file, err = data.Decode(ctx, d, i, nil, &p.image); err != nil {
		return nil, "", false, err
	}
	m := &p.image
	short := min(m.W, m.H)
	switch kind := codec.Format(file); {
	case o.Short > 0 && short > o.Short:
		w, h := scaled(m.W, short, o.Short), scaled(m.H, short, o.Short)
		views.ResizedCrop(&p.small, m, views.Box{W: m.W, H: m.H}, w, h, &p.sc)
		m = &p.small
	case kind == "JPEG":
		return file, "jpg", true, nil
	case kind == "PNG":
		return file, "png", true, nil
	}
	var b bytes.Buffer
	if file == nil && m == &p.image {
		err = png.Encode(&b, p.opaque(m))
		return b.Bytes(), "png", false, err
	}
	err = jpeg.Encode(&b, p.opaque(m), &jpeg.Options{Quality: o.Quality})
	return b.Bytes(), "jpg", false, err
}

// scaled returns a side of an image after its shorter side is resized from short to
// want.
func scaled(side, short, want int) int {
	return max(1, int(math.RoundToEven(float64(side)*float64(want)/float64(short))))
}

// opaque returns the image as *image.RGBA, which Go's encoders are fast at.
func (p *packer) opaque(m *views.Image) *image.RGBA {
	n := 4 * m.W * m.H
	if cap(p.rgba.Pix) < n {
		p.rgba.Pix = make([]uint8, n)
	}
	p.rgba.Pix, p.rgba.Stride, p.rgba.Rect = p.rgba.Pix[:n], 4*m.W, image.Rect(0, 0, m.W, m.H)
	for i, j := 0, 0; j < n; i, j = i+3, j+4 {
		copy(p.rgba.Pix[j:j+3], m.Pix[i:i+3])
		p.rgba.Pix[j+3] = 255
	}
	return &p.rgba
}
