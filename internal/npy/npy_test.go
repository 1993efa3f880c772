package npy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
)

func TestRoundTrip(t *testing.T) {
	for _, shape := range [][]int{{6}, {2, 3}, {1, 3, 2}} {
		path := filepath.Join(t.TempDir(), "a.npy")
		want := []float32{1, -2, 3.5, 4, 5, 6}
		if err := Write(path, want, shape...); err != nil {
			t.Fatal(err)
		}
		got, h, err := Read(path)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(h.Shape) != fmt.Sprint(shape) {
			t.Errorf("%v: %v %v %v", shape, got, h, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var others []float32
		if err := npyio.Read(bytes.NewReader(b), &others); err != nil || fmt.Sprint(others) != fmt.Sprint(want) {
			t.Errorf("%v: another reader sees %v, %v", shape, others, err)
		}
	}
	wide := append([]byte(magic+"\x01\x00"), 118, 0)
	wide = append(wide, fmt.Sprintf("%-117s\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }")...)
	path := filepath.Join(t.TempDir(), "wide.npy")
	os.WriteFile(path, append(wide, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f), 0o644)
	if got, _, err := Read(path); err != nil || len(got) != 1 || got[0] != 1.5 {
		t.Errorf("float64: %v, %v", got, err)
	}
}

func head(text string) []byte {
	return append(append([]byte(magic+"\x01\x00"), byte(len(text)), byte(len(text)>>8)), text...)
}

func TestErrors(t *testing.T) {
	for want, b := range map[string][]byte{
		"something else":  []byte("not at all an array"),
		"version 1 to 3":  []byte(magic + "\x07\x00\x00\x00"),
		"claims 65535":    []byte(magic + "\x01\x00\xff\xff"),
		"not understood":  head("{}"),
		"float32 or":      head("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }"),
		"Fortran":         head("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 0), }"),
		"truncated":       head("{'descr': '<f4', 'fortran_order': False, 'shape': (99,), }"),
		"too large":       head("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999, 9999), }"),
		"header claims 4": append([]byte(magic+"\x02\x00\xff\xff\xff\xff"), make([]byte, 90)...),
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		os.WriteFile(path, b, 0o644)
		if _, _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.npy") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(append(Encode(2, 1), 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(Encode(0))
	f.Add(head("{'descr': '<f8', 'fortran_order': False, 'shape': (), }"))
	f.Add(head("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }"))
	f.Add([]byte(magic + "\x02\x00\xff\xff\xff\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if need := h.Data + int64(h.Len())*int64(h.Item); h.Len() < 0 || need > int64(len(b)) {
			t.Errorf("%+v accepted in %d bytes", h, len(b))
		}
	})
}
