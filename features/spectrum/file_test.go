package spectrum

import (
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"contralens/features/probe"
	"contralens/rundir"
)

func floats(n, d int, seed float64) []float32 {
	x := sines(n, d, 0.2, seed)
	out := make([]float32, 0, n*d)
	for i := range n {
		for _, v := range x.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return out
}

// The relative alignment follows from two measures that older lines have, whoever reads them; one that is
// written stays.
func TestOlderLines(t *testing.T) {
	run := t.TempDir()
	values := func(name string, v float64) map[string]float64 {
		return map[string]float64{AlignmentName: 0.25, UniformityName: -1, name: v}
	}
	line := Line{Epoch: 1, Backbone: &Space{Values: values(ChurnName, 0.1)}, Head: &Space{Values: values(RelativeName, 0.75)}}
	if err := Append(run, line); err != nil {
		t.Fatal(err)
	}
	lines, err := Read(run)
	if err != nil || len(lines) != 1 {
		t.Fatalf("%v, %v", lines, err)
	}
	for space, want := range map[string]float64{"backbone": 0.5, "head": 0.75} {
		if v, ok := lines[0].Value(space, RelativeName); !ok || v != want {
			t.Errorf("%s: %v, %t, want %v", space, v, ok, want)
		}
	}
	var followed []Line // as the dashboard reads them
	add := func(l Line) { followed = append(followed, l) }
	var f rundir.Follower[Line]
	if err := f.Follow(os.DirFS(run).(fs.StatFS), FileName, add, func() {}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(followed, lines) {
		t.Errorf("followed: %+v, want %+v", followed, lines)
	}
}

// Lines come back as they were written, without those of later epochs when a run resumes, and in spite
// of half a line at the end.
func TestFile(t *testing.T) {
	run := t.TempDir()
	if lines, err := Read(run); err != nil || lines != nil {
		t.Errorf("no file: %v, %v", lines, err)
	}
	if err := Keep(run, 3); err != nil {
		t.Errorf("nothing to keep: %v", err)
	}
	var want []Line
	for epoch := 1; epoch <= 3; epoch++ {
		space, _, err := Measure(Sample{Images: Matrix(floats(20, 12, float64(epoch)), 12)}, Traces{})
		if err != nil {
			t.Fatal(err)
		}
		l := Line{Epoch: epoch, Step: 10 * epoch, Images: 20, Backbone: &space}
		if err := Append(run, l); err != nil {
			t.Fatal(err)
		}
		want = append(want, l)
	}
	f, err := os.OpenFile(filepath.Join(run, FileName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"epoch":4,"ima`)
	f.Close()
	if got, err := Read(run); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := Keep(run, 2); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(run); err != nil || !reflect.DeepEqual(got, want[:2]) {
		t.Errorf("after epoch 2: %+v, %v", got, err)
	}
	if v, ok := want[0].Value("backbone", RankMeName); !ok || v < 1 {
		t.Errorf("RankMe %v", v)
	}
	if _, ok := want[0].Value("head", RankMeName); ok {
		t.Error("a head that was not measured has a rank")
	}
}

// A run that has only a probe set gets the measures of its features; an epoch with NaN has a note,
// and the next one is compared with nothing.
func TestOfProbe(t *testing.T) {
	run := t.TempDir()
	pictures := make([]image.Image, 16)
	for i := range pictures {
		pictures[i] = image.NewGray(image.Rect(0, 0, 4, 4))
	}
	p, err := probe.Create(probe.Dir(run), probe.Images{Labels: make([]int, 16), Classes: []string{"a"}, Thumbnail: 4}, pictures)
	if err != nil {
		t.Fatal(err)
	}
	for epoch := range 5 {
		f := floats(16, 8, float64(epoch)/10)
		if epoch == 2 {
			f[9] = float32(math.NaN())
		}
		if err := p.Add(epoch, f, 8); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := Of(run, nil)
	if err != nil || len(lines) != 5 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if lines[2].Backbone != nil || !strings.Contains(lines[2].Note, "NaN in feature 1 of image 1") {
		t.Errorf("NaN: %+v", lines[2])
	}
	for epoch, churned := range []bool{false, true, false, false, true} {
		if _, ok := lines[epoch].Value("backbone", ChurnName); ok != churned {
			t.Errorf("epoch %d: churn %v", epoch, ok)
		}
	}
	if err := Append(run, Line{Epoch: 7}); err != nil {
		t.Fatal(err)
	}
	if lines, err := Of(run, nil); err != nil || len(lines) != 1 || lines[0].Epoch != 7 {
		t.Errorf("a run with measures: %v, %v", lines, err)
	}
	if lines, err := Of(t.TempDir(), nil); err != nil || lines != nil {
		t.Errorf("a run with nothing: %v, %v", lines, err)
	}
}

// A large probe set is measured by some of its images, evenly spaced.
func TestEvenly(t *testing.T) {
	rows := floats(7, 2, 0)
	if got := evenly(rows, 2, 3); !reflect.DeepEqual(got, append(append(append([]float32{}, rows[0:2]...), rows[4:6]...), rows[8:10]...)) {
		t.Errorf("three of seven rows: %v", got)
	}
	if got := evenly(rows, 2, 7); !reflect.DeepEqual(got, rows) {
		t.Errorf("all rows: %v", got)
	}
}

// The features of the last epochs come back; older ones are removed, broken ones and those of other
// images compare with nothing.
func TestTraces(t *testing.T) {
	run := t.TempDir()
	for epoch := 1; epoch <= 3; epoch++ {
		if err := SaveTrace(run, "head", epoch, floats(6, 4, 0), 4, epoch-1); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := LoadTrace(run, "head", 1, 6); ok {
		t.Error("old features stay")
	}
	for epoch := 2; epoch <= 3; epoch++ {
		if got, ok := LoadTrace(run, "head", epoch, 6); !ok || !reflect.DeepEqual(got, TracesOf(Matrix(floats(6, 4, 0), 4))) {
			t.Errorf("epoch %d: %v", epoch, ok)
		}
	}
	if _, ok := LoadTrace(run, "head", 3, 7); ok {
		t.Error("features of other images")
	}
	os.WriteFile(tracePath(run, "head", 3), []byte("half"), 0o644)
	if _, ok := LoadTrace(run, "head", 3, 6); ok {
		t.Error("half a file")
	}
}
