// Package jpeg decodes JPEG files through libjpeg-turbo, with the accurate DCT
// that Pillow uses.
package jpeg

/*
#cgo LDFLAGS: -lturbojpeg
#include <stdlib.h>
#include <turbojpeg.h>
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"contralens/views"
)

// idle holds decompressors, which are not safe for concurrent use, between
// images: making one takes longer than decoding a small image.
var idle = make(chan C.tjhandle, 64)

func acquire() C.tjhandle {
	select {
	case h := <-idle:
		return h
	default:
		return C.tjInitDecompress()
	}
}

func release(h C.tjhandle) {
	select {
	case idle <- h:
	default:
		C.tjDestroy(h)
	}
}

// maxPixels refuses images whose pixels alone would take a gigabyte or more.
const maxPixels = 400 << 20

// Decode decodes a file's bytes into dst as RGB.
func Decode(file []byte, dst *views.Image) (err error) {
	if len(file) == 0 {
		return errors.New("the file is empty")
	}
	h := acquire()
	defer func() {
		if err != nil {
			C.tjDestroy(h) // a broken header leaves it in the middle of that file
			return
		}
		release(h)
	}()
	src, size := (*C.uchar)(unsafe.Pointer(&file[0])), C.ulong(len(file))
	var w, height, sub, space C.int
	if C.tjDecompressHeader3(h, src, size, &w, &height, &sub, &space) != 0 {
		return errors.New(C.GoString(C.tjGetErrorStr2(h)))
	}
	if w < 1 || height < 1 {
		return errors.New("the header is cut short")
	}
	if int(w)*int(height) > maxPixels {
		return fmt.Errorf("%d x %d pixels are more than can be decoded", int(w), int(height))
	}
	dst.Resize(int(w), int(height))
	if space == C.TJCS_CMYK || space == C.TJCS_YCCK {
		cmyk := make([]uint8, 4*int(w)*int(height))
		if err := decompress(h, src, size, cmyk, w, height, C.TJPF_CMYK); err != nil {
			return err
		}
		// Adobe's files, and so nearly all, store the inks inverted. The roundings
		// are those of Pillow's convert("RGB").
		for i, j := 0, 0; i < len(cmyk); i, j = i+4, j+3 {
			k := int(cmyk[i+3])
			for c := range 3 {
				ink := (255-int(cmyk[i+c]))*k + 128
				dst.Pix[j+c] = uint8(max(0, k-(ink>>8+ink)>>8))
			}
		}
		return nil
	}
	return decompress(h, src, size, dst.Pix, w, height, C.TJPF_RGB)
}

func decompress(h C.tjhandle, src *C.uchar, size C.ulong, dst []uint8, w, height, format C.int) error {
	ok := C.tjDecompress2(h, src, size, (*C.uchar)(unsafe.Pointer(&dst[0])), w, 0, height, format, C.TJFLAG_ACCURATEDCT)
	if ok == 0 {
		return nil
	}
	message := C.GoString(C.tjGetErrorStr2(h))
	// Small damage is worth a warning only, but a file that ends early would
	// train on gray.
	cut := strings.Contains(message, "Premature end") || !bytes.Contains(unsafe.Slice((*byte)(src), int(size)), []byte{0xFF, 0xD9})
	if C.tjGetErrorCode(h) == C.TJERR_WARNING && !cut {
		return nil
	}
	return errors.New(message)
}

// Version names the library in use.
func Version() string {
	if d := C.tjInitDecompress(); d == nil {
		return "libjpeg-turbo does not start"
	} else {
		C.tjDestroy(d)
	}
	return "libjpeg-turbo (TurboJPEG)"
}
