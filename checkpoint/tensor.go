package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// FromFloat32 makes a float32 tensor.
func FromFloat32(values []float32, shape ...int) *Tensor {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return &Tensor{"float32", shape, b}
}

// FromInt64 makes an int64 tensor.
func FromInt64(values []int64, shape ...int) *Tensor {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return &Tensor{"int64", shape, b}
}

// ElementSize returns the size of an element in bytes, or 0 for an unknown type.
func ElementSize(dtype string) int { return storages[dtype].size }

// Len is the number of elements.
func (t *Tensor) Len() int { return len(t.Data) / storages[t.Dtype].size }

// Float64s returns the values converted to float64. The conversion is exact for every
// type but int64.
func (t *Tensor) Float64s() []float64 {
	out := make([]float64, t.Len())
	size := storages[t.Dtype].size
	le := binary.LittleEndian
	for i := range out {
		b := t.Data[i*size:]
		switch t.Dtype {
		case "float32":
			out[i] = float64(math.Float32frombits(le.Uint32(b)))
		case "float64":
			out[i] = math.Float64frombits(le.Uint64(b))
		case "float16":
			out[i] = float64(float16.Frombits(le.Uint16(b)).Float32())
		case "bfloat16":
			out[i] = float64(math.Float32frombits(uint32(le.Uint16(b)) << 16))
		case "int64":
			out[i] = float64(int64(le.Uint64(b)))
		case "int32":
			out[i] = float64(int32(le.Uint32(b)))
		case "int16":
			out[i] = float64(int16(le.Uint16(b)))
		case "int8":
			out[i] = float64(int8(b[0]))
		default: // uint8, bool
			out[i] = float64(b[0])
		}
	}
	return out
}

// Finite returns an error if values are NaN or infinite. path and name are those of the
// file and the tensor.
func (t *Tensor) Finite(path, name string) error {
	n := t.NotFinite()
	if n == 0 {
		return nil
	}
	return fmt.Errorf("checkpoint %s: want finite weights, but %d of the %d values of %s are NaN or infinite: the "+
		"training that wrote it diverged; use an earlier checkpoint", path, n, t.Len(), name)
}

// NotFinite returns the number of values that are NaN or infinite: those whose exponent
// has all bits set.
func (t *Tensor) NotFinite() (n int) {
	le := binary.LittleEndian
	switch t.Dtype {
	case "float32":
		for b := t.Data; len(b) >= 4; b = b[4:] {
			if le.Uint32(b)&0x7f800000 == 0x7f800000 {
				n++
			}
		}
	case "float64":
		for b := t.Data; len(b) >= 8; b = b[8:] {
			if le.Uint64(b)&(0x7ff<<52) == 0x7ff<<52 {
				n++
			}
		}
	case "float16", "bfloat16":
		exponent := map[string]uint16{"float16": 0x7c00, "bfloat16": 0x7f80}[t.Dtype]
		for b := t.Data; len(b) >= 2; b = b[2:] {
			if le.Uint16(b)&exponent == exponent {
				n++
			}
		}
	}
	return n
}

// Float32s returns the values converted to float32.
func (t *Tensor) Float32s() []float32 {
	if t.Dtype != "float32" {
		wide := t.Float64s()
		out := make([]float32, len(wide))
		for i, v := range wide {
			out[i] = float32(v)
		}
		return out
	}
	out := make([]float32, t.Len())
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return out
}
