package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"contralens/checkpoint"
)

// each calls f for every field of a message. n is the value of a varint or fixed field, b
// the content of a length-delimited one.
func each(m []byte, f func(field protowire.Number, n uint64, b []byte) error) error {
	for len(m) > 0 {
		field, kind, size := protowire.ConsumeTag(m)
		if size < 0 {
			return errCut
		}
		m = m[size:]
		var n uint64
		var b []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(m)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(m)
			n = uint64(v)
		case protowire.Fixed64Type:
			n, size = protowire.ConsumeFixed64(m)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(m)
		default:
			return errCut
		}
		if size < 0 {
			return errCut
		}
		m = m[size:]
		if err := f(field, n, b); err != nil {
			return err
		}
	}
	return nil
}

// Parse reads the content of an ONNX file. It returns the weights, under their names, and
// the metadata. The tensors share the memory of b. It returns an error if there are no
// weights, or if they are in another file.
func Parse(b []byte) (checkpoint.Dict, map[string]string, error) {
	var tensors checkpoint.Dict
	metadata := map[string]string{}
	err := each(b, func(field protowire.Number, _ uint64, m []byte) error {
		switch field {
		case 7: // graph
			return each(m, func(field protowire.Number, _ uint64, m []byte) error {
				if field != 5 { // initializer
					return nil
				}
				name, t, err := tensor(m)
				if err == nil && t != nil {
					tensors = append(tensors, checkpoint.Item{Key: name, Value: t})
				}
				return err
			})
		case 14: // metadata_props
			var key, value string
			err := each(m, func(field protowire.Number, _ uint64, b []byte) error {
				switch field {
				case 1:
					key = string(b)
				case 2:
					value = string(b)
				}
				return nil
			})
			metadata[key] = value
			return err
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(tensors) == 0 {
		return nil, nil, fmt.Errorf("want an ONNX model with weights in it, found none")
	}
	return tensors, metadata, nil
}

// tensor reads a TensorProto. It returns a nil tensor for types that weights don't have.
func tensor(m []byte) (name string, t *checkpoint.Tensor, err error) {
	t = &checkpoint.Tensor{Shape: []int{}}
	kind := uint64(0)
	var list []byte // float_data, an alternative for float32
	external := false
	count := 1
	dim := func(n uint64) error {
		if n > 1<<40 || (n > 0 && uint64(count) > (1<<40)/n) || len(t.Shape) >= 64 {
			return fmt.Errorf("a tensor of shape %v…", t.Shape)
		}
		count *= int(n)
		t.Shape = append(t.Shape, int(n))
		return nil
	}
	err = each(m, func(field protowire.Number, n uint64, b []byte) error {
		switch field {
		case 1: // dims, one by one or packed
			if b == nil {
				return dim(n)
			}
			for len(b) > 0 {
				n, size := protowire.ConsumeVarint(b)
				if size < 0 {
					return errCut
				}
				b = b[size:]
				if err := dim(n); err != nil {
					return err
				}
			}
		case 2:
			kind = n
		case 4:
			if b == nil {
				list = binary.LittleEndian.AppendUint32(list, uint32(n))
			}
			list = append(list, b...)
		case 8:
			name = string(b)
		case 9:
			t.Data = b
		case 13, 14:
			external = external || field == 13
		}
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	for dtype, n := range elements {
		if n == kind {
			t.Dtype = dtype
		}
	}
	if t.Dtype == "" {
		return name, nil, nil
	}
	if external {
		return "", nil, fmt.Errorf("%.60q: its values are in another file, which is not supported", name)
	}
	if t.Data == nil && t.Dtype == "float32" {
		t.Data = list
	}
	if len(t.Data) != count*checkpoint.ElementSize(t.Dtype) {
		if t.Data == nil {
			return name, nil, nil // small constants of other types are in other fields
		}
		return "", nil, fmt.Errorf("%.60q: want %d values, got %d bytes", name, count, len(t.Data))
	}
	return name, t, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
