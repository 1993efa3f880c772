package checkpoint

import (
	"os"
	"path/filepath"
	"testing"

	"contralens/internal/golden"
)

// FuzzParse starts from both formats and plain pickles. Tensors that Parse returns must
// have as many bytes as shape and type say, and Write must accept the tree.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"kinds_zip.pth", "kinds_legacy.pth", "linear_zip.pth", "hostile/hostile_raw.pkl", "hostile/hostile_zip.pth", "hostile/hostile_legacy.pth"} {
		b, err := os.ReadFile(golden.Path(f, "checkpoint", filepath.FromSlash(name)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(zipOf(f, tensorPickle("6", "1", "I2\nI2\n", "I1\nI2\n"), make([]byte, 24)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := Parse(b); err == nil {
			whole(t, d)
		}
	})
}

func whole(t *testing.T, v any) {
	switch v := v.(type) {
	case Dict:
		for _, i := range v {
			whole(t, i.Value)
		}
	case OrderedDict:
		whole(t, Dict(v))
	case []any:
		for _, x := range v {
			whole(t, x)
		}
	case *Tensor:
		n := 1
		for _, s := range v.Shape {
			n *= s
		}
		if n*ElementSize(v.Dtype) != len(v.Data) {
			t.Errorf("%s %v with %d bytes", v.Dtype, v.Shape, len(v.Data))
		}
	}
}
