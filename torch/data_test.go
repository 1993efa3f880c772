package torch

import (
	"bytes"
	"testing"
)

// TestBytes copies the bytes of every type in and out, and reads some as numbers.
func TestBytes(t *testing.T) {
	inRun(t, func() {
		data := []byte{0, 0, 0x80, 0x3f, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0}
		for name, d := range dtypes {
			x := FromBytes(data, name, 2, len(data)/2/d.Size())
			if x.Dtype() != d || (d != Bool && !bytes.Equal(x.Bytes(), data)) {
				t.Errorf("%s: %v %v", name, x, x.Bytes())
			}
		}
		if v := FromBytes(data, "float32", 4).Float32s(); v[0] != 1 {
			t.Errorf("float32: %v", v)
		}
		if v := FromBytes([]byte{0x80, 0x3f}, "bfloat16").Item(); v != 1 {
			t.Errorf("bfloat16: %v", v)
		}
	})
	if err := Run(func() error { Scoped(func() { FromBytes([]byte{1}, "float32", 1) }); return nil }); err == nil {
		t.Error("one byte is taken for a float32")
	}
}
