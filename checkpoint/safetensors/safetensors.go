// Package safetensors reads and writes the safetensors format: the length of a JSON
// header, the header with the type, shape and position of every tensor, and the bytes of
// the tensors.
//
// https://huggingface.co/docs/safetensors/index#format
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"contralens/checkpoint"
)

// maxHeader is the largest header that the format allows.
const maxHeader = 100 << 20

// types maps our names of element types to those of the format.
var types = map[string]string{
	"float32": "F32", "float64": "F64", "float16": "F16", "bfloat16": "BF16",
	"int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}

type entry struct {
	Dtype   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// Parse reads the content b of a file. It returns the tensors, which share its memory, in
// the order of the file, and the strings of __metadata__.
func Parse(b []byte) (checkpoint.Dict, map[string]string, error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("want a safetensors file, got %d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader || n > uint64(len(b)-8) {
		return nil, nil, fmt.Errorf("want a safetensors file, but its header of %d bytes does not fit its %d bytes", n,
			len(b))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		return nil, nil, fmt.Errorf("want a safetensors file, but its header is not JSON: %w", err)
	}
	data := b[8+n:]
	var metadata map[string]string
	var tensors checkpoint.Dict
	at := map[string]int{}
	used := 0
	for name, raw := range header {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, &metadata); err != nil {
				return nil, nil, fmt.Errorf("want strings in __metadata__: %w", err)
			}
			continue
		}
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, nil, fmt.Errorf("%.60s: want dtype, shape and data_offsets: %w", name, err)
		}
		t, err := e.tensor(data)
		if err != nil {
			return nil, nil, fmt.Errorf("%.60s: %w", name, err)
		}
		used += len(t.Data)
		at[name] = e.Offsets[0]
		tensors = append(tensors, checkpoint.Item{Key: name, Value: t})
	}
	if used != len(data) {
		return nil, nil, fmt.Errorf("want tensors that fill the %d bytes after the header, got %d: the file is truncated, "+
			"or they overlap", len(data), used)
	}
	slices.SortFunc(tensors, func(a, b checkpoint.Item) int {
		x, y := a.Key.(string), b.Key.(string)
		if at[x] != at[y] {
			return at[x] - at[y]
		}
		if x < y {
			return -1
		}
		return 1
	})
	return tensors, metadata, nil
}

func (e entry) tensor(data []byte) (*checkpoint.Tensor, error) {
	start, end := e.Offsets[0], e.Offsets[1]
	if start < 0 || end < start || end > len(data) {
		return nil, fmt.Errorf("want data within the %d bytes of the file, got %d to %d", len(data), start, end)
	}
	for ours, theirs := range types {
		if theirs != e.Dtype {
			continue
		}
		left := (end - start) / checkpoint.ElementSize(ours)
		count := 1
		for _, n := range e.Shape {
			if n < 0 || (n > 0 && count > left/n) {
				return nil, fmt.Errorf("a shape of %v does not fit %d bytes", e.Shape, end-start)
			}
			count *= n
		}
		if count*checkpoint.ElementSize(ours) != end-start {
			return nil, fmt.Errorf("a shape of %v does not fit %d bytes", e.Shape, end-start)
		}
		return &checkpoint.Tensor{Dtype: ours, Shape: append([]int{}, e.Shape...), Data: data[start:end:end]}, nil
	}
	return nil, fmt.Errorf("the type %.10q is not supported", e.Dtype)
}

// Write writes a dictionary of tensors with string keys, and the strings of __metadata__.
func Write(w io.Writer, tensors checkpoint.Dict, metadata map[string]string) error {
	header := map[string]any{"__metadata__": metadata}
	at := 0
	for _, i := range tensors {
		t := i.Value.(*checkpoint.Tensor)
		header[i.Key.(string)] = entry{types[t.Dtype], append([]int{}, t.Shape...), [2]int{at, at + len(t.Data)}}
		at += len(t.Data)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // aligns the tensors
		text = append(text, ' ')
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	for _, i := range tensors {
		if _, err := w.Write(i.Value.(*checkpoint.Tensor).Data); err != nil {
			return err
		}
	}
	return nil
}
