package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"contralens/checkpoint"
)

// TestForeignValues reads files with one value of every type beside a tensor, in every form
// that PyTorch writes. The tensor is always read, plain values are read as data, and what
// is passed over is named.
func TestForeignValues(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Log("not compared: python3-torch is not on this machine")
		return
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "foreign.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("foreign.py: %v\n%s", err, out)
	}
	var names struct{ Data, Foreign, Files []string }
	text, err := os.ReadFile(filepath.Join(dir, "names.json"))
	if err == nil {
		err = json.Unmarshal(text, &names)
	}
	if err != nil || len(names.Files) < 600 {
		t.Fatalf("%d files: %v", len(names.Files), err)
	}
	isData := map[string]bool{}
	for _, name := range names.Data {
		isData[name] = true
	}
	passed := 0
	for _, file := range names.Files {
		d, err := checkpoint.Read(filepath.Join(dir, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if w := d.Tensor("w"); w == nil || fmt.Sprint(w.Shape, w.Float32s()) != "[2 3] [0 1 2 3 4 5]" {
			t.Errorf("%s: the weights are %v", file, w)
		}
		foreign := d.Foreign()
		if name, _, _ := strings.Cut(file, "."); isData[name] && len(foreign) > 0 {
			t.Errorf("%s: passed over: %v", file, foreign)
		}
		if len(foreign) > 0 {
			passed++
		}
		checkValues(t, file, d)
	}
	t.Logf("%d files, in %d of them a value was passed over", len(names.Files), passed)
}

// checkValues compares values whose conversion is not obvious.
func checkValues(t *testing.T, file string, d checkpoint.Dict) {
	t.Helper()
	for name, want := range map[string]string{
		"expanded.": fmt.Sprint(strings.Repeat("1 ", 50), strings.Repeat("2 ", 49), "2"), "strided.": "1 9 13 21 2 10 14 22 3 11 15 23",
		"numpy_scalar.": "1.5", "fortran.": "1 1 1 1 1 1", "scalar.": "3", "attributed.": "1 1", "array_i2.": "0 1",
	} {
		if x := d.Tensor("x"); strings.HasPrefix(file, name) && (x == nil || fmt.Sprint(x.Float64s()) != "["+want+"]") {
			t.Errorf("%s: got %v, want %s", file, x, want)
		}
	}
	if got := d.Get("x"); strings.HasPrefix(file, "path.") && got != "/data/my photos/x" {
		t.Errorf("%s: got %v, want the path with its blank", file, got)
	}
	if strings.HasPrefix(file, "keys.") {
		for key, want := range map[string]int{"<nil>": 1, "2.5": 2, "[1 a]": 3, "k": 4, "true": 5} {
			if got := d.Dict("x").Int(key); got != want {
				t.Errorf("%s: %s is %d, want %d", file, key, got, want)
			}
		}
	}
}
