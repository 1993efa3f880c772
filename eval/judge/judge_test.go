package judge

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// Rank statistics against worked examples: W = 12 Σ(R−6)²/(m²(n³−n)) = 96/216 by hand.
func TestStatistics(t *testing.T) {
	if got := fmt.Sprint(Ranks([]float64{5, 1, 5, 0, 5})); got != "[4 2 4 1 4]" {
		t.Errorf("ranks %v", got)
	}
	if rho := Spearman([]float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}); math.Abs(rho-0.8207826816681233) > 1e-12 {
		t.Errorf("Spearman %v", rho)
	}
	if w := Concordance([][]float64{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}}); math.Abs(w-96./216) > 1e-12 {
		t.Errorf("W %v", w)
	}
	if w := Concordance([][]float64{{1.5, 1.5, 3}, {1.5, 1.5, 3}}); math.Abs(w-1) > 1e-12 {
		t.Errorf("W of equal rankings with ties %v", w)
	}
	if w := Concordance([][]float64{{1, 2, 3}, {3, 2, 1}}); w != 0 {
		t.Errorf("W of opposite rankings %v", w)
	}
}

// made is a run on disk whose quality q, from 0 to 1, all measures agree about, and k-NN too.
type made struct {
	root string
	t    *testing.T
}

func (m made) run(name, memory string, epochs int, q func(epoch int) float64) string {
	m.t.Helper()
	dir := filepath.Join(m.root, name)
	m.write(filepath.Join(dir, rundir.RecordFile), fmt.Sprintf(`{"config": {"mem": %q, "epochs": "%d", "dataset": "cifar10"}}`, memory, epochs))
	for e := 1; e <= epochs; e++ {
		v := q(e)
		line := spectrum.Line{
			Epoch: e, Images: 128, Viewed: 64, Views: 2,
			Backbone: &spectrum.Space{Dim: 64, Values: map[string]float64{
				spectrum.WassersteinName: 1 - v, spectrum.RelativeName: 0.9 - 0.5*v, spectrum.ChurnName: 0.3,
			}},
			Head: &spectrum.Space{Dim: 32, Values: map[string]float64{
				spectrum.RankMeName: 10 + 20*v, spectrum.LiDARName: 5 + 10*v, spectrum.WassersteinName: 1 - v, spectrum.AlignmentName: 0.5 - 0.1*v,
			}},
		}
		if err := spectrum.Append(dir, line); err != nil {
			m.t.Fatal(err)
		}
		m.result(dir, "knn", e, "", 40+20*v)
	}
	return dir
}

func (m made) result(dir, protocol string, epoch int, checkpoint string, top1 float64) {
	m.t.Helper()
	r := rundir.Result{Protocol: protocol, Dataset: "cifar10", Epoch: epoch, Checkpoint: checkpoint, Metrics: map[string]any{"top1": top1}}
	if err := r.Append(dir); err != nil {
		m.t.Fatal(err)
	}
}

func (m made) write(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m made) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

