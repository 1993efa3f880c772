// Package checkpoint reads and writes PyTorch's .pth files without PyTorch.
//
// A file is a tree of values: nil, bool, int, float64, string, []any, [Dict],
// [OrderedDict] and [*Tensor]. [Read] and [Write] convert between files and trees; Write
// also accepts a [*Source]. [Encode] and [Dict.Decode] convert between trees and structs.
// Package weights finds the encoder in files of any origin.
package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"contralens/internal/durable"
)

// Tensor is an array in memory, in C order and little endian.
type Tensor struct {
	Dtype string // float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool
	Shape []int
	Data  []byte
}

// Source is a tensor whose data is produced when it is written, so that a network and
// its optimizer are not in memory twice. Read returns it as a *Tensor.
type Source struct {
	Dtype string
	Shape []int
	Fill  func(data []byte) // writes the tensor's bytes to data, which has their length
}

// Item is one entry of a dictionary; keys are strings or ints.
type Item struct{ Key, Value any }

// Dict is a Python dict in the order of insertion.
type Dict []Item

// OrderedDict is a collections.OrderedDict, the type of PyTorch's state dicts.
type OrderedDict []Item

// Get returns the value of a key, or nil if there is none.
func (d Dict) Get(key any) any { return find(d, key) }

// Get returns the value of a key, or nil if there is none.
func (d OrderedDict) Get(key any) any { return find(d, key) }

func find(items []Item, key any) any {
	for _, i := range items {
		if i.Key == key {
			return i.Value
		}
	}
	return nil
}

// storages are the names of PyTorch's storage classes and the bytes per element.
var storages = map[string]struct {
	class string
	size  int
}{
	"float32": {"FloatStorage", 4}, "float64": {"DoubleStorage", 8}, "float16": {"HalfStorage", 2},
	"bfloat16": {"BFloat16Storage", 2}, "int64": {"LongStorage", 8}, "int32": {"IntStorage", 4},
	"int16": {"ShortStorage", 2}, "int8": {"CharStorage", 1}, "uint8": {"ByteStorage", 1}, "bool": {"BoolStorage", 1},
}

// Write writes a file that torch.load can read. It writes to another name, syncs and
// renames, so path always has either the old or the new content. The file ends with a
// checksum, which Read verifies. It returns an error if the file can't be written or root
// has values of other types.
func Write(path string, root Dict) error {
	err := durable.Write(path, func(w io.Writer) error {
		s := newSealer(w)
		if err := writeZip(s, root); err != nil {
			return err
		}
		return s.Seal()
	})
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return nil
}

// writeZip writes the container: the pickle, a file with the data of each tensor, aligned
// to 64 bytes, and the version of the format.
func writeZip(w io.Writer, root Dict) error {
	p := &pickler{}
	p.raw("\x80\x02")
	if err := p.value(root); err != nil {
		return err
	}
	p.raw(".")
	counted := &counter{w: w}
	z := zip.NewWriter(counted)
	add := func(name string, data []byte) error {
		if err := z.Flush(); err != nil {
			return err
		}
		header := &zip.FileHeader{Name: "archive/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))}
		// An extra field aligns the data, as in PyTorch's writer.
		start := counted.n + 30 + int64(len(header.Name)) + 4
		pad := (64 - start%64) % 64
		header.Extra = binary.LittleEndian.AppendUint16([]byte("FB"), uint16(pad))
		header.Extra = append(header.Extra, bytes.Repeat([]byte("Z"), int(pad))...)
		e, err := z.CreateRaw(header)
		if err != nil {
			return err
		}
		_, err = e.Write(data)
		return err
	}
	if err := add("data.pkl", p.b.Bytes()); err != nil {
		return err
	}
	var buffer []byte
	for i, t := range p.tensors {
		data := buffer[:0]
		switch t := t.(type) {
		case *Tensor:
			data = t.Data
		case *Source:
			buffer = slices.Grow(data, size(t.Dtype, t.Shape))
			data = buffer[:size(t.Dtype, t.Shape)]
			t.Fill(data)
		}
		if err := add(fmt.Sprint("data/", i), data); err != nil {
			return err
		}
	}
	if err := add("version", []byte("3\n")); err != nil {
		return err
	}
	if err := z.SetComment(placeholder()); err != nil {
		return err
	}
	return z.Close()
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// pickler writes a pickle of protocol 2.
type pickler struct {
	b       bytes.Buffer
	tensors []any // *Tensor or *Source
	arrays  bool  // write tensors as NumPy arrays, within the pickle
}

func (p *pickler) raw(s string) { p.b.WriteString(s) }

func (p *pickler) text(s string) {
	p.raw("X")
	p.b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.raw(s)
}

func (p *pickler) int(n int) {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		p.raw("J")
		p.b.Write(binary.LittleEndian.AppendUint32(nil, uint32(int32(n))))
		return
	}
	p.raw("\x8a\x08")
	p.b.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (p *pickler) ints(list []int) {
	p.raw("(")
	for _, n := range list {
		p.int(n)
	}
	p.raw("t")
}

func (p *pickler) items(items []Item) error {
	p.raw("(")
	for _, i := range items {
		if err := p.value(i.Key); err != nil {
			return err
		}
		if err := p.value(i.Value); err != nil {
			return fmt.Errorf("%v: %w", i.Key, err)
		}
	}
	p.raw("u")
	return nil
}

func (p *pickler) value(v any) error {
	switch v := v.(type) {
	case nil:
		p.raw("N")
	case bool:
		if v {
			p.raw("\x88")
		} else {
			p.raw("\x89")
		}
	case int:
		p.int(v)
	case float64:
		p.raw("G")
		p.b.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case string:
		p.text(v)
	case []any:
		p.raw("](")
		for _, e := range v {
			if err := p.value(e); err != nil {
				return err
			}
		}
		p.raw("e")
	case Dict:
		p.raw("}")
		return p.items(v)
	case OrderedDict:
		p.raw("ccollections\nOrderedDict\n)R")
		return p.items(v)
	case *Tensor:
		if p.arrays {
			return p.array(v)
		}
		if size(v.Dtype, v.Shape) != len(v.Data) {
			return fmt.Errorf("tensor of %s %v with %d bytes", v.Dtype, v.Shape, len(v.Data))
		}
		return p.tensor(v, v.Dtype, v.Shape)
	case *Source:
		if p.arrays {
			return fmt.Errorf("a pickle of arrays takes a %T, got a %T", &Tensor{}, v)
		}
		return p.tensor(v, v.Dtype, v.Shape)
	default:
		return fmt.Errorf("a value of type %T cannot be stored", v)
	}
	return nil
}

// size is the size of a tensor in bytes.
func size(dtype string, shape []int) int {
	n := storages[dtype].size
	for _, d := range shape {
		n *= d
	}
	return n
}

func (p *pickler) tensor(t any, dtype string, shape []int) error {
	s, ok := storages[dtype]
	if !ok {
		return fmt.Errorf("tensor of %s %v", dtype, shape)
	}
	count := 1
	strides := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = count
		count *= shape[i]
	}
	p.raw("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.raw("ctorch\n" + s.class + "\n")
	p.text(fmt.Sprint(len(p.tensors)))
	p.text("cpu")
	p.int(count)
	p.raw("tQ")
	p.int(0)
	p.ints(shape)
	p.ints(strides)
	p.raw("\x89ccollections\nOrderedDict\n)RtR")
	p.tensors = append(p.tensors, t)
	return nil
}
