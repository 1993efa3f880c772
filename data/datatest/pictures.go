package datatest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
)

// PNG returns a PNG file of w x h opaque pixels with the colors that at gives them. It
// panics if that fails, so that examples can use it too.
func PNG(w, h int, at func(x, y int) color.RGBA) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, at(x, y))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Pictures writes n images of side x side, 00.png, 01.png and so on, to a folder, which it
// makes if necessary. Pixel x, y of image i has the color at(i, x, y). It panics if that
// fails.
func Pictures(dir string, n, side int, at func(i, x, y int) color.RGBA) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	for i := range n {
		b := PNG(side, side, func(x, y int) color.RGBA { return at(i, x, y) })
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.png", i)), b, 0o644); err != nil {
			panic(err)
		}
	}
}

// Noise is the color of a pixel of Pictures: noise that differs from image to image.
func Noise(i, x, y int) color.RGBA {
	p := 16*y + x
	v := uint8((p*p*31 + 97*i*p + 13*i) % 251)
	return color.RGBA{v, v / 2, 255 - v, 255}
}
