package npz

import (
	"archive/zip"
	"bytes"
	"reflect"
	"strings"
	"testing"

	"contralens/checkpoint"
)

func example() checkpoint.Dict {
	return checkpoint.Dict{
		{Key: "conv1.weight", Value: checkpoint.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)},
		{Key: "n", Value: checkpoint.FromInt64([]int64{7}, []int{}...)}, {Key: "u", Value: &checkpoint.Tensor{Dtype: "uint8", Shape: []int{3}, Data: []byte{1, 2, 3}}},
	}
}

// packed returns a compressed .npz file with one array that has the given header.
func packed(t testing.TB, header string, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("a.npy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(append(append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8)), append([]byte(header), make([]byte, size)...)...)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, example()); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range example() {
		if x.Value.(*checkpoint.Tensor).Shape == nil {
			x.Value.(*checkpoint.Tensor).Shape = []int{}
		}
		if !reflect.DeepEqual(got[i], x) {
			t.Errorf("%v, want %v", got[i].Value, x.Value)
		}
	}
	d, err := Parse(packed(t, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n", 16))
	if err != nil || d.Get("a").(*checkpoint.Tensor).Len() != 4 {
		t.Errorf("a compressed file: %v %v", d, err)
	}
}

func TestErrors(t *testing.T) {
	for want, b := range map[string][]byte{
		"a zip":          []byte("nothing"),
		"40 bytes":       packed(t, "{'descr': '<f4', 'fortran_order': False, 'shape': (10,), }", 16),
		"another number": packed(t, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 16),
		"99999999999":    packed(t, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", 16),
		"C order":        packed(t, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", 16),
		`"|O"`:           packed(t, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", 16),
		"descr":          packed(t, "{'shape': (2, 2), }", 16),
	} {
		if d, err := Parse(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v (%v), want %s", err, d, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, example()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(packed(f, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }", 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
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
