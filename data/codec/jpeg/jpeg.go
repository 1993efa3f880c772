// Package jpeg decodes JPEG files, or regions of them, through libjpeg-turbo, with the
// accurate DCT that Pillow uses.
package jpeg

/*
#cgo CFLAGS: -O2
#cgo LDFLAGS: -ljpeg
#include "turbo.h"
#include <stdio.h>
#include <jpeglib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"contralens/views"
)

// parts recycles the structs for C's results, to save one allocation per call.
var parts = sync.Pool{New: func() any { return new(C.turbo_part) }}

// maxPixels is the limit of an image's size; its pixels take more than a gigabyte.
const maxPixels = 400 << 20

// Part says which part of an image was decoded.
type Part struct {
	X, Y   int    // its corner in the whole image at the decoded scale
	Damage string // the library's first warning, if it had to guess
}

// Decode decodes a file's bytes into dst as RGB. A truncated file is an error; damage
// that the library can recover from is not, but is returned as a sentence.
func Decode(file []byte, dst *views.Image) (damage string, err error) {
	part, err := decode(file, views.Box{}, 8, dst)
	return part.Damage, err
}

// DecodePart decodes the region box, which must not be empty, at the scale eighths/8,
// with eighths from 1 to 8. At full scale its pixels equal Decode's. The decoded region
// is larger than box. Data beyond the box is neither read nor checked.
func DecodePart(file []byte, box views.Box, eighths int, dst *views.Image) (Part, error) {
	return decode(file, box, eighths, dst)
}

func decode(file []byte, box views.Box, eighths int, dst *views.Image) (p Part, err error) {
	if len(file) == 0 {
		return p, errors.New("the file is empty")
	}
	w, h, err := Size(file)
	if err != nil {
		return p, err
	}
	if w*h > maxPixels {
		return p, fmt.Errorf("%d x %d pixels are more than the %d that are decoded", w, h, maxPixels)
	}
	part := parts.Get().(*C.turbo_part)
	defer parts.Put(part)
	dst.Pix = dst.Pix[:cap(dst.Pix)]
	for {
		var into *uint8
		if len(dst.Pix) > 0 {
			into = &dst.Pix[0]
		}
		code := C.turbo_decode((*C.uint8_t)(unsafe.Pointer(&file[0])), C.size_t(len(file)),
			C.int(box.X), C.int(box.Y), C.int(box.W), C.int(box.H), C.int(eighths),
			(*C.uint8_t)(unsafe.Pointer(into)), C.size_t(len(dst.Pix)), part)
		switch code {
		case C.TURBO_ERROR:
			return p, errors.New(C.GoString(&part.message[0]))
		case C.TURBO_ROOM:
			dst.Pix = make([]uint8, part.size)
			continue
		}
		break
	}
	if part.cmyk != 0 {
		// Adobe's files, and so nearly all CMYK files, store inverted inks. The
		// rounding is that of Pillow's convert("RGB").
		n := int(part.width * part.height)
		for i, j := 0, 0; j < 3*n; i, j = i+4, j+3 {
			k := int(dst.Pix[i+3])
			for c := range 3 {
				ink := (255-int(dst.Pix[i+c]))*k + 128
				dst.Pix[j+c] = uint8(max(0, k-(ink>>8+ink)>>8))
			}
		}
	}
	dst.Resize(int(part.width), int(part.height))
	p.X, p.Y = int(part.x), int(part.y)
	if part.warned != 0 {
		p.Damage = C.GoString(&part.message[0])
	}
	return p, nil
}

// Version returns the version of the library in use.
func Version() string {
	v := C.LIBJPEG_TURBO_VERSION_NUMBER
	return fmt.Sprintf("libjpeg-turbo %d.%d.%d", v/1000000, v/1000%1000, v%1000)
}
