package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"contralens/data/jpeg"
	"contralens/views"
)

// extensions are the names of files that are taken for images; what they hold
// is told by their first bytes.
var extensions = []string{".jpg", ".jpeg", ".png", ".bmp", ".webp"}

func isImage(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	for _, e := range extensions {
		if ext == e {
			return !strings.HasPrefix(filepath.Base(name), ".")
		}
	}
	return false
}

const (
	// maxPixels is where Pillow refuses an image as a decompression bomb.
	maxPixels = 2 * (1 << 30) / 4 / 3
	// bigPixels and more are decoded one image at a time, whatever the number of
	// workers: the decoders hold 4 or 8 bytes a pixel beside the result.
	bigPixels = 16 << 20
)

var big sync.Mutex

// format names an image file's format by its first bytes, "" if it is none that
// Decode reads.
func format(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xFF\xD8")):
		return "JPEG"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "PNG"
	case bytes.HasPrefix(b, []byte("BM")):
		return "BMP"
	case len(b) > 11 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "WebP"
	}
	return ""
}

// Decode decodes a JPEG, PNG, BMP or WebP file to RGB as Pillow's
// convert("RGB") does: alpha is dropped and the colour below it kept, 16-bit
// colours keep their high byte, 16-bit gray is clipped at 255, EXIF's rotation
// is ignored. dst's pixels are undefined after an error.
func Decode(file []byte, dst *views.Image) error {
	kind := format(file)
	switch {
	case len(file) == 0:
		return errors.New("the file is empty")
	case kind == "":
		return fmt.Errorf("it begins with %q", file[:min(8, len(file))])
	case kind == "JPEG":
		return jpeg.Decode(file, dst)
	}
	size, err := dimensions(kind, file)
	if err != nil {
		return err
	}
	n := size.X * size.Y
	switch {
	case size.X < 1 || size.Y < 1:
		return fmt.Errorf("its size is %d x %d", size.X, size.Y)
	case size.X > maxPixels/size.Y:
		return fmt.Errorf("%d x %d pixels are more than the %d that are decoded", size.X, size.Y, maxPixels)
	case n >= bigPixels:
		big.Lock()
		defer big.Unlock()
	}
	// One giant must not keep its memory for the thumbnails after it.
	if cap(dst.Pix) > 3*bigPixels && n < bigPixels {
		dst.Pix = nil
	}
	switch kind {
	case "PNG":
		m, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			return err
		}
		return convert(dst, m, file[24] == 16 && (file[25] == 0))
	case "BMP":
		m, err := bmp.Decode(bytes.NewReader(file))
		if err != nil {
			return err
		}
		return convert(dst, m, false)
	default:
		m, err := webp.Decode(bytes.NewReader(file))
		if err != nil {
			return err
		}
		return convert(dst, m, false)
	}
}

// dimensions reads a file's header: width and height.
func dimensions(kind string, file []byte) (image.Point, error) {
	decode := map[string]func(*bytes.Reader) (image.Config, error){
		"PNG":  func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) },
		"BMP":  func(r *bytes.Reader) (image.Config, error) { return bmp.DecodeConfig(r) },
		"WebP": func(r *bytes.Reader) (image.Config, error) { return webp.DecodeConfig(r) },
	}[kind]
	c, err := decode(bytes.NewReader(file))
	return image.Pt(c.Width, c.Height), err
}

// convert copies the colours of m; clip16 takes 16-bit values as Pillow takes
// 16-bit gray.
func convert(dst *views.Image, m image.Image, clip16 bool) error {
	r := m.Bounds()
	w, h := r.Dx(), r.Dy()
	dst.Resize(w, h)
	// rows calls pixel for every pixel with its place in m's and dst's values.
	rows := func(pix []uint8, stride, step int, pixel func(to, from []uint8)) {
		for y := range h {
			from, to := pix[y*stride:], dst.Pix[3*y*w:3*(y+1)*w]
			for x := range w {
				pixel(to[3*x:3*x+3], from[x*step:(x+1)*step])
			}
		}
	}
	clipped := func(high, low uint8) uint8 {
		if high > 0 {
			return 255
		}
		return low
	}
	deep := func(to, from []uint8) { to[0], to[1], to[2] = from[0], from[2], from[4] }
	if clip16 {
		deep = func(to, from []uint8) {
			v := clipped(from[0], from[1])
			to[0], to[1], to[2] = v, v, v
		}
	}
	first3 := func(to, from []uint8) { copy(to, from[:3]) }
	switch m := m.(type) {
	case *image.Gray:
		rows(m.Pix, m.Stride, 1, func(to, from []uint8) { to[0], to[1], to[2] = from[0], from[0], from[0] })
	case *image.Gray16:
		rows(m.Pix, m.Stride, 2, func(to, from []uint8) {
			v := clipped(from[0], from[1])
			to[0], to[1], to[2] = v, v, v
		})
	case *image.RGBA: // of opaque images only
		rows(m.Pix, m.Stride, 4, first3)
	case *image.NRGBA:
		rows(m.Pix, m.Stride, 4, first3)
	case *image.RGBA64: // of opaque images only
		rows(m.Pix, m.Stride, 8, deep)
	case *image.NRGBA64:
		rows(m.Pix, m.Stride, 8, deep)
	case *image.Paletted:
		var table [256][3]uint8
		for i, c := range m.Palette[:min(256, len(m.Palette))] {
			switch c := c.(type) {
			case color.NRGBA:
				table[i] = [3]uint8{c.R, c.G, c.B}
			case color.RGBA:
				table[i] = [3]uint8{c.R, c.G, c.B}
			}
		}
		rows(m.Pix, m.Stride, 1, func(to, from []uint8) { copy(to, table[from[0]][:]) })
	case *image.YCbCr:
		convertWebP(dst, m)
	case *image.NYCbCrA:
		convertWebP(dst, &m.YCbCr)
	default:
		return fmt.Errorf("its pixels are %T", m)
	}
	return nil
}
