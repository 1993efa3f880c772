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
	// maxPixels is where Pillow refuses an image as a decompression bomb:
	// 178,956,970 pixels.
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
// convert("RGB") does: alpha is dropped and the color below it kept, 16-bit
// colors keep their high byte, 16-bit gray is clipped at 255, EXIF's rotation
// is ignored. dst's pixels are undefined after an error.
func Decode(file []byte, dst *views.Image) error {
	kind := format(file)
	switch {
	case len(file) == 0:
		return errors.New("the file is empty")
	case kind == "":
		return fmt.Errorf("it begins with %q", file[:min(8, len(file))])
	}
	w, h, err := size(kind, file)
	switch {
	case err != nil:
		return err
	case w < 1 || h < 1:
		return fmt.Errorf("its size is %d x %d", w, h)
	case kind != "JPEG" && w > maxPixels/h: // data/jpeg has its own limit
		return fmt.Errorf("%d x %d pixels are more than the %d that are decoded", w, h, maxPixels)
	case w*h >= bigPixels:
		big.Lock()
		defer big.Unlock()
	case cap(dst.Pix) > 3*bigPixels:
		dst.Pix = nil // one giant must not keep its memory for the small ones after it
	}
	var m image.Image
	switch kind {
	case "JPEG":
		return jpeg.Decode(file, dst)
	case "PNG":
		m, err = png.Decode(bytes.NewReader(file))
	case "BMP":
		m, err = bmp.Decode(bytes.NewReader(file))
	case "WebP":
		m, err = webp.Decode(bytes.NewReader(file))
	}
	if err != nil {
		return err
	}
	gray16 := kind == "PNG" && file[24] == 16 && file[25] == 0 // depth and color type in the header
	return convert(dst, m, gray16)
}

// size reads a file's header: width and height.
func size(kind string, file []byte) (w, h int, err error) {
	var c image.Config
	switch kind {
	case "JPEG":
		return jpeg.Size(file)
	case "PNG":
		c, err = png.DecodeConfig(bytes.NewReader(file))
	case "BMP":
		c, err = bmp.DecodeConfig(bytes.NewReader(file))
	case "WebP":
		c, err = webp.DecodeConfig(bytes.NewReader(file))
	}
	return c.Width, c.Height, err
}

// convert copies the colors of m; clip16 takes 16-bit values as Pillow takes
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
