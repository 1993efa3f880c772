package runner

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/config"
	"contralens/study"
	"contralens/study/jobs"
)

// Cells whose setting tuning does not choose any more are forgotten, with what was trained of them.
func TestNames(t *testing.T) {
	s, err := study.Parse("s.yaml", []byte("arms: {a: {}}\nseeds: 2\noptions: {method: MoCov2}\ntuning: {options: {learning_rate: [0.1, 0.2]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Study: s, Dir: t.TempDir()}
	if err := os.MkdirAll(r.state(), 0o755); err != nil {
		t.Fatal(err)
	}
	scored := func(v float64, setting string) jobs.Outcome {
		return jobs.Outcome{Scores: map[string]float64{"knn": v}, Setting: setting}
	}
	for name, o := range map[string]jobs.Outcome{
		"a_try-1_seed-1001": scored(3, "learning_rate 0.1"), "a_try-2_seed-1001": scored(5, "learning_rate 0.2"),
		"a_seed-1": scored(7, "learning_rate 0.1"), "a_seed-2": scored(9, "learning_rate 0.2"),
	} {
		if err := o.Write(r.state(), name); err != nil {
			t.Fatal(err)
		}
	}
	done, err := jobs.Outcomes(r.state())
	if err != nil {
		t.Fatal(err)
	}
	names, err := r.names(done)
	if want := []string{"a_try-1_seed-1001", "a_try-2_seed-1001", "a_seed-1", "a_seed-2"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, err)
	}
	kept, err := jobs.Outcomes(r.state())
	if _, there := kept["a_seed-1"]; err != nil || there || len(kept) != 3 || len(done) != 3 {
		t.Errorf("%v: %d outcomes are kept, %d in memory: %v", err, len(kept), len(done), kept)
	}

	// A folder whose trials another version drew is refused before anything there changes, with --retry, too.
	other := &Runner{Study: s, Dir: t.TempDir(), Retry: true}
	if err := os.MkdirAll(other.state(), 0o755); err != nil {
		t.Fatal(err)
	}
	failed := jobs.Outcome{Error: "no luck", Setting: "learning_rate 0.3"}
	if err := failed.Write(other.state(), "a_try-1_seed-1001"); err != nil {
		t.Fatal(err)
	}
	if err := other.work(t.Context()); err == nil || !strings.Contains(err.Error(), "another version of the program drew other settings") {
		t.Errorf("trials of another version: %v", err)
	}
	if kept, err := jobs.Outcomes(other.state()); err != nil || len(kept) != 1 {
		t.Errorf("%v, %v: want the outcome that failed", kept, err)
	}

	// What another session has begun with the setting of then.
	cell := r.cells["a_seed-1"]
	c, _, err := s.Training(r.Dir, cell)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(r.Dir, study.RunsDir, cell.Name)
	for rate, stays := range map[string]bool{"0.2": true, "0.1": false} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"config": {"learning_rate": "`+rate+`"}}`), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := r.drop(dir, cell, c); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("rate %s: %v", rate, err)
		}
	}
}

// While the last trial trains, what follows it is counted, even if all others failed.
func TestLeft(t *testing.T) {
	s, err := study.Parse("s.yaml", []byte("arms: {a: {}}\nseeds: 2\noptions: {method: MoCov2}\ntuning: {options: {learning_rate: [0.1, 0.2]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Study: s, Dir: t.TempDir(), done: map[string]jobs.Outcome{"a_try-1_seed-1001": {Error: "no luck"}}}
	r.pace = study.Pace{Images: func(study.Cell) float64 { return 60 }, Measured: map[int]float64{0: 1}}
	if left, known := r.left("a_try-2_seed-1001"); !known || left != 2*time.Minute {
		t.Errorf("%v (%v) beside the last trial, want 2 minutes of the seeds", left, known)
	}
}

// A process between two cells counts as working, one that is gone does not.
func TestProcesses(t *testing.T) {
	var r Runner
	begin := time.Now()
	for i, step := range []struct {
		active []string
		after  time.Duration // of this cell
		want   int
	}{
		{nil, 0, 1}, {[]string{"a", "b"}, time.Minute, 2}, {[]string{"a"}, time.Hour, 2}, {[]string{"a"}, 2 * time.Hour, 1},
		{[]string{"a", "b", "c"}, 3 * time.Hour, 3},
	} {
		now := begin.Add(step.after)
		r.before, r.begun = r.begun, now
		for range 2 { // at the beginning of a cell and of its training
			if got := r.processes(step.active, now); got != step.want {
				t.Errorf("step %d: %d processes, want %d", i, got, step.want)
			}
		}
	}
}

// The time of a training that resumes has what its steps took before, and none twice.
func TestTrainedBefore(t *testing.T) {
	dir := t.TempDir()
	lines := []string{
		`{"epoch": 1, "step": 10, "compute_s": 2, "wait_s": 0.5}`, `{"epoch": 1, "step": 20, "compute_s": 3, "wait_s": 0}`,
		`{"epoch": 1, "step": 20, "loss_mean": 4, "epoch_end": true}`, `{"epoch": 2, "step": 30, "compute_s": 7, "wait_s": 0}`,
	}
	if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := trainedBefore(dir, 21); got != 5.5 {
		t.Errorf("%v s before step 21, want 5.5", got)
	}
	if got := trainedBefore(t.TempDir(), 21); got != 0 {
		t.Errorf("%v s without metrics", got)
	}
}

// A training is measured with the steps and negatives that it has, and with what starts later.
func TestShortened(t *testing.T) {
	resolved := func(edit func(c *config.Contrast)) config.Contrast {
		c := config.DefaultContrast()
		c.Method, c.Epochs = "Customize", 20
		edit(&c)
		if _, err := c.Resolve(nil); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for batch, want := range map[int]int{64: 512, 128: 512, 384: 1536, 512: 2048, 1024: 4096} {
		c := resolved(func(c *config.Contrast) { c.BatchSize, c.Limit = batch, 10000 })
		if got := shortened(c); got.Limit != want || got.K != c.K {
			t.Errorf("batches of %d: %d images, want %d, with %d negatives of %d", batch, got.Limit, want, got.K, c.K)
		}
	}
	if c := resolved(func(c *config.Contrast) { c.Limit = 100 }); shortened(c).Limit != 100 {
		t.Errorf("%d images, want 100", shortened(c).Limit)
	}
	if c := resolved(func(c *config.Contrast) { c.Memory = "bank" }); shortened(c).Limit != 0 {
		t.Errorf("a bank of %d images, want all", shortened(c).Limit)
	}
	late := resolved(func(c *config.Contrast) { c.FT, c.MixStep, c.MixEpoch, c.Synthetic = "auto", 50, 3, "mochi" })
	if c := shortened(late); c.MixEpoch != 0 || c.MixStep != 0 || c.MixStart != "" || c.SyntheticStart != 0 {
		t.Errorf("the transformation starts after %d epochs and %d steps (%q), synthetic negatives after %d epochs", c.MixEpoch,
			c.MixStep, c.MixStart, c.SyntheticStart)
	}
	never := resolved(func(c *config.Contrast) { c.FT, c.MixEpoch, c.Synthetic, c.SyntheticStart = "posneg", 20, "mochi", 20 })
	if c := shortened(never); c.Transforms() || c.Synthesizes() {
		t.Errorf("what never starts is measured: the transformation %v, synthetic negatives %v", c.Transforms(), c.Synthesizes())
	}
}
