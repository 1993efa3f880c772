// Package onnx writes networks as ONNX models, and reads the weights of such models. A
// [Graph] collects operators and weights; [Parse] reads.
//
// The protocol buffers are written field by field. Their schema is
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"contralens/checkpoint"
)

// elements are the numbers of element types (TensorProto.DataType).
var elements = map[string]uint64{
	"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
	"float16": 10, "float64": 11, "bfloat16": 16,
}

// Graph is a network: operators in the order of computation, and their weights.
type Graph struct {
	nodes   []byte
	weights []byte
	count   int
	err     error
}

// Node adds an operator and returns the name of its output. Attributes are int, float64
// or []int.
func (g *Graph) Node(op string, inputs []string, attributes map[string]any) string {
	g.count++
	return g.named(fmt.Sprintf("%s_%d", op, g.count), op, inputs, attributes)
}

func (g *Graph) named(out, op string, inputs []string, attributes map[string]any) string {
	var n []byte
	for _, in := range inputs {
		n = text(n, 1, in)
	}
	n = text(n, 2, out)
	n = text(n, 3, out)
	n = text(n, 4, op)
	for _, name := range sorted(attributes) {
		var a []byte
		a = text(a, 1, name)
		switch v := attributes[name].(type) {
		case int:
			a = number(number(a, 3, uint64(v)), 20, 2)
		case float64:
			a = protowire.AppendTag(a, 2, protowire.Fixed32Type)
			a = number(protowire.AppendFixed32(a, math.Float32bits(float32(v))), 20, 1)
		case []int:
			for _, i := range v {
				a = number(a, 8, uint64(i))
			}
			a = number(a, 20, 7)
		}
		n = message(n, 5, a)
	}
	g.nodes = message(g.nodes, 1, n)
	return out
}

// Weight adds a tensor and returns its name. Types other than int64 become float32. If t
// is nil, Write returns an error.
func (g *Graph) Weight(name string, t *checkpoint.Tensor) string {
	if t == nil {
		if g.err == nil {
			g.err = fmt.Errorf("%s is missing", name)
		}
		return name
	}
	if t.Dtype != "float32" && t.Dtype != "int64" {
		t = checkpoint.FromFloat32(t.Float32s(), t.Shape...)
	}
	var w []byte
	for _, n := range t.Shape {
		w = number(w, 1, uint64(n))
	}
	w = number(w, 2, elements[t.Dtype])
	w = text(w, 8, name)
	w = message(w, 9, t.Data)
	g.weights = message(g.weights, 5, w)
	return name
}

// Scalar adds a number and returns its name.
func (g *Graph) Scalar(name string, v float32) string {
	return g.Weight(name, checkpoint.FromFloat32([]float32{v}))
}

// Write writes the model. in names the input, float32 [batch, channels, height, width],
// where all sizes but channels may vary. last is the name of the last operator's output;
// the model returns it under the name out, float32 [batch, size].
func (g *Graph) Write(w io.Writer, in string, channels int, last, out string, size int,
	metadata map[string]string) error {
	if g.err != nil {
		return g.err
	}
	g.named(out, "Identity", []string{last}, nil)
	graph := append([]byte(nil), g.nodes...)
	graph = text(graph, 2, "encoder")
	graph = append(graph, g.weights...)
	graph = message(graph, 11, value(in, "batch", channels, "height", "width"))
	graph = message(graph, 12, value(out, "batch", size))
	model := number(nil, 1, 7) // IR version 7 with operators of version 13: ONNX 1.8 (2020)
	model = text(model, 2, "contralens")
	model = message(model, 7, graph)
	model = message(model, 8, number(text(nil, 1, ""), 2, 13))
	for _, key := range sorted(metadata) {
		model = message(model, 14, text(text(nil, 1, key), 2, metadata[key]))
	}
	_, err := w.Write(model)
	return err
}

// value describes an input or output. A dimension is an int, or a name if it may vary.
func value(name string, dims ...any) []byte {
	var shape []byte
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = message(shape, 1, number(nil, 1, uint64(d)))
		case string:
			shape = message(shape, 1, text(nil, 2, d))
		}
	}
	tensor := message(number(nil, 1, elements["float32"]), 2, shape)
	return message(text(nil, 1, name), 2, message(nil, 1, tensor))
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

func number(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

var errCut = errors.New("want an ONNX model, but it is damaged")
