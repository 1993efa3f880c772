package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"

	"golang.org/x/image/webp"
)

// webpFrame is the first image of an animated WebP file.
type webpFrame struct {
	canvas, area image.Rectangle
	file         []byte // a WebP file of this image alone
}

// readAnimation returns the first image of an animated WebP file, or nil if the file is
// not animated.
func readAnimation(file []byte) (*webpFrame, error) {
	u24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	if len(file) < 30 || string(file[12:16]) != "VP8X" || file[20]&2 == 0 {
		return nil, nil
	}
	f := &webpFrame{canvas: image.Rect(0, 0, u24(file[24:])+1, u24(file[27:])+1)}
	for at := 12; at+8 <= len(file); {
		tag, size := string(file[at:at+4]), int(binary.LittleEndian.Uint32(file[at+4:]))
		data := file[at+8:]
		if size > len(data) {
			break
		}
		if tag != "ANMF" {
			at += 8 + size + size%2
			continue
		}
		if size < 16 {
			break
		}
		w, h := u24(data[6:])+1, u24(data[9:])+1
		f.area = image.Rect(0, 0, w, h).Add(image.Pt(2*u24(data), 2*u24(data[3:])))
		f.file = stillWebP(data[16:size], w, h)
		return f, nil
	}
	return nil, errors.New("the animated WebP file ends before its first image")
}

// stillWebP wraps the chunks of an image of w x h as a file.
func stillWebP(chunks []byte, w, h int) []byte {
	alpha := byte(0)
	if bytes.HasPrefix(chunks, []byte("ALPH")) {
		alpha = 0x10
	}
	body := append([]byte("WEBPVP8X\x0A\x00\x00\x00"), alpha, 0, 0, 0,
		byte(w-1), byte((w-1)>>8), byte((w-1)>>16), byte(h-1), byte((h-1)>>8), byte((h-1)>>16))
	body = append(body, chunks...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func webpSize(file []byte) (w, h int, err error) {
	f, err := readAnimation(file)
	if err != nil {
		return 0, 0, err
	}
	if f != nil {
		return f.canvas.Dx(), f.canvas.Dy(), nil
	}
	c, err := webp.DecodeConfig(bytes.NewReader(file))
	return c.Width, c.Height, err
}

// decodeWebP decodes a WebP file, and of an animated one the first image.
func decodeWebP(file []byte) (image.Image, error) {
	f, err := readAnimation(file)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return webp.Decode(bytes.NewReader(file))
	}
	m, err := webp.Decode(bytes.NewReader(f.file))
	switch {
	case err != nil:
		return nil, err
	case f.area == f.canvas:
		return m, nil
	case !f.area.In(f.canvas):
		return nil, errors.New("its first image is larger than the WebP file says")
	}
	// The area around the image is transparent black.
	all := image.NewNRGBA(f.canvas)
	for y := range f.area.Dy() {
		for x := range f.area.Dx() {
			c := color.NRGBAModel.Convert(m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y))
			all.Set(f.area.Min.X+x, f.area.Min.Y+y, c)
		}
	}
	return all, nil
}
