package judge

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/features/spectrum"
	"contralens/rundir"
)

// Runs of other networks are not compared.
func TestOtherNetworks(t *testing.T) {
	m := made{t.TempDir(), t}
	for i, of := range []string{`"width": "0.25"`, `"width": "1"`, `"width": "1", "stem": "cifar"`} {
		for j := range 2 {
			dir := m.run(fmt.Sprint("run", i, j), "moco", 2, constant(0.1*float64(i+j)))
			m.write(filepath.Join(dir, rundir.RecordFile), fmt.Sprintf(
				`{"config": {"mem": "moco", "epochs": "2", "arch": "resnet18", %s}}`, of))
		}
	}
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 3 {
		t.Fatalf("%d groups, %v", len(r.Groups), err)
	}
	for i, want := range []string{"resnet18 of width 0.25)", "resnet18)", "resnet18, stem cifar)"} {
		if g := r.Groups[i]; !strings.HasSuffix(g.Title, want) || len(g.Rows) != 2 {
			t.Errorf("%s: %+v", g.Title, g.Rows)
		}
	}
}

// Runs that see other views are not compared: what is measured depends on how much a view changes.
func TestOtherViews(t *testing.T) {
	m := made{t.TempDir(), t}
	for i, of := range []string{`"aug": "B", "crop": "0.2"`, `"aug": "NULL", "crop": "0.2"`} {
		for j := range 2 {
			dir := m.run(fmt.Sprint("run", i, j), "moco", 2, constant(0.1*float64(i+j)))
			m.write(filepath.Join(dir, rundir.RecordFile), fmt.Sprintf(`{"config": {"mem": "moco", "epochs": "2", %s}}`, of))
		}
	}
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 2 {
		t.Fatalf("%d groups, %v", len(r.Groups), err)
	}
	for i, want := range []string{", --aug B)", ", --aug NULL)"} {
		if g := r.Groups[i]; !strings.HasSuffix(g.Title, want) || len(g.Rows) != 2 {
			t.Errorf("%s: %+v", g.Title, g.Rows)
		}
	}
}

// A run whose features are one point is last, and one whose relative alignment is not known is left out of what
// it decides alone; the others are ranked.
func TestCollapsedRun(t *testing.T) {
	line := func(values map[string]float64) []spectrum.Line {
		return []spectrum.Line{{Epoch: 1, Images: 9, Backbone: &spectrum.Space{Values: values}}}
	}
	sound := func(relative float64) map[string]float64 {
		return map[string]float64{spectrum.UniformityName: -1, spectrum.RelativeName: relative}
	}
	var sources []Source
	for _, s := range []struct {
		name, memory string
		values       map[string]float64
	}{
		{"point", "moco", map[string]float64{spectrum.UniformityName: 0}}, {"good", "moco", sound(0.2)}, {"bad", "batch", sound(0.8)},
		{"old", "batch", map[string]float64{spectrum.UniformityName: -1}},
	} {
		sources = append(sources, Source{Name: s.name, Options: map[string]string{"mem": s.memory}, Lines: line(s.values)})
	}
	r, err := Sources("", sources, nil)
	if err != nil || len(r.Groups) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	all := r.Groups[1]
	if len(all.Rows) != 3 || all.Rows[0].Run != "good" || all.Rows[2].Run != "point" {
		t.Errorf("%s: %+v", all.Title, all.Rows)
	}
	if text := Markdown(r); !strings.Contains(text, "| point | 1 | -1.22 | collapsed |") {
		t.Errorf("got\n%s", text)
	}
	want := "all methods (9 images): left out, because their relative alignment is not known: old after epoch 1"
	if !slices.Contains(r.Notes, want) {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
}

// Runs on other images are not compared, neither within a method nor across. A measure that one run lacks
// does not count, and a note says so.
func TestOtherImages(t *testing.T) {
	m := made{t.TempDir(), t}
	for i, of := range []string{"", "folder"} {
		for j, memory := range []string{"moco", "batch"} {
			dir := m.run(fmt.Sprintf("birds%d%d", i, j), memory, 2, constant(0.1*float64(i+j)))
			m.write(filepath.Join(dir, rundir.RecordFile), fmt.Sprintf(
				`{"config": {"mem": %q, "epochs": "2", "dataset": %q, "data_folder": "photos/birds/"}}`, memory, of))
		}
	}
	m.run("cifar", "moco", 2, constant(0.9))
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 3 {
		t.Fatalf("%d groups, %v", len(r.Groups), err)
	}
	for _, g := range r.Groups {
		if !strings.HasSuffix(g.Title, ", data birds)") || strings.Contains(fmt.Sprint(g.Rows), "cifar") {
			t.Errorf("%s: %+v", g.Title, g.Rows)
		}
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "cifar after epoch 2: nothing to compare it with") {
		t.Errorf("notes %s", notes)
	}
	var sources []Source
	for i := range 6 {
		line := spectrum.Line{Epoch: 3, Images: 9, Backbone: &spectrum.Space{Values: map[string]float64{
			spectrum.WassersteinName: 0.1 * float64(i), spectrum.RelativeName: 0.2,
		}}}
		if i > 0 && i < 5 {
			delete(line.Backbone.Values, spectrum.RelativeName)
		}
		sources = append(sources, Source{Name: string(rune('a' + i)), Options: map[string]string{}, Lines: []spectrum.Line{line}})
	}
	sources[0].Lines = append(sources[0].Lines, spectrum.Line{Epoch: 4, Note: "NaN"}, spectrum.Line{Epoch: 5, Note: "NaN"})
	sources[1].Lines = append(sources[1].Lines, spectrum.Line{Epoch: 4, Note: "NaN"})
	r, err = Sources("", sources, nil)
	if err != nil || len(r.Groups) != 1 || fmt.Sprint(r.Groups[0].Measures) != "[backbone_wasserstein]" {
		t.Fatalf("%+v, %v", r, err)
	}
	want := "relative alignment does not count, because it is not known of b after epoch 3, c after epoch 3, d after epoch 3 and 1 more"
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, want) || strings.Contains(notes, "RankMe") {
		t.Errorf("notes %s, want %s", notes, want)
	}
	for _, want := range []string{"a: 2 epochs were not measured; epoch 5: NaN", "b: epoch 4 was not measured: NaN"} {
		if !slices.Contains(r.Notes, want) {
			t.Errorf("notes %q, want %q", r.Notes, want)
		}
	}
}

