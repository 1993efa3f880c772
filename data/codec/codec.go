// Package codec decodes image files to RGB. It recognizes the format by a file's
// content, not by its name.
package codec

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"contralens/data/codec/jpeg"
	"contralens/views"
)

// Extensions lists the file name extensions of images. The format itself is determined
// by the first bytes of a file.
var Extensions = []string{".jpg", ".jpeg", ".png", ".bmp", ".webp"}

// IsImage reports whether a file with that name counts as an image: it is not hidden,
// and has one of the Extensions.
func IsImage(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	for _, e := range Extensions {
		if ext == e {
			return !strings.HasPrefix(filepath.Base(name), ".")
		}
	}
	return false
}

const (
	// maxPixels is Pillow's limit for decompression bombs, 178,956,970 pixels.
	maxPixels = 2 * (1 << 30) / 4 / 3
	// Images of bigPixels or more are decoded one at a time, whatever the number of
	// workers, because decoders need 4 or 8 bytes per pixel in addition to the result.
	bigPixels = 16 << 20
)

var big sync.Mutex

// Format returns the format of an image file from its first bytes: JPEG, PNG, BMP,
// WebP, or "" if Decode does not support it.
func Format(b []byte) string {
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

// Decode decodes a JPEG, PNG, BMP or WebP file to RGB as Pillow's convert("RGB") does:
// it drops alpha but keeps the color under it, keeps the high byte of 16-bit colors,
// clips 16-bit gray at 255, and ignores EXIF's rotation. After an error dst's pixels
// are undefined.
func Decode(file []byte, dst *views.Image) error {
	kind := Format(file)
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
	case kind != "JPEG" && w > maxPixels/h: // package jpeg has its own limit
		return fmt.Errorf("%d x %d pixels are more than the %d that are decoded", w, h, maxPixels)
	case w*h >= bigPixels:
		big.Lock()
		defer big.Unlock()
	case cap(dst.Pix) > 3*bigPixels:
		dst.Pix = nil // don't keep the memory of a huge image for the small ones after it
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
	gray16 := kind == "PNG" && file[24] == 16 && file[25] == 0 // bit depth and color type in the header
	return convert(dst, m, gray16)
}

// NotAnImage adds to err the name of the image file and the formats that are supported.
func NotAnImage(name string, err error) error {
	return fmt.Errorf("image %s: want a JPEG, PNG, BMP or WebP file, but %w", name, err)
}

// size reads width and height from a file's header.
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
