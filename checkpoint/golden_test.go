package checkpoint

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"contralens/internal/golden"
)

// TestGoldenFiles compares every entry of the reference trainer's files with its
// description: types, shapes, sums, first and last values, and plain values.
func TestGoldenFiles(t *testing.T) {
	for name, content := range map[string]string{"tiny_zip.pth": "tiny", "tiny_legacy.pth": "tiny", "linear_zip.pth": "linear"} {
		d, err := Read(golden.Path(t, "checkpoint", name))
		if err != nil {
			t.Error(err)
			continue
		}
		var want any
		golden.JSON(t, &want, "checkpoint", content+"_content.json")
		if n := compare(t, name, d, want); n < 4 {
			t.Errorf("%s: %d tensors were compared", name, n)
		}
	}
	d, err := Read(golden.Path(t, "checkpoint", "tiny_zip.pth"))
	if err != nil {
		t.Fatal(err)
	}
	for file, tensor := range map[string]any{"tiny_contrast_memory.npy": d.Get("contrast").(OrderedDict).Get("memory"), "tiny_model_conv1.npy": d.Get("model").(OrderedDict).Get("module.encoder.conv1.weight")} {
		if want := golden.ReadArray(t, golden.Path(t, "checkpoint", file)); !reflect.DeepEqual(want.F32, tensor.(*Tensor).Float32s()) {
			t.Errorf("%s: other values", file)
		}
	}
}

// TestKinds reads every type of element, views, parameters and nested values.
func TestKinds(t *testing.T) {
	var want map[string]struct {
		Dtype  string
		Shape  []int
		Values []float64
	}
	golden.JSON(t, &want, "checkpoint", "kinds_content.json")
	for _, name := range []string{"kinds_zip.pth", "kinds_legacy.pth"} {
		d, err := Read(golden.Path(t, "checkpoint", name))
		if err != nil {
			t.Error(err)
			continue
		}
		for key, w := range want {
			x, ok := d.Get(key).(*Tensor)
			if !ok {
				t.Errorf("%s: %s is %v", name, key, d.Get(key))
				continue
			}
			got := x.Float64s()
			if x.Dtype != w.Dtype || fmt.Sprint(x.Shape) != fmt.Sprint(w.Shape) || len(got) != len(w.Values) {
				t.Errorf("%s: %s is %s %v with %d values, want %v", name, key, x.Dtype, x.Shape, len(got), w)
				continue
			}
			for i := range got {
				if got[i] != w.Values[i] {
					t.Errorf("%s: %s[%d] is %v, want %v", name, key, i, got[i], w.Values[i])
				}
			}
		}
		if len(d) <= len(want) {
			t.Errorf("%s: %d entries; the nested values are missing", name, len(d))
		}
	}
}

// compare compares a tree with the description of its file, and counts the tensors.
func compare(t *testing.T, where string, got, want any) (tensors int) {
	t.Helper()
	switch g := got.(type) {
	case OrderedDict:
		return compare(t, where, Dict(g), want)
	case Dict:
		w, _ := want.(map[string]any)
		if len(w) != len(g) {
			t.Errorf("%s: %d entries, want %d", where, len(g), len(w))
		}
		for _, i := range g {
			tensors += compare(t, where+"/"+fmt.Sprint(i.Key), i.Value, w[fmt.Sprint(i.Key)])
		}
		return tensors
	case []any:
		w, _ := want.([]any)
		if len(w) != len(g) {
			t.Errorf("%s: %d values, want %d", where, len(g), len(w))
			return 0
		}
		for i := range g {
			tensors += compare(t, fmt.Sprint(where, "/", i), g[i], w[i])
		}
		return tensors
	case *Tensor:
		compareTensor(t, where, g, want.(map[string]any))
		return 1
	case int:
		got = float64(g)
	}
	if got != want {
		t.Errorf("%s: %v, want %v", where, got, want)
	}
	return 0
}

func compareTensor(t *testing.T, where string, got *Tensor, want map[string]any) {
	t.Helper()
	if got.Dtype != want["tensor"] || fmt.Sprint(got.Shape) != fmt.Sprint(want["shape"]) {
		t.Errorf("%s: %s %v, want %v %v", where, got.Dtype, got.Shape, want["tensor"], want["shape"])
		return
	}
	values := got.Float64s()
	var sum, size float64
	for _, v := range values {
		sum += v
		size += math.Abs(v)
	}
	if math.Abs(sum-want["sum"].(float64)) > 1e-12*size {
		t.Errorf("%s: sum %v, want %v", where, sum, want["sum"])
	}
	if first, last := values[0], values[len(values)-1]; first != want["first"] || last != want["last"] {
		t.Errorf("%s: from %v to %v, want %v to %v", where, first, last, want["first"], want["last"])
	}
}
