// Package npz reads and writes NumPy's .npz files, zips with one .npy file per array.
package npz

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"contralens/checkpoint"
)

// types maps our names of element types to NumPy's, which has none for bfloat16.
var types = map[string]string{
	"float32": "<f4", "float64": "<f8", "float16": "<f2", "int64": "<i8", "int32": "<i4", "int16": "<i2",
	"int8": "|i1", "uint8": "|u1", "bool": "|b1",
}

// maxRatio bounds the size of the arrays relative to that of the file. Deflate reaches
// 1,032, with zeros only.
const maxRatio = 1100

// Parse reads the content of a file. Arrays are copied. It returns an error if there are
// none, or if one is damaged, in Fortran order or of an unknown type.
func Parse(b []byte) (checkpoint.Dict, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("want an .npz file, a zip of .npy files: %w", err)
	}
	var d checkpoint.Dict
	total := uint64(0)
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		// Files of the zip can share bytes, so their sum is limited.
		if total += f.UncompressedSize64; total > maxRatio*uint64(len(b)) || f.UncompressedSize64 > maxRatio*uint64(len(b)) {
			return nil, fmt.Errorf("%.60q: want arrays of at most %d times the file's size", f.Name, maxRatio)
		}
		t, err := read(f)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", f.Name, err)
		}
		d = append(d, checkpoint.Item{Key: name, Value: t})
	}
	if len(d) == 0 {
		return nil, errors.New("want an .npz file, but there is no .npy in it")
	}
	return d, nil
}

func read(f *zip.File) (*checkpoint.Tensor, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, count, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	want := count * checkpoint.ElementSize(t.Dtype)
	if uint64(want) > f.UncompressedSize64 {
		return nil, fmt.Errorf("want %d bytes of values, got %d", want, f.UncompressedSize64)
	}
	var data bytes.Buffer // grows with the data, whatever the header says
	if _, err := io.Copy(&data, io.LimitReader(r, int64(want)+1)); err != nil {
		return nil, err
	}
	if data.Len() != want {
		return nil, fmt.Errorf("want %d bytes of values, got another number", want)
	}
	t.Data = data.Bytes()
	return t, nil
}

var fields = regexp.MustCompile(
	`^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)

// readHeader reads the header of an .npy file: the type and shape, in a tensor
// without data, and the number of elements.
func readHeader(r io.Reader) (t *checkpoint.Tensor, count int, err error) {
	var start [10]byte
	if _, err := io.ReadFull(r, start[:]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return nil, 0, errors.New("want an .npy file, but it starts with other bytes")
	}
	n := int(binary.LittleEndian.Uint16(start[8:]))
	var more [2]byte
	if start[6] > 1 { // in version 2 the length has four bytes
		if _, err := io.ReadFull(r, more[:]); err != nil {
			return nil, 0, err
		}
		n |= int(binary.LittleEndian.Uint16(more[:])) << 16
	}
	if n > 1<<16 {
		return nil, 0, fmt.Errorf("want an .npy header of at most 64 KB, got %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, 0, fmt.Errorf("the file ends within its header: %w", err)
	}
	m := fields.FindSubmatch(text)
	if m == nil {
		return nil, 0, fmt.Errorf("want an .npy header with descr, fortran_order and shape, got %.80q", text)
	}
	if string(m[2]) != "False" {
		return nil, 0, errors.New("want C order, got Fortran order; numpy.ascontiguousarray converts it")
	}
	t = &checkpoint.Tensor{Shape: []int{}}
	for ours, theirs := range types {
		if theirs == string(m[1]) {
			t.Dtype = ours
		}
	}
	if t.Dtype == "" {
		return nil, 0, fmt.Errorf("the type %.20q is not supported", m[1])
	}
	count = 1
	for _, part := range strings.Split(string(m[3]), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || (n > 0 && count > (1<<40)/n) {
			return nil, 0, fmt.Errorf("a shape of (%.80s)", m[3])
		}
		count *= n
		t.Shape = append(t.Shape, n)
	}
	return t, count, nil
}

// header returns the header of an .npy file, padded to align the values to 64 bytes.
func header(dtype string, shape []int) []byte {
	var text strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&text, "%d,", n)
	}
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", types[dtype], text.String())
	h += strings.Repeat(" ", (64-(10+len(h)+1)%64)%64) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(h)))
	return append(b, h...)
}

// Write writes a dictionary of tensors with string keys, uncompressed. bfloat16, which
// NumPy lacks, is written as float32.
func Write(w io.Writer, tensors checkpoint.Dict) error {
	z := zip.NewWriter(w)
	for _, i := range tensors {
		t := i.Value.(*checkpoint.Tensor)
		if t.Dtype == "bfloat16" {
			t = checkpoint.FromFloat32(t.Float32s(), t.Shape...)
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: i.Key.(string) + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := f.Write(append(header(t.Dtype, t.Shape), t.Data...)); err != nil {
			return err
		}
	}
	return z.Close()
}