// Runs are ranked within their methods by all measures and across them by relative alignment; what cannot be
// judged is said, run by run, and the results of a linear probe count for its encoder.
func TestRuns(t *testing.T) {
	m := made{t.TempDir(), t}
	best := m.run("b-best", "moco", 3, constant(0.9))
	for name, q := range map[string]float64{"a": 0.2, "c": 0.5, "d": 0.7} {
		m.run(name, "moco", 3, constant(q))
	}
	m.run("simclr-1", "batch", 3, constant(0.6))
	m.run("simclr-2", "batch", 3, constant(0.3))
	m.write(filepath.Join(m.root, "empty", rundir.RecordFile), `{"config": {"mem": "moco"}}`)
	m.write(filepath.Join(m.root, "torn", rundir.RecordFile), `{"config": {"m`)
	m.write(filepath.Join(m.root, "probe", rundir.RecordFile), `{"config": {}}`)
	m.result(filepath.Join(m.root, "probe"), "linear", 3, filepath.Join(best, rundir.CurrentFile), 66)
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 3 {
		t.Fatalf("%d groups, %v: %+v", len(r.Groups), err, r.Notes)
	}
	all, queue := r.Groups[2], r.Groups[1]
	if !strings.HasPrefix(queue.Title, "queue (128 images") || len(queue.Rows) != 4 || queue.Rows[0].Run != "b-best" || queue.Rows[3].Run != "a" {
		t.Errorf("%s: %+v", queue.Title, queue.Rows)
	}
	if queue.Agreement != 1 || !strings.HasPrefix(queue.Verdict, "b-best after epoch 3: the measures agree") || len(queue.Measures) != 4 {
		t.Errorf("%s, %v", queue.Verdict, queue.Measures)
	}
	if c := queue.Checks; len(c) != 1 || c[0].Protocol != "knn" || math.Abs(c[0].Rho-1) > 1e-9 || c[0].Regret != 0 || c[0].ByMeasure["head_rankme"] < 0.999 {
		t.Errorf("checks %+v", c)
	}
	if queue.Rows[0].Accuracy["linear"] != 66 {
		t.Errorf("the probe of another directory: %v", queue.Rows[0].Accuracy)
	}
	if !strings.HasPrefix(all.Title, "all methods") || fmt.Sprint(all.Measures, all.Shown) != "[backbone_relative_alignment] [head_lidar backbone_wasserstein]" || len(all.Rows) != 6 {
		t.Errorf("%s: %v and %v, %d rows", all.Title, all.Measures, all.Shown, len(all.Rows))
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"empty: its features were not measured, and it has no probe set", "torn: run.json cannot be read"} {
		if !strings.Contains(notes, want) {
			t.Errorf("want a note %q, got %s", want, notes)
		}
	}
	text := Markdown(r)
	for _, want := range []string{"| b-best | 3 | 1.34 | 0.00 | 28 |", "Spearman's ρ 1.00, regret 0.00 points", "| a | 3 | never |"} {
		if !strings.Contains(strings.ReplaceAll(text, "| 3 | never |  |  |", "| 3 | never |"), want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	var b bytes.Buffer
	if err := Write(&b, "csv", r); err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 1+2+4+6 || rows[1][2] != "simclr-1" {
		t.Errorf("%v: %v", err, rows)
	}
	b.Reset()
	var again Report
	err = Write(&b, "json", r)
	if !strings.Contains(b.String(), `"checks": []`) || strings.Contains(b.String(), `"checks": null`) {
		t.Errorf("a ranking without accuracies has no list of checks:\n%s", b.String()) // the page walks it
	}
	if err != nil || json.Unmarshal(b.Bytes(), &again) != nil || len(again.Groups) != 3 {
		t.Errorf("json: %v", err)
	}
	if err := Write(&b, "xlsx", r); err == nil {
		t.Error("xlsx is written")
	}
}

// The epochs of one run, with the files that have their weights. If k-NN falls while the measures rise, the
// regret says so.
func TestEpochsOfRun(t *testing.T) {
	m := made{t.TempDir(), t}
	dir := m.run("one", "moco", 4, func(e int) float64 { return float64(e) / 4 })
	m.result(dir, "knn", 4, "", 41)
	m.write(filepath.Join(dir, rundir.EpochFile(2)), "")
	m.write(filepath.Join(dir, rundir.CurrentFile), "")
	r, err := Judge(dir)
	if err != nil || len(r.Groups) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	rows := r.Groups[0].Rows
	if rows[0].Epoch != 4 || filepath.Base(rows[0].File) != rundir.CurrentFile || filepath.Base(rows[2].File) != rundir.EpochFile(2) || rows[1].File != "" {
		t.Errorf("%+v", rows)
	}
	if c := r.Groups[0].Checks[0]; math.Abs(c.Regret-14) > 1e-9 || c.Best.Epoch != 3 || c.Chosen.Epoch != 4 {
		t.Errorf("regret %+v", c)
	}
}

// Measures that disagree, or that are all the same, are no verdict.
func TestCannotTell(t *testing.T) {
	c := func(run string, values ...float64) Candidate {
		v := map[string]float64{}
		for i, x := range values {
			v[Measures[i].ID()] = x
		}
		return Candidate{Run: run, Epoch: 1, Values: v}
	}
	g, ok := Rank("x", []Candidate{c("a", 1, 3), c("b", 2, 2), c("c", 3, 1)}, false)
	if !ok || !strings.HasPrefix(g.Verdict, "cannot tell: the measures disagree (Kendall's W 0.00)") || g.Rows[0].Spread == 0 {
		t.Errorf("opposite: %s, %+v", g.Verdict, g.Rows)
	}
	tested := []Candidate{c("a", 1, 4), c("b", 2, 3), c("c", 3, 1), c("d", 4, 2)}
	for i, top1 := range []float64{50, 70, 60, 55} {
		tested[i].Accuracy = map[string]float64{"knn": top1}
	}
	g, _ = Rank("x", tested, false)
	if !strings.HasPrefix(g.Verdict, "cannot tell") || !strings.HasSuffix(g.Verdict, "; by knn the best is b after epoch 1 with 70.00 %") {
		t.Errorf("with accuracies: %s", g.Verdict)
	}
	if g, ok = Rank("x", []Candidate{c("a", 1, 1), c("b", 1, 1)}, false); !ok || !strings.Contains(g.Verdict, "every measure is the same for all") {
		t.Errorf("equal: %s", g.Verdict)
	}
	if _, err := json.Marshal(g); err != nil {
		t.Error(err)
	}
	if g, ok = Rank("x", []Candidate{c("a", 1), c("b", 2, 1)}, false); !ok || fmt.Sprint(g.Measures) != "[head_rankme]" || !strings.Contains(g.Verdict, "b after epoch 1; no other measure checks it") {
		t.Errorf("a measure that one lacks: %v, %s", g.Measures, g.Verdict)
	}
	if _, ok = Rank("x", []Candidate{c("a", 1)}, false); ok {
		t.Error("one candidate is ranked")
	}
}

// Equal sums of ranks are equal, whatever order they are added in: the verdict names all that are first, and the
// worst of them counts.
func TestTies(t *testing.T) {
	var all []Candidate
	for i, ranks := range [][]float64{{4, 3, 4, 3}, {3, 4, 3, 4}, {2, 2, 2, 2}, {1, 1, 1, 1}} {
		c := Candidate{Run: string(rune('a' + i)), Epoch: 1, Values: map[string]float64{}, Accuracy: map[string]float64{"knn": float64(50 - i)}}
		for j, m := range Measures {
			c.Values[m.ID()] = m.better(1) * ranks[j]
		}
		all = append(all, c)
	}
	g, _ := Rank("x", all, false)
	if !strings.Contains(g.Verdict, "a after epoch 1 and b after epoch 1") || g.Rows[0].Score != g.Rows[1].Score {
		t.Errorf("%s: %+v", g.Verdict, g.Rows)
	}
	if c := g.Checks[0]; c.Chosen.Run != "b" || c.Regret != 1 {
		t.Errorf("%+v", c)
	}
}

// Across methods relative alignment ranks, whatever the measures say that are shown beside it.
func TestAcross(t *testing.T) {
	c := func(run string, rankme, lidar, wasserstein, relative float64) Candidate {
		v := map[string]float64{}
		for i, x := range []float64{rankme, lidar, wasserstein, relative} {
			v[Measures[i].ID()] = x
		}
		return Candidate{Run: run, Epoch: 1, Values: v, Accuracy: map[string]float64{"knn": 50 - relative}}
	}
	g, ok := Rank("x", []Candidate{c("a", 9, 9, 1, 3), c("b", 5, 5, 2, 2), c("c", 1, 1, 3, 1)}, true)
	if !ok || g.Rows[0].Run != "c" || g.Rows[2].Run != "a" || g.Verdict !=
		"first by relative alignment alone: c after epoch 1; LiDAR would choose a after epoch 1, W₂ of features would choose a after epoch 1 (Kendall's W of all 0.11)" {
		t.Errorf("%s: %+v", g.Verdict, g.Rows)
	}
	if alone := g.Checks[0].ByMeasure; g.Checks[0].Rho != 1 || alone["head_lidar"] != -1 || alone["backbone_wasserstein"] != -1 || len(alone) != 3 {
		t.Errorf("%+v", g.Checks[0])
	}
	text := Markdown(Report{Groups: []Group{g}})
	for _, want := range []string{"| relative alignment | LiDAR | W₂ of features | knn % |", "Shown, but not counted across methods: LiDAR, W₂ of features."} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	lacks := c("d", 1, 1, 1, 1)
	delete(lacks.Values, Measures[3].ID())
	if g, ok := Rank("x", []Candidate{g.Rows[0].Candidate, lacks}, true); ok {
		t.Errorf("ranked by what does not count: %+v", g)
	}
}

// Nothing to judge is an error in a sentence.
func TestNothing(t *testing.T) {
	m := made{t.TempDir(), t}
	if _, err := Judge(filepath.Join(m.root, "none")); err == nil || !strings.Contains(err.Error(), "there is no directory") {
		t.Errorf("no directory: %v", err)
	}
	m.write(filepath.Join(m.root, "old", rundir.RecordFile), `{"config": {}}`)
	if _, err := Judge(m.root); err == nil || !strings.Contains(err.Error(), "want a run whose features were measured") || !strings.Contains(err.Error(), "old: its features were not measured") {
		t.Errorf("no measures: %v", err)
	}
	cut := m.run("cut", "moco", 1, constant(1))
	m.write(filepath.Join(cut, spectrum.FileName), `{"epoch": 1, "backb`)
	r, err := Judge(m.root)
	nothing := (*Nothing)(nil)
	if !errors.As(err, &nothing) || !strings.Contains(err.Error(), spectrum.FileName+": want a JSON object per line, got 1 lines that are none") {
		t.Errorf("a file that is cut off: %v", err)
	}
	if text := Markdown(r); !strings.HasPrefix(text, "Nothing could be ranked.") || !strings.Contains(text, "note: cut: ") {
		t.Errorf("the report of nothing: %q", text)
	}
	m.run("one", "moco", 1, constant(1))
	if r, err := Judge(m.root); err != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "nothing is ranked") {
		t.Errorf("one epoch of one run: %v, %v", err, r.Notes)
	}
}

// What the stop rule would have saved and lost, from the measures and the accuracies along the way.
func TestStopRule(t *testing.T) {
	m := made{t.TempDir(), t}
	dir := m.run("calm", "moco", 20, func(e int) float64 { return math.Min(1, float64(e)/5) })
	lines, err := spectrum.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, spectrum.FileName)); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		l.Backbone.Values[spectrum.ChurnName] = 0.02
		if err := spectrum.Append(dir, l); err != nil {
			t.Fatal(err)
		}
	}
	m.result(dir, "knn", 20, "", 60.25)
	r, err := Judge(dir)
	if err != nil || len(r.Stops) != 1 {
		t.Fatalf("%+v, %v", r.Stops, err)
	}
	if s := r.Stops[0]; s.At != 6 || s.Lost == nil || math.Abs(*s.Lost-0.25) > 1e-9 || s.Saved != 1-float64(s.At)/20 {
		t.Errorf("%+v", s)
	}
	if text := Markdown(r); !strings.Contains(text, "Where it stops, k-NN is 0.25 points lower than at the end on average.\n") {
		t.Error(text)
	}
	// A training that still runs has lost nothing yet.
	record, err := rundir.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	running := Source{Name: "running", Options: record.Config, Lines: lines[:15]}
	for i := range running.Lines {
		running.Lines[i].Backbone.Values[spectrum.ChurnName] = 0.02
		running.Results = append(running.Results, rundir.Result{Protocol: "knn", Epoch: i + 1, Metrics: map[string]any{"top1": 50.0}})
	}
	if r, err = Sources("", []Source{running}, nil); err != nil || len(r.Stops) != 1 || r.Stops[0].At != 6 || r.Stops[0].Lost != nil {
		t.Errorf("a training that still runs: %+v, %v", r.Stops, err)
	}
	// A training that it did end: what it saved is known, what it lost is not.
	source := Source{Name: "ended", Options: record.Config, Planned: 20, Lines: lines[:8]}
	source.Options["epochs"], source.Options["stop"] = "8", "auto"
	for _, c := range []struct{ planned, at int }{{20, 8}, {8, 4}, {0, 4}} { // 8: resumed for longer
		source.Planned = c.planned
		r, err := Sources("", []Source{source}, nil)
		if err != nil || len(r.Stops) != 1 {
			t.Fatalf("%+v, %v", r.Stops, err)
		}
		if s := r.Stops[0]; s.At != c.at || s.Lost != nil || math.Abs(s.Saved-map[int]float64{8: 0.6, 4: 0.5}[c.at]) > 1e-9 {
			t.Errorf("planned %d: %+v", c.planned, s)
		}
	}
}

