package dashboard

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/rundir"
)

// summaryOf returns the row of a run, after enough looks for its diagnoses.
func summaryOf(t *testing.T, dir, id string) Summary {
	t.Helper()
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	s.judge(s.overview().Runs, time.Now())
	runs := s.overview().Runs
	i := slices.IndexFunc(runs, func(r Summary) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("there is no run %q", id)
	}
	return runs[i]
}

// TestFailed: a run whose log ends with an error says so at once, in the overview and as its
// first finding, until a later session resumes it.
func TestFailed(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "nan"), nil)
	f.train(t, 20)
	const why = "epoch 1, step 21: the loss became NaN"
	log := "run directory: nan\n" + rundir.FailedLine(errorString(why)) + "\n"
	write(t, filepath.Join(dir, "nan", rundir.LogFile), log)
	if r := summaryOf(t, dir, "nan"); r.State != Failed || r.Evidence != why {
		t.Errorf("got %s (%s)", r.State, r.Evidence)
	}
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	d, err := s.describeRun(map[string][]string{"run": {"nan"}})
	check(t, err)
	if f := d.(description).Findings[0]; f.Rule != "failed" || f.Text != why || !strings.Contains(f.Evidence[0], rundir.LogFile) {
		t.Errorf("got the finding %+v", f)
	}
	write(t, filepath.Join(dir, "nan", rundir.LogFile), log+"resuming nan/current.pth: epoch 1, step 1\n")
	if r := summaryOf(t, dir, "nan"); r.State != Running {
		t.Errorf("resumed: got %s (%s)", r.State, r.Evidence)
	}
}

type errorString string

func (e errorString) Error() string { return string(e) }

// TestLoss: the loss of a run is the mean of its last complete epoch, also if that is
// further back than the last lines of metrics.jsonl. Before, it is that of the first epoch
// so far.
func TestLoss(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	line := func(values map[string]any) {
		t.Helper()
		f.append(t, rundir.MetricsFile, values)
	}
	want := func(loss float64, of string) {
		t.Helper()
		r := summaryOf(t, dir, "run")
		if r.Loss == nil || *r.Loss != loss || r.LossOf != of {
			t.Errorf("want %v of %s, got %v of %s", loss, of, r.Loss, r.LossOf)
		}
	}
	line(map[string]any{"epoch": 1, "step": 10, "loss": 8})
	line(map[string]any{"epoch": 1, "step": 20, "loss": 6})
	want(7, "epoch 1 so far")
	line(map[string]any{"epoch": 1, "step": 20, "epoch_end": true, "loss_mean": 6.5})
	want(6.5, "epoch 1")
	line(map[string]any{"epoch": 2, "step": 30, "loss": 1})
	want(6.5, "epoch 1")
	padding := strings.Repeat("x", 4000)
	for step := range 40 {
		line(map[string]any{"epoch": 2, "step": 31 + step, "loss": 1, "message": padding})
	}
	want(6.5, "epoch 1")
}

// TestTimes: when a run started, and how long it takes to the last step.
func TestTimes(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil) // 20 epochs, batch 256
	for step := 10; step <= 100; step += 10 {
		f.append(t, rundir.MetricsFile, map[string]any{"epoch": 1, "step": step, "loss": 8, "img_s": 512})
	}
	if r := summaryOf(t, dir, "run"); r.Left != 0 || r.Sessions != 1 || r.Started.Format(time.DateOnly) != "2026-11-24" {
		t.Errorf("in the first epoch of an older run: got %v s left, %d sessions from %v", r.Left, r.Sessions, r.Started)
	}
	f.append(t, rundir.MetricsFile, map[string]any{"epoch": 1, "step": 100, "epoch_end": true, "loss_mean": 8})
	if r := summaryOf(t, dir, "run"); r.Steps != 2000 || math.Round(r.Left) != 950 {
		t.Errorf("by its complete epochs: got %v s left of %d steps, want 950 of 2000", r.Left, r.Steps)
	}
	f.append(t, rundir.MetricsFile, map[string]any{"epoch": 2, "step": 110, "steps": 1110, "loss": 8, "img_s": 512})
	if r := summaryOf(t, dir, "run"); math.Round(r.Left) != 500 {
		t.Errorf("by the planned steps: got %v s left, want 500", r.Left)
	}
}

// TestAccuracies: the untrained network is no result, the best epoch has its number, and
// classifiers' results stand beside their encoders.
func TestAccuracies(t *testing.T) {
	dir := t.TempDir()
	plain := newRun(t, filepath.Join(dir, "a", "plain"), nil)
	newRun(t, filepath.Join(dir, "plain"), nil)
	newRun(t, filepath.Join(dir, "moved"), nil)
	result := func(f *fixture, protocol string, epoch int, top1 float64, more map[string]any) {
		t.Helper()
		metrics := map[string]any{"top1": top1}
		line := map[string]any{"protocol": protocol, "dataset": "cifar10", "epoch": epoch, "metrics": metrics}
		for key, value := range more {
			if key == "standardized" {
				metrics[key] = value
				continue
			}
			line[key] = value
		}
		f.append(t, rundir.ResultsFile, line)
	}
	result(plain, "knn", 0, 72, nil)
	if k := summaryOf(t, dir, "a/plain").KNN; k.Best != nil || k.Last != nil || k.Untrained == nil || *k.Untrained != 72 {
		t.Errorf("untrained: got %+v", k)
	}
	for epoch, top1 := range map[int]float64{2: 60, 4: 75, 6: 70} {
		result(plain, "knn", epoch, top1, nil)
	}
	result(plain, "knn", 6, 99, map[string]any{"standardized": true})
	probe := newRun(t, filepath.Join(dir, "probe"), nil)
	path := filepath.Join(dir, "a", "plain", "current.pth")
	result(probe, "linear", 6, 69, map[string]any{"checkpoint": path})
	result(probe, "linear", 6, 70.2, map[string]any{"checkpoint": path})
	tuned := newRun(t, filepath.Join(dir, "tuned"), nil)
	result(tuned, "finetune", 6, 80, map[string]any{"checkpoint": "/elsewhere/moved/current.pth"})

	k := summaryOf(t, dir, "a/plain").KNN
	if *k.Best != (Accuracy{75, 4}) || *k.Last != (Accuracy{70, 6}) || *k.Untrained != 72 {
		t.Errorf("got best %+v, last %+v, untrained %v", *k.Best, *k.Last, *k.Untrained)
	}
	for id, want := range map[string][]Evaluation{
		"a/plain": {{"linear", Accuracy{70.2, 6}, "probe"}}, "probe": {{"linear", Accuracy{70.2, 6}, ""}},
		"moved": {{"finetune", Accuracy{80, 6}, "tuned"}}, "plain": {},
	} {
		if got := summaryOf(t, dir, id).Evaluations; !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", id, got, want)
		}
	}
}

// TestBadges: the overview warns of a run that the run's page warns of, and not of one
// whose features move apart.
func TestBadges(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "sound"), nil).train(t, 600)
	newRun(t, filepath.Join(dir, "fast"), map[string]string{"alpha": "0.5", "nce_t": "0.05"}).train(t, 600)
	if got := summaryOf(t, dir, "sound").Badges; len(got) != 0 {
		t.Errorf("sound: got %+v", got)
	}
	if got := summaryOf(t, dir, "fast").Badges; len(got) == 0 || got[0].Rule != "key-fast" || got[0].Title == "" {
		t.Errorf("fast: got %+v, want key-fast", got)
	}
}
