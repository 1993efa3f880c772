// Package npy reads and writes NumPy's .npy arrays of floating-point numbers. It
// stands in for npyio where files come from strangers: that library panics on
// malformed headers and allocates what they claim.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

const magic = "\x93NUMPY"

// maxHeader bounds the header's text; numpy itself stays below 64 KiB.
const maxHeader = 1 << 16

// Header says what an array is.
type Header struct {
	Shape []int
	Item  int   // bytes per element: 4 or 8, little-endian floats
	Data  int64 // where the elements begin in the file
}

// Len is the number of elements.
func (h Header) Len() int {
	n := 1
	for _, s := range h.Shape {
		n *= s
	}
	return n
}

var dictionary = regexp.MustCompile(
	`^\{'descr': '([^']{1,16})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), ?\} *\n?$`)

// ReadHeader reads the header of an array in a file of size bytes, and checks
// that the file holds all elements.
func ReadHeader(r io.Reader, size int64) (Header, error) {
	var h Header
	start := make([]byte, 12)
	if _, err := io.ReadFull(r, start[:10]); err != nil || string(start[:6]) != magic {
		return h, errors.New("want a .npy file, got something else")
	}
	length, at := int(binary.LittleEndian.Uint16(start[8:])), 10
	switch start[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, start[10:]); err != nil {
			return h, errors.New("the .npy header is cut off")
		}
		length, at = int(binary.LittleEndian.Uint32(start[8:])), 12
	default:
		return h, fmt.Errorf("want .npy version 1 to 3, got %d", start[6])
	}
	if length > maxHeader || int64(at+length) > size {
		return h, fmt.Errorf("the .npy header claims %d bytes, the file has %d", length, size)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, errors.New("the .npy header is cut off")
	}
	m := dictionary.FindSubmatch(text)
	if m == nil {
		return h, fmt.Errorf("the .npy header %.80q is not understood", text)
	}
	switch string(m[1]) {
	case "<f4":
		h.Item = 4
	case "<f8":
		h.Item = 8
	default:
		return h, fmt.Errorf("want an array of float32 or float64, got %s", m[1])
	}
	elements := int64(1)
	for _, part := range strings.Split(string(m[3]), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.ParseInt(part, 10, 40)
		if err != nil || n > 0 && elements > math.MaxInt64/16/n {
			return h, fmt.Errorf("the shape (%s) is too large", m[3])
		}
		elements *= n
		h.Shape = append(h.Shape, int(n))
	}
	if string(m[2]) == "True" && len(h.Shape) > 1 {
		return h, errors.New("want an array in C order, got one in Fortran order")
	}
	h.Data = int64(at + length)
	if want := h.Data + elements*int64(h.Item); want > size {
		return h, fmt.Errorf("shape (%s) needs a file of %d bytes, but it has %d: it is cut off", m[3], want, size)
	}
	return h, nil
}

// Read reads an array; its elements come as float32.
func Read(path string) ([]float32, Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Header{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Header{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, Header{}, fmt.Errorf("%s: want a file", path)
	}
	h, err := ReadHeader(f, info.Size())
	if err != nil {
		return nil, h, fmt.Errorf("%s: %w", path, err)
	}
	b := make([]byte, h.Len()*h.Item)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, h, fmt.Errorf("%s: %w", path, err)
	}
	values := make([]float32, h.Len())
	for i := range values {
		if h.Item == 8 {
			values[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])))
		} else {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	return values, h, nil
}

// HeaderSize is the fixed size of the headers that Encode makes, so that the
// shape of a growing file can be put right.
const HeaderSize = 128

// Encode is the 128-byte header of a float32 array in C order.
func Encode(shape ...int) []byte {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
	if len(shape) == 1 {
		text += ","
	}
	head := append([]byte(magic+"\x01\x00"), HeaderSize-10, 0)
	head = fmt.Appendf(head, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", text)
	head = append(head, strings.Repeat(" ", HeaderSize-1-len(head))...)
	return append(head, '\n')
}

// Append appends values as an array's elements.
func Append(b []byte, values []float32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// Write puts a float32 array of that shape at path, whole.
func Write(path string, values []float32, shape ...int) error {
	if err := os.WriteFile(path+".new", Append(Encode(shape...), values), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
