// Package golden reads numbers that the reference PyTorch implementation computed, for
// tests to compare with. They are in testdata/golden, or in the directory named by
// GOLDEN_DIR (same layout, other seeds, sizes and parameters).
//
// A test reads a group or a case. If the directory doesn't have it, the test is skipped
// with its name, so that the same tests run on any directory of this layout.
package golden

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/sbinet/npyio"

	"contralens/internal/numeric"
)

// Dir returns the golden directory in use.
func Dir() string {
	if d := os.Getenv("GOLDEN_DIR"); d != "" {
		return d
	}
	return filepath.Join(root(), "testdata", "golden")
}

// root returns the folder of the project: the closest one above the test's folder that has
// a go.mod. The folder of this file would not do, because a program built with -trimpath
// does not know where its source is.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// Path returns the path of a file or directory below Dir. It skips the test, with the
// name of the file, if it does not exist.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	name := filepath.Join(elem...)
	p := filepath.Join(Dir(), name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("golden %s: not in %s", name, Dir())
	}
	return p
}

// Cases returns the cases of a group (directories with a meta.json), sorted.
func Cases(t testing.TB, group string) []string {
	t.Helper()
	entries, err := os.ReadDir(Path(t, group))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(Dir(), group, e.Name(), "meta.json")); err == nil {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	if len(names) == 0 {
		t.Skipf("golden %s: no cases in %s", group, Dir())
	}
	return names
}

// Groups returns the directories directly below Dir, sorted.
func Groups() ([]string, error) {
	entries, err := os.ReadDir(Dir())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// JSON decodes a file below Dir into v.
func JSON(t testing.TB, v any, elem ...string) {
	t.Helper()
	b, err := os.ReadFile(Path(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte(": NaN"), []byte(": null")) // Python writes what is not JSON
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("golden %s: %v", filepath.Join(elem...), err)
	}
}

// Case is one case: its directory and its decoded meta.json.
type Case struct {
	t    testing.TB
	dir  string
	Name string
	Meta
}

// Meta has the fields of a meta.json that tests use. Params and Results stay raw, because
// their fields differ between groups.
type Meta struct {
	Arrays map[string]struct {
		File  string `json:"file"` // empty: the array's name with .npy
		Shape []int  `json:"shape"`
		Dtype string `json:"dtype"`
	} `json:"arrays"`
	Params  json.RawMessage `json:"params"`
	Results json.RawMessage `json:"results"`
	Items   json.RawMessage `json:"items"`
}

// Load reads the case at group/name.
func Load(t testing.TB, elem ...string) *Case {
	t.Helper()
	c := &Case{t: t, Name: filepath.Join(elem...), dir: Path(t, elem...)}
	JSON(t, &c.Meta, append(elem, "meta.json")...)
	return c
}

// Decode decodes raw JSON of the case (Params, Results, Items) into v.
func (c *Case) Decode(raw json.RawMessage, v any) {
	c.t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		c.t.Fatalf("golden %s: %v", c.Name, err)
	}
}

// Array is an array of a case in its stored type, 32-bit integers as I64: exactly one slice is
// set.
type Array struct {
	Shape []int
	F32   []float32
	F64   []float64
	I64   []int64
	U8    []uint8
}

// Has reports whether the case has an array called name.
func (c *Case) Has(name string) bool { _, ok := c.Arrays[name]; return ok }

// Array reads one array of the case.
func (c *Case) Array(name string) Array {
	c.t.Helper()
	a, ok := c.Arrays[name]
	if !ok {
		c.t.Fatalf("golden %s: no array %q", c.Name, name)
	}
	return ReadArray(c.t, filepath.Join(c.dir, cmp.Or(a.File, name+".npy")))
}

// F32 reads a float32 array and its shape.
func (c *Case) F32(name string) ([]float32, []int) {
	c.t.Helper()
	a := c.Array(name)
	if a.F32 == nil {
		c.t.Fatalf("golden %s: %s is not float32", c.Name, name)
	}
	return a.F32, a.Shape
}

// ReadArray reads a .npy file.
func ReadArray(t testing.TB, path string) Array {
	t.Helper()
	a, err := readArray(path)
	if err != nil {
		t.Fatalf("golden %s: %v", path, err)
	}
	return a
}

func readArray(path string) (Array, error) {
	f, err := os.Open(path)
	if err != nil {
		return Array{}, err
	}
	defer f.Close()
	r, err := npyio.NewReader(bufio.NewReader(f)) // npyio reads value by value
	if err != nil {
		return Array{}, err
	}
	a := Array{Shape: append([]int{}, r.Header.Descr.Shape...)}
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	switch r.Header.Descr.Type {
	case "<f4":
		a.F32 = make([]float32, n)
		err = r.Read(&a.F32)
	case "<f8":
		a.F64 = make([]float64, n)
		err = r.Read(&a.F64)
	case "<i8":
		a.I64 = make([]int64, n)
		err = r.Read(&a.I64)
	case "<i4":
		a.I64, err = wide[int32](r, n)
	case "<u4":
		a.I64, err = wide[uint32](r, n)
	case "|u1":
		a.U8 = make([]uint8, n)
		err = r.Read(&a.U8)
	default:
		err = fmt.Errorf("dtype %s", r.Header.Descr.Type)
	}
	return a, err
}

// wide reads 32-bit integers as 64-bit ones.
func wide[T int32 | uint32](r *npyio.Reader, n int) ([]int64, error) {
	values := make([]T, n)
	err := r.Read(&values)
	all := make([]int64, n)
	for i, v := range values {
		all[i] = int64(v)
	}
	return all, err
}

// Near fails the test if got and want differ in length, or any element by more than tol
// times the largest magnitude in want.
func Near(t testing.TB, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	top := numeric.Largest(want)
	at, worst := numeric.Worst(got, want)
	numeric.Margin(t, what, worst, tol*top)
	if !(worst <= tol*top) {
		t.Errorf("%s: element %d: got %v, want %v: off by %.3g of the largest value %.3g, allowed %.3g", what, at, got[at],
			want[at], worst/top, top, tol)
	}
}

// Unmarshal decodes the whole meta.json of the case into v.
func (c *Case) Unmarshal(v any) {
	c.t.Helper()
	JSON(c.t, v, c.Name, "meta.json")
}

// Error returns the largest difference between two arrays, divided by the largest
// magnitude in want.
func Error[T float32 | float64](got []T, want []float64) float64 {
	var top, worst float64
	for i := range want {
		top = max(top, math.Abs(want[i]))
		d := math.Abs(float64(got[i]) - want[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst / max(top, math.SmallestNonzeroFloat64)
}