// A score of nearly 0 has no sign, and an accuracy that is not lower is not called so.
func TestZeros(t *testing.T) {
	row := Row{Candidate: Candidate{Run: "a", Epoch: 1}, Score: -1e-9}
	r := Report{Groups: []Group{{Title: "x", Rows: []Row{row}}}, Stops: []Stop{{Run: "a", Planned: 2, At: 1, Saved: 0.5, Lost: new(-1e-9)}}}
	text := Markdown(r)
	for _, want := range []string{"| a | 1 | 0.00 |\n", "| a | 2 | 1 | 50 % | 0.00 |", "k-NN is what it is at the end on average."} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
}

// A run that was measured once says nothing about the stop rule.
func TestSeldomMeasured(t *testing.T) {
	m := made{t.TempDir(), t}
	m.run("often", "moco", 3, constant(0.5))
	seldom := m.run("seldom", "moco", 1, constant(0.5))
	m.write(filepath.Join(seldom, rundir.RecordFile), `{"config": {"mem": "moco", "epochs": "30", "dataset": "cifar10"}}`)
	r, err := Judge(m.root)
	if err != nil || len(r.Stops) != 1 || r.Stops[0].Run != "often" {
		t.Errorf("%+v, %v", r.Stops, err)
	}
}

// What cannot be known is missing: a measure that is null, epochs below 0, lines that are no results. Of several
// lines of an epoch the last one counts, and the order of lines does not.
func TestOddRecords(t *testing.T) {
	m := made{t.TempDir(), t}
	dir := m.run("run", "moco", 4, func(e int) float64 { return 0.1 * float64(e) })
	file := filepath.Join(dir, spectrum.FileName)
	lines := strings.Split(strings.TrimSpace(m.read(file)), "\n")
	slices.Reverse(lines)
	lines = append(lines, strings.Replace(lines[0], `"epoch":4`, `"epoch":-7`, 1), strings.Replace(lines[3], `"epoch":1`, `"epoch":4`, 1))
	m.write(file, strings.Join(lines, "\n")+"\n")
	m.write(filepath.Join(dir, rundir.ResultsFile), m.read(filepath.Join(dir, rundir.ResultsFile))+`{"kind": "knn"}`+"\n")
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0].Rows) != 4 || r.Groups[0].Rows[0].Epoch != 3 || len(r.Groups[0].Checks) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "results.jsonl, line 5: want a JSON object with protocol and metrics") {
		t.Errorf("notes %s", notes)
	}
	var l spectrum.Line
	text := `{"epoch": 1, "backbone": {"dim": 2, "values": {"wasserstein": null, "rankme": 2}}, "head": {"values": {"lidar": null}}}`
	if err := json.Unmarshal([]byte(text), &l); err != nil || len(l.Backbone.Values) != 1 || len(l.Head.Values) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

// Epochs whose features are all one point have no best one, and W₂ of features alone makes none. The verdict on
// epochs names the best whose checkpoint is there.
func TestVerdictsOfEpochs(t *testing.T) {
	line := func(epoch int, values map[string]float64) spectrum.Line {
		return spectrum.Line{Epoch: epoch, Images: 9, Backbone: &spectrum.Space{Values: values}}
	}
	verdict := func(dir string, lines ...spectrum.Line) string {
		r, err := Sources("", []Source{{Name: "run", Dir: dir, Options: map[string]string{"mem": "moco"}, Lines: lines}}, nil)
		if err != nil || len(r.Groups) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.Groups[0].Verdict
	}
	point := func(w float64) map[string]float64 {
		return map[string]float64{spectrum.UniformityName: 0, spectrum.WassersteinName: w}
	}
	if got := verdict("", line(1, point(1.41)), line(2, point(1.42))); !strings.HasPrefix(got, "cannot tell: every measure is the same for all") {
		t.Error(got)
	}
	alone := func(w float64) map[string]float64 { return map[string]float64{spectrum.WassersteinName: w} }
	dir := t.TempDir()
	m := made{dir, t}
	m.write(filepath.Join(dir, rundir.CurrentFile), "")
	got := verdict(dir, line(1, alone(1.1)), line(2, alone(1.2)))
	for _, want := range []string{"cannot tell; first by W₂ of features alone: run after epoch 1; no other measure checks it",
		"; run after epoch 1 has no checkpoint, the first that has one is run after epoch 2: " + filepath.Join(dir, rundir.CurrentFile)} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// An accuracy on other images is another one.
func TestOtherTestImages(t *testing.T) {
	m := made{t.TempDir(), t}
	dir := m.run("run", "moco", 3, constant(0.5))
	r := rundir.Result{Protocol: "knn", Dataset: "stl10", Epoch: 3, Metrics: map[string]any{"top1": 12.5}}
	if err := r.Append(dir); err != nil {
		t.Fatal(err)
	}
	report, err := Judge(dir)
	if err != nil || report.Groups[0].Rows[2].Accuracy["knn"] != 50 || report.Groups[0].Rows[2].Accuracy["knn on stl10"] != 12.5 {
		t.Errorf("%+v, %v", report.Groups, err)
	}
}
