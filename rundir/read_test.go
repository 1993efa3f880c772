package rundir

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// Readers of untrusted folders handle whatever is there.
func TestReadRecordFS(t *testing.T) {
	for name, c := range map[string]struct {
		folder fstest.MapFS
		want   string // of the error; empty: none
	}{
		"none":       {fstest.MapFS{}, ""},
		"ours":       {fstest.MapFS{RecordFile: file(`{"config": {"seed": "3"}, "command": ["contralens"]}`)}, ""},
		"no JSON":    {fstest.MapFS{RecordFile: file(`{"config": {"seed": [`)}, "want JSON as contralens writes it"},
		"too large":  {fstest.MapFS{RecordFile: file(`{"config": {"seed": "3"}}` + strings.Repeat(" ", maxRecord))}, "want at most 1048576 bytes"},
		"a folder":   {fstest.MapFS{RecordFile + "/x": file("")}, "want a file"},
		"other form": {fstest.MapFS{RecordFile: file(`{"config": ["seed"]}`)}, "want JSON as contralens writes it"},
	} {
		r, err := ReadRecordFS(c.folder)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if ours := name == "ours"; (r.Config["seed"] == "3") != ours {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// A pipe would block.
	dir := t.TempDir()
	for _, name := range []string{RecordFile, MetricsFile, ResultsFile} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder := os.DirFS(dir).(fs.StatFS)
	if _, err := ReadRecordFS(folder); err == nil || !strings.Contains(err.Error(), "want a file") {
		t.Errorf("a pipe: %v", err)
	}
	if err := new(Follower[Metrics]).Follow(folder, MetricsFile, func(Metrics) {}, func() {}); err == nil || !strings.Contains(err.Error(), "want a file") {
		t.Errorf("a pipe of metrics: %v", err)
	}
	if len(LastMetrics(folder)) > 0 || len(LastResults[Result](folder)) > 0 {
		t.Error("a pipe has lines")
	}
}

// The last lines are read, whatever the length before them; the first one may be cut
// off.
func TestLastLines(t *testing.T) {
	text := strings.Repeat(`{"protocol":"knn","metrics":{"top1":1}}`+"\n", resultsTail/30)
	folder := fstest.MapFS{ResultsFile: file(text + "nonsense\n" + `{"protocol":"linear","metrics":{"top1":2,"k":true}}` + "\n" + `{"protocol":"cut`)}
	lines := LastResults[Result](folder)
	if n := len(lines); n == 0 || n > resultsTail/30 || lines[n-1].Protocol != "linear" || lines[n-1].Metrics["top1"] != 2.0 {
		t.Errorf("%d lines, the last %+v", n, lines[len(lines)-1])
	}
	raw := LastResults[json.RawMessage](folder)
	if n := len(raw); n != len(lines) || !strings.Contains(string(raw[n-1]), `"k":true`) {
		t.Errorf("%d lines as they are, the last %s", n, raw[n-1])
	}
}

// Metrics are followed as they grow: each line once, no incomplete lines, none that are
// not JSON, and from the start when a new run replaces them.
func TestFollow(t *testing.T) {
	folder := fstest.MapFS{}
	var f Follower[Metrics]
	var steps []int
	restarts := 0
	follow := func(want ...int) {
		t.Helper()
		steps = nil
		err := f.Follow(folder, MetricsFile, func(m Metrics) { steps = append(steps, int(*m.Step)) }, func() { restarts++ })
		if err != nil || !slices.Equal(steps, want) {
			t.Errorf("got steps %v, %v, want %v", steps, err, want)
		}
	}
	follow()
	text := `{"epoch":1,"step":10}` + "\n" + `{"epoch":1,"st`
	folder[MetricsFile] = file(text)
	follow(10)
	follow()
	text += `ep":20}` + "\n\nnonsense\n" + `{"epoch":1.0,"step":3e1,"loss":0.5}` + "\n"
	folder[MetricsFile] = file(text)
	follow(20, 30)
	if err := f.Skipped("m"); f.Bad != 1 || restarts != 0 || err == nil || !strings.HasPrefix(err.Error(), "m: line 4 is not") {
		t.Errorf("%d lines that are none, %d restarts: %v", f.Bad, restarts, err)
	}
	if f.Skip(); !strings.Contains(f.Skipped("m").Error(), "2 lines are not JSON objects with what this file has, the first is line 4") {
		t.Errorf("two lines: %v", f.Skipped("m"))
	}
	folder[MetricsFile] = file(`{"epoch":1,"step":5}` + "\n")
	follow(5)
	if f.Bad != 0 || f.Skipped("m") != nil || restarts != 1 {
		t.Errorf("a new run: %d lines that are none, %d restarts", f.Bad, restarts)
	}
	folder[MetricsFile] = file(strings.Repeat("x", 3<<20) + "\n" + `{"epoch":1,"step":7}` + "\n")
	follow(7)
	if f.Bad == 0 {
		t.Error("three megabytes without a line are not bad")
	}
}

// What is written is read back. Lines after the step that a run resumes at are removed.
func TestMetrics(t *testing.T) {
	dir := t.TempDir()
	folder := os.DirFS(dir).(fs.StatFS)
	lines := []Metrics{
		{Epoch: 0, Step: new(0.0), EpochEnd: true, KNN: new(10.0)},
		{Epoch: 1, Step: new(10.0), Loss: new(0.0), Rate: new(0.1)}, // a loss of 0 is a loss
		{Epoch: 1, Step: new(12.0), Event: EventMixStart, Message: "m", Gap: new(0.3)},
		{Epoch: 1, Step: new(20.0), EpochEnd: true, LossMean: new(2.0)},
		{Epoch: 1, Step: new(20.0), EpochEnd: true, KNN: new(40.0)},
		{Epoch: 2, Step: new(30.0), Loss: new(1.0)},
	}
	check := func(want []Metrics) {
		t.Helper()
		if got := LastMetrics(folder); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for _, m := range lines {
		if err := AddMetrics(dir, m); err != nil {
			t.Fatal(err)
		}
	}
	check(lines)
	if b, err := os.ReadFile(filepath.Join(dir, MetricsFile)); err != nil || !strings.HasPrefix(string(b), `{"epoch":0,"epoch_end":true,"knn":10,"step":0}`+"\n"+`{"epoch":1,"loss":0,"lr":0.1,"step":10}`+"\n") {
		t.Errorf("%v, wrote\n%s", err, b)
	}
	if err := RemoveKNN(dir, 1); err != nil {
		t.Fatal(err)
	}
	check(slices.Delete(slices.Clone(lines), 4, 5))
	if err := KeepMetrics(dir, 12); err != nil {
		t.Fatal(err)
	}
	check(lines[:3])
}

func TestResultsOfKNN(t *testing.T) {
	dir := t.TempDir()
	for epoch, protocol := range []string{"knn", "linear", "knn", "knn"} {
		r := NewResult(protocol, "x", map[string]any{"top1": float64(10 * epoch), "standardized": false}, 0)
		r.Epoch = epoch
		if err := r.Append(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := KeepKNN(dir, 2); err != nil {
		t.Fatal(err)
	}
	for epoch, want := range []bool{true, false, true, false} {
		if got, err := HasKNN(dir, epoch); got != want || err != nil {
			t.Errorf("epoch %d: %v, %v, want %v", epoch, got, err, want)
		}
	}
	if got := LastTop1(dir); !reflect.DeepEqual(got, map[string]float64{"knn": 20, "linear": 10}) {
		t.Errorf("got %v", got)
	}
	if got := LastTop1(t.TempDir()); len(got) != 0 {
		t.Errorf("without a file: %v", got)
	}
}
