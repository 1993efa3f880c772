// Package codec decodes image files to RGB. It recognizes the format by a file's
// content, not by its name.
package codec

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"strings"
	"sync"

	"contralens/data/codec/jpeg"
	"contralens/internal/humanize"
	"contralens/views"
)

// Extensions lists the file name extensions of images. The format itself is determined
// by the first bytes of a file.
var Extensions = []string{
	".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff",
	".ppm", ".pgm", ".pbm", ".pnm", ".jfif", ".jpe", ".dib",
}

// Formats lists the formats of image files, for messages.
const Formats = "JPEG, PNG, BMP, WebP, GIF, TIFF or Netpbm"

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
// WebP, GIF, TIFF, Netpbm, or "" if Decode does not support it.
func Format(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xFF\xD8")):
		return "JPEG"
	case bytes.HasPrefix(b, []byte(pngSignature)):
		return "PNG"
	case bytes.HasPrefix(b, []byte("BM")):
		return "BMP"
	case len(b) > 11 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "WebP"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "GIF"
	case isTIFF(b):
		return "TIFF"
	case isPNM(b):
		return "Netpbm"
	}
	return ""
}

// Decode decodes an image file to RGB as Pillow's convert("RGB") does: it drops alpha but
// keeps the color under it, keeps the high byte of 16-bit colors, clips 16-bit gray at
// 255, takes the first image of several, and ignores EXIF's rotation. After an error
// dst's pixels are undefined. Decoder has other rules.
func Decode(file []byte, dst *views.Image) error {
	_, err := decode(file, dst, ClipGray16)
	return err
}

// decode also returns what is wrong with a file that could be decoded anyway.
func decode(file []byte, dst *views.Image, gray Gray16) (damage string, err error) {
	kind := Format(file)
	switch {
	case len(file) == 0:
		return "", errors.New("the file is empty")
	case kind == "":
		return "", fmt.Errorf("it begins with %q", file[:min(8, len(file))])
	}
	w, h, err := size(kind, file)
	switch {
	case err != nil:
		return "", err
	case w < 1 || h < 1:
		return "", fmt.Errorf("its size is %d x %d", w, h)
	case kind != "JPEG" && w > maxPixels/h: // package jpeg has its own limit
		return "", fmt.Errorf("%d x %d pixels are more than the %d that are decoded", w, h, maxPixels)
	case w*h >= bigPixels:
		big.Lock()
		defer big.Unlock()
	case cap(dst.Pix) > 3*bigPixels:
		dst.Pix = nil // don't keep the memory of a huge image for the small ones after it
	}
	var m image.Image
	var to8 func(uint16) uint8
	switch kind {
	case "JPEG":
		return jpeg.Decode(file, dst)
	case "BMP":
		return "", decodeBMP(file, dst)
	case "TIFF":
		return "", decodeTIFF(file, dst, gray)
	case "Netpbm":
		return "", decodePNM(file, dst, gray)
	case "PNG":
		m, damage, err = decodePNG(file)
		if gray16 := file[24] == 16 && file[25] == 0; err == nil && gray16 { // of the header
			to8 = gray.table(m)
		}
	case "WebP":
		m, err = decodeWebP(file)
	case "GIF":
		m, err = decodeGIF(file)
	}
	if err != nil {
		return "", err
	}
	return damage, convert(dst, m, to8)
}

// NotAnImage adds to err the name of the image file and the formats that are supported.
func NotAnImage(name string, err error) error {
	return fmt.Errorf("image %s: want a %s file, but %w", humanize.Text(name), Formats, err)
}

// size reads width and height from a file's header.
func size(kind string, file []byte) (w, h int, err error) {
	switch kind {
	case "JPEG":
		return jpeg.Size(file)
	case "PNG":
		return pngSize(file)
	case "BMP":
		return bmpSize(file)
	case "WebP":
		return webpSize(file)
	case "GIF":
		return gifSize(file)
	case "TIFF":
		return tiffSize(file)
	case "Netpbm":
		return pnmSize(file)
	}
	return 0, 0, errors.New("its format is unknown")
}