// A run that is diagnosed is ranked by its measures; the verdict says so and names the first one without a
// fault. It has not settled.
func TestFaults(t *testing.T) {
	m := made{t.TempDir(), t}
	black := m.run("black", "moco", 6, constant(1))
	for e := range 6 {
		line := vitals.Line{Epoch: e, Step: 10 * e, Planned: 60, Values: map[string]float64{vitals.ViewFlat: 0.9}}
		if err := vitals.Append(black, line); err != nil {
			t.Fatal(err)
		}
	}
	m.run("sound", "moco", 6, constant(0.5))
	m.run("poor", "moco", 6, constant(0.1))
	r, err := Judge(m.root)
	if err != nil || len(r.Groups) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	g := r.Groups[0]
	if rows := g.Rows; rows[0].Run != "black" || len(rows[0].Faults) != 1 || len(rows[1].Faults) != 0 {
		t.Errorf("%+v", rows)
	}
	fault := g.Rows[0].Faults[0]
	if want := "; but black after epoch 6 is diagnosed: " + fault + ". The first without a fault is sound after epoch 6"; !strings.HasSuffix(g.Verdict, want) {
		t.Errorf("verdict %q, want %q", g.Verdict, want)
	}
	for _, s := range r.Stops {
		if faulty := s.Run == "black"; (s.At == 0) != faulty || (len(s.Faults) == 1) != faulty {
			t.Errorf("%+v", s)
		}
	}
	text := Markdown(r)
	for _, want := range []string{" | knn % | diagnosis |\n", "| " + fault + " |\n", "| black | 6 | never, diagnosed: " + fault + " |"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
	cut, err := os.ReadFile(filepath.Join(black, spectrum.FileName))
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(black, spectrum.FileName), string(cut[:len(cut)-20]))
	if r, err = Judge(m.root); err != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "black: "+spectrum.FileName+": line 6 of 6 is cut off") {
		t.Errorf("cut measures: %v, %v", r.Notes, err)
	}
	m.write(filepath.Join(black, vitals.FileName), "{")
	if r, err = Judge(m.root); err != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "black: nothing is diagnosed: ") {
		t.Errorf("damaged figures: %v, %v", r.Notes, err)
	}
}
