package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Tags of TIFF 6.0 that pixels depend on.
const (
	tiffWidth        = 256
	tiffLength       = 257
	tiffBits         = 258
	tiffCompression  = 259
	tiffPhotometric  = 262
	tiffFillOrder    = 266
	tiffStripOffsets = 273
	tiffOrientation  = 274
	tiffSamples      = 277
	tiffRowsPerStrip = 278
	tiffStripCounts  = 279
	tiffPlanar       = 284
	tiffPredictor    = 317
	tiffColorMap     = 320
	tiffTileWidth    = 322
	tiffTileLength   = 323
	tiffTileOffsets  = 324
	tiffTileCounts   = 325
	tiffExtraSamples = 338
	tiffSampleFormat = 339
	tiffJPEGTables   = 347
)

// tiffFile is the first directory of a TIFF or BigTIFF file.
type tiffFile struct {
	file  []byte
	order binary.ByteOrder
	tags  map[uint16]tiffValue
}

// tiffValue is the value of a tag: count numbers of a type.
type tiffValue struct {
	kind  uint16
	count int
	data  []byte
}

// tiffTypeBytes has the size of a number of each type.
var tiffTypeBytes = map[uint16]int{
	1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}

var errTIFFEnds = errors.New("the TIFF file ends early")

// isTIFF reports whether a file begins as TIFF and BigTIFF files do.
func isTIFF(b []byte) bool {
	for _, mark := range []string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"} {
		if bytes.HasPrefix(b, []byte(mark)) {
			return true
		}
	}
	return false
}

// part returns n bytes from an offset.
func (t *tiffFile) part(offset, n uint64) ([]byte, error) {
	if size := uint64(len(t.file)); offset > size || n > size-offset {
		return nil, errTIFFEnds
	}
	return t.file[offset : offset+n], nil
}

func readTIFF(file []byte) (*tiffFile, error) {
	t := &tiffFile{file: file, order: binary.LittleEndian, tags: map[uint16]tiffValue{}}
	if file[0] == 'M' {
		t.order = binary.BigEndian
	}
	head, err := t.part(0, 16)
	if err != nil {
		return nil, err
	}
	// The sizes of fields: of the number of entries, of an entry and of a value in it.
	counter, entry, inline := uint64(2), uint64(12), uint64(4)
	at := uint64(t.order.Uint32(head[4:]))
	if big := t.order.Uint16(head[2:]) == 43; big {
		counter, entry, inline = 8, 20, 8
		at = t.order.Uint64(head[8:])
	}
	b, err := t.part(at, counter)
	if err != nil {
		return nil, err
	}
	n := t.number(b, int(counter))
	if n > 1<<12 {
		return nil, fmt.Errorf("its TIFF directory has %d entries", n)
	}
	for i := range n {
		e, err := t.part(at+counter+i*entry, entry)
		if err != nil {
			return nil, err
		}
		v := tiffValue{kind: t.order.Uint16(e[2:])}
		count := t.number(e[4:], int(inline))
		size := uint64(tiffTypeBytes[v.kind])
		if size == 0 || count > uint64(len(file))/size {
			continue // a type or a size that no tag needed here has
		}
		v.count, v.data = int(count), e[4+inline:]
		if size*count > inline {
			if v.data, err = t.part(t.number(v.data, int(inline)), size*count); err != nil {
				continue // only an error if the tag is needed
			}
		}
		t.tags[t.order.Uint16(e)] = v
	}
	return t, nil
}

// number reads an unsigned number of 1, 2, 4 or 8 bytes.
func (t *tiffFile) number(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(t.order.Uint16(b))
	case 4:
		return uint64(t.order.Uint32(b))
	}
	return t.order.Uint64(b)
}

// numbers returns the unsigned numbers of a tag.
func (t *tiffFile) numbers(tag uint16) []uint64 {
	v := t.tags[tag]
	switch v.kind {
	case 1, 3, 4, 7, 13, 16:
		size := tiffTypeBytes[v.kind]
		all := make([]uint64, v.count)
		for i := range all {
			all[i] = t.number(v.data[i*size:], size)
		}
		return all
	}
	return nil
}

// first returns the first number of a tag, or otherwise if the tag is missing.
func (t *tiffFile) first(tag uint16, otherwise int) int {
	if all := t.numbers(tag); len(all) > 0 && all[0] <= math.MaxInt32 {
		return int(all[0])
	}
	return otherwise
}

// tiffSize returns the size of the first image, turned as decodeTIFF does.
func tiffSize(file []byte) (w, h int, err error) {
	t, err := readTIFF(file)
	if err != nil {
		return 0, 0, err
	}
	w, h = t.first(tiffWidth, 0), t.first(tiffLength, 0)
	if t.first(tiffOrientation, 1) > 4 {
		w, h = h, w
	}
	return w, h, nil
}
