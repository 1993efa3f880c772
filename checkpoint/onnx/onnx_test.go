package onnx

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"contralens/checkpoint"
)

func model(t testing.TB) []byte {
	t.Helper()
	var g Graph
	w := g.Weight("fc.weight", checkpoint.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
	half := g.Weight("half", &checkpoint.Tensor{Dtype: "bfloat16", Shape: []int{1}, Data: []byte{0x80, 0x3f}})
	x := g.Node("Gemm", []string{"images", w, half}, map[string]any{"transB": 1, "alpha": 0.5})
	var b bytes.Buffer
	if err := g.Write(&b, "images", 3, x, "features", 2, map[string]string{"arch": "x"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWeights reads back what was written. test/interop runs entire networks in ONNX
// Runtime.
func TestWeights(t *testing.T) {
	d, metadata, err := Parse(model(t))
	want := checkpoint.Dict{{Key: "fc.weight", Value: checkpoint.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)}, {Key: "half", Value: checkpoint.FromFloat32([]float32{1}, 1)}}
	if err != nil || !reflect.DeepEqual(d, want) || metadata["arch"] != "x" {
		t.Errorf("%v %v %v", d, metadata, err)
	}
	var g Graph
	g.Weight("layer1.0.conv1.weight", nil)
	if err := g.Write(&bytes.Buffer{}, "images", 3, "x", "y", 2, nil); err == nil || !strings.Contains(err.Error(), "layer1.0.conv1.weight") {
		t.Errorf("a weight that is missing: %v", err)
	}
}

func TestErrors(t *testing.T) {
	wrap := func(tensor []byte) []byte { return message(nil, 7, message(nil, 5, tensor)) }
	big := number(number(text(nil, 8, "w"), 2, 1), 1, 1<<39)
	for want, b := range map[string][]byte{
		"damaged":             model(t)[:40],
		"found none":          {},
		"want 549755813888":   wrap(message(big, 9, []byte{1, 2, 3, 4})),
		"a tensor of shape":   wrap(number(big, 1, 1<<39)),
		"in another file":     wrap(message(number(text(nil, 8, "w"), 2, 1), 13, []byte{})),
		"want an ONNX model,": {0xff},
	} {
		if d, _, err := Parse(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v (%v), want %s", err, d, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(model(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _, err := Parse(b)
		if err != nil {
			return
		}
		for _, i := range d {
			x := i.Value.(*checkpoint.Tensor)
			n := checkpoint.ElementSize(x.Dtype)
			for _, s := range x.Shape {
				n *= s
			}
			if n != len(x.Data) {
				t.Errorf("%s %v with %d bytes", x.Dtype, x.Shape, len(x.Data))
			}
		}
	})
}
