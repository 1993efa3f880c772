package report

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/rundir"
)

func put(t *testing.T, dir, run string, r rundir.Result) {
	t.Helper()
	path := filepath.Join(dir, run)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.Append(path); err != nil {
		t.Fatal(err)
	}
}

func result(protocol, group, sum string, seed uint64, epoch int, metrics map[string]any) rundir.Result {
	r := rundir.NewResult(protocol, "photos", metrics, seed)
	r.Group, r.CheckpointSHA256, r.Epoch = group, sum, epoch
	return r
}

func top1(v float64) map[string]any { return map[string]any{"top1": v} }

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "ft_linear", result("linear", "g", "a", 0, 20, map[string]any{"top1": 50., "many": 70.}))
	put(t, dir, "ft_linear", result("linear", "g", "a", 0, 20, map[string]any{"top1": 52., "many": 70.})) // repeated
	put(t, dir, "ft_linear_seed-1", result("linear", "g", "b", 0, 20, map[string]any{"top1": 54., "many": 73.}))
	put(t, dir, "ft_linear_seed-2", result("linear", "g", "b", 2, 20, map[string]any{"top1": 59., "many": 73.}))
	put(t, dir, "plain|x", result("knn", "h0", "", 0, 0, top1(20))) // untrained
	put(t, dir, "plain|x", result("knn", "h5", "", 0, 5, top1(40)))
	put(t, dir, "plain|x", result("knn", "h9", "", 0, 9, top1(45)))
	put(t, dir, "deep/foreign_seed-1", result("knn", "", "", 1, 3, top1(30)))
	put(t, dir, "deep/foreign_seed-2", result("knn", "", "", 2, 3, top1(34)))
	rows, err := Collect(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows, want 4: %+v", len(rows), rows)
	}
	foreign, untrained, plain, ft := rows[0], rows[1], rows[2], rows[3]
	if untrained.Run != "plain|x" || untrained.Epoch != 0 || untrained.Metrics["top1"].Mean != 20 {
		t.Errorf("the untrained encoder: %+v", untrained)
	}
	if foreign.Run != "deep/foreign" || foreign.Seeds != 2 || foreign.Metrics["top1"] != (Value{32, math.Sqrt(8)}) {
		t.Errorf("runs without a group: %+v", foreign)
	}
	if plain.Run != "plain|x" || plain.Epoch != 9 || plain.Metrics["top1"] != (Value{45, 0}) {
		t.Errorf("the last epoch: %+v", plain)
	}
	if v := ft.Metrics["top1"]; ft.Run != "ft_linear" || ft.Seeds != 3 || math.Abs(v.Mean-55) > 1e-12 || math.Abs(v.Std-math.Sqrt(13)) > 1e-12 {
		t.Errorf("three seeds: %+v", ft)
	}
	if all, err := Collect(dir, Options{AllEpochs: true}); err != nil || len(all) != 5 {
		t.Errorf("all epochs: %d rows, %v, want 5", len(all), err)
	}

	for format, want := range map[string]string{
		"markdown": "| ft_linear | linear | photos | 20 | 3 | 55.00 ± 3.61 | 72.00 ± 1.73 |\n",
		"csv":      "plain|x,knn,photos,9,1,45,,,\n",
		"html":     "<td>ft_linear</td><td>linear</td><td>photos</td><td>20</td><td>3</td><td>55.00 ± 3.61</td>",
	} {
		var b bytes.Buffer
		if err := Write(&b, format, rows); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v, want %q in\n%s", format, err, want, b.String())
		}
	}
	var b bytes.Buffer
	if err := Write(&b, "markdown", rows); err != nil || !strings.Contains(b.String(), `plain\|x`) {
		t.Errorf("a bar in a name: %v\n%s", err, b.String())
	}
	if err := Write(&b, "pdf", rows); err == nil {
		t.Error("pdf was written")
	}
}

func TestCollectErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: filepath.Join(dir, "RUN") + " -o run.html needs none", filepath.Join(dir, "nowhere"): "no directory"} {
		if _, err := Collect(path, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, rundir.ResultsFile), []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Collect(dir, Options{}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a file that is not ours: %v", err)
	}
}
