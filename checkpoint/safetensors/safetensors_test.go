package safetensors

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"contralens/checkpoint"
)

func example() (checkpoint.Dict, map[string]string) {
	return checkpoint.Dict{
		{Key: "z", Value: checkpoint.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)}, {Key: "a", Value: checkpoint.FromInt64([]int64{7})},
		{Key: "half", Value: &checkpoint.Tensor{Dtype: "bfloat16", Shape: []int{1}, Data: []byte{0x80, 0x3f}}}, {Key: "none", Value: checkpoint.FromFloat32(nil, 0, 3)},
	}, map[string]string{"arch": "resnet18"}
}

// file returns a file with the given header and number of bytes of data.
func file(header string, size int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), make([]byte, size)...)
}

func TestRoundTrip(t *testing.T) {
	want, metadata := example()
	for i := range want { // a scalar's shape is empty, not nil
		if x := want[i].Value.(*checkpoint.Tensor); x.Shape == nil {
			x.Shape = []int{}
		}
	}
	var b bytes.Buffer
	if err := Write(&b, want, metadata); err != nil {
		t.Fatal(err)
	}
	got, texts, err := Parse(b.Bytes())
	if err != nil || !reflect.DeepEqual(texts, metadata) || len(got) != len(want) {
		t.Fatalf("%v %v %v", got, texts, err)
	}
	for _, i := range want {
		x, y := got.Get(i.Key).(*checkpoint.Tensor), i.Value.(*checkpoint.Tensor)
		if x.Dtype != y.Dtype || !reflect.DeepEqual(x.Shape, y.Shape) || !bytes.Equal(x.Data, y.Data) {
			t.Errorf("%s: %v, want %v", i.Key, x, y)
		}
	}
}

func TestErrors(t *testing.T) {
	for want, b := range map[string][]byte{
		"got 3 bytes":  {1, 2, 3},
		"does not fit": binary.LittleEndian.AppendUint64(nil, 1<<60),
		"not JSON":     file("{", 0),
		"within the 4": file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4),
		"[4611686018]": file(`{"a":{"dtype":"F32","shape":[4611686018],"data_offsets":[0,4]}}`, 4),
		"[-1 -1]":      file(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4),
		"to -8":        file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,-8]}}`, 4),
		`"F4"`:         file(`{"a":{"dtype":"F4","shape":[],"data_offsets":[0,4]}}`, 4),
		"they overlap": file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4),
		"is truncated": file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 6),
	} {
		if d, _, err := Parse(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v (%v), want %s", err, d, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	d, m := example()
	if err := Write(&b, d, m); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(file(`{"a":{"dtype":"F16","shape":[3,0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _, err := Parse(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, d, nil); err != nil {
			t.Fatal(err)
		}
		if back, _, err := Parse(again.Bytes()); err != nil || len(back) != len(d) {
			t.Errorf("read, written and read again: %v", err)
		}
	})
}
