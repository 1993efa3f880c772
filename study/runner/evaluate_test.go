package runner

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/recipes"
	"contralens/rundir"
	"contralens/scores/record"
	"contralens/setup"
	"contralens/study"
	"contralens/study/jobs"
)

// Outcomes of older versions, whose scores had steps before the last epoch in them, are computed anew; those of
// newer ones, and of runs that are gone, stay.
func TestRenewScores(t *testing.T) {
	s, err := study.Parse("s.yaml", []byte("arms: {a: {}}\nseeds: 3\noptions: {method: MoCov2}\nevaluations: {knn: {}, scores: {}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	r := &Runner{Study: s, Dir: t.TempDir(), Note: func(text string) { notes = append(notes, text) }}
	if err := os.MkdirAll(r.state(), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, commit := range map[string]string{"a_seed-1": "", "a_seed-2": "0a1b", "a_seed-3": ""} {
		o := jobs.Outcome{Scores: map[string]float64{"knn": 50, "neg_mean": 7}, Commit: commit}
		if err := o.Write(r.state(), name); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(r.Dir, study.RunsDir, name)
		if name == "a_seed-3" {
			continue
		}
		recordEpochs(t, dir, 12, 79)
		if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	report, _, err := r.Report()
	if err != nil {
		t.Fatal(err)
	}
	got := report.Arms[0].Measures["neg_mean"].Scores
	if len(got) != 3 || math.Abs(got[0].Value-39./79) > 1e-6 || got[1].Value != 7 || got[2].Value != 7 {
		t.Errorf("%+v", got)
	}
	kept, err := jobs.Outcomes(r.state())
	if err != nil || kept["a_seed-1"].Scores["neg_mean"] != 7 {
		t.Errorf("a report changed a file: %+v, %v", kept, err)
	}
	if err := r.renewScores(kept, true); err != nil {
		t.Fatal(err)
	}
	kept, err = jobs.Outcomes(r.state())
	if err != nil || kept["a_seed-1"].Scores["neg_mean"] != got[0].Value || kept["a_seed-1"].Scores["knn"] != 50 {
		t.Errorf("%+v, %v", kept, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "of 1 training were computed anew") {
		t.Errorf("notes: %q", notes)
	}
}

// No ready study has a schedule that a note would warn of, in a round of its tuning either.
func TestSchedulesOfReadyStudies(t *testing.T) {
	for _, name := range recipes.Studies() {
		s, _, err := study.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Planned(nil) {
			c.Setting = max(0, c.Setting)
			o, _, err := s.Training("out", c)
			if err != nil {
				t.Fatal(err)
			}
			for _, note := range setup.ScheduleNotes(o.Optim, o.Warm, o.BatchSize > 256) {
				t.Errorf("%s, %s: %s", name, c.Name, note)
			}
		}
	}
}

// What starts too late for the images of a study, and votes that want more images than there are, are told before
// anything is trained.
func TestNotesOnImages(t *testing.T) {
	s, err := study.Parse("s.yaml", []byte("arms: {plain: {}, auto: {ft: auto}, warm: {warm_steps: 200}}\nseeds: 1\n"+
		"options: {method: MoCov2, batch_size: 10, nce_k: 64, epochs: 20}\nevaluations: {knn: {neighbors: 80}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	noted := func(n int) string {
		var notes []string
		r := &Runner{Study: s, Dir: t.TempDir(), Note: func(text string) { notes = append(notes, text) }}
		for arm := range s.Arms {
			c := study.Cell{Arm: arm, Seed: 1}
			options, _, err := s.Training(r.Dir, c)
			if err != nil {
				t.Fatal(err)
			}
			r.noteImages(c, options, seen{Train: n, Labeled: n})
		}
		return strings.Join(notes, "\n")
	}
	got := noted(50) // 100 steps
	by := *s
	by.Tuning = &study.Tuning{By: "linear"}
	r := &Runner{Study: &by, Note: func(text string) { t.Errorf("a trial without k-NN: %s", text) }}
	options, _, err := s.Training("", study.Cell{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.noteImages(study.Cell{Round: 1, Seed: 1}, options, seen{Train: 500, Labeled: 50})
	for _, want := range []string{
		"arm auto, a training of 20 epochs: features are not transformed: that would start after step 106 at the earliest",
		"arm warm, a training of 20 epochs: the warm-up of 200 steps (--warm_steps) does not end",
		"evaluations: knn: all 50 labeled images vote, because there are fewer than 80 (neighbors)",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("got %q, want %q once", got, want)
		}
	}
	if got := noted(500); got != "" {
		t.Errorf("notes with enough images: %q", got)
	}
}

// What the scores chose, or that the transformation never began.
func TestChosen(t *testing.T) {
	c := config.DefaultContrast()
	c.Method, c.FT, c.Epochs = "Customize", "auto", 20
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	begun := `{"epoch": 1, "step": 30}` + "\n" + `{"epoch": 2, "step": 1423, "event": "mix_start", "message": "now"}` + "\n"
	for _, tc := range []struct{ record, metrics, want string }{
		{`{"config": {}, "chosen": {"mix_start_step": "9", "neg_alpha": "0.5"}}`, begun, "map[mix_start_step:9 neg_alpha:0.5]"},
		{`{"config": {}}`, begun, "map[mix_start_step:1423]"},
		{`{"config": {}}`, `{"epoch": 1, "step": 30}` + "\n", "map[mix_start_step:never]"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{rundir.RecordFile: tc.record, rundir.MetricsFile: tc.metrics} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := chosen(dir, &c); err != nil || fmt.Sprint(got) != tc.want {
			t.Errorf("%s: %v, %v, want %s", tc.record, got, err, tc.want)
		}
	}
	late := c
	late.FT, late.MixEpoch, late.MixStart = "posneg", 20, ""
	if got, err := chosen(t.TempDir(), &late); err != nil || fmt.Sprint(got) != "map[mix_start_step:never]" {
		t.Errorf("a transformation after the training: %v, %v", got, err)
	}
	if got, err := chosen(t.TempDir(), &config.Contrast{}); got != nil || err != nil {
		t.Errorf("a training without the transformation: %v, %v", got, err)
	}
}

// The scores of the last epoch have no step of another epoch, wherever it begins.
func TestLastEpoch(t *testing.T) {
	for _, length := range []int{3, 64, 79, 100} {
		const epochs = 12
		dir := t.TempDir()
		recordEpochs(t, dir, epochs, length)
		odd := float64((epochs*length+1)/2-((epochs-1)*length+1)/2) / float64(length)
		if got, err := lastEpoch(dir, "neg_mean"); err != nil || math.Abs(got-odd) > 1e-6 {
			t.Errorf("%d steps an epoch: %v, %v, want %v", length, got, err, odd)
		}
	}
}

// recordEpochs records scores of a run: 1000 before the last epoch, and there 0 and 1 in turn.
func recordEpochs(t *testing.T, dir string, epochs, length int) {
	t.Helper()
	w, err := record.NewWriter(record.Dir(dir), record.NewHeader([]string{"epoch", "neg_mean"}, nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= epochs*length; step++ {
		epoch, mean := (step-1)/length+1, 1000.0
		if epoch == epochs {
			mean = float64(step % 2)
		}
		if err := w.Add(record.Step{Step: step, Values: []float32{float32(epoch), float32(mean)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
