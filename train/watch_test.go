package train

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/contrast"
	"contralens/data/loader"
	"contralens/methods"
	"contralens/nn"
	"contralens/optim"
	"contralens/rundir"
	"contralens/scores/vitals"
)

func TestCollapse(t *testing.T) {
	const k = 4096
	chance := contrast.Chance(k)
	run := func(c *collapse, n int, loss, same float64, full bool) (at int) {
		for i := 1; i <= n; i++ {
			if c.see(loss, k, full, same) {
				return i
			}
		}
		return 0
	}
	for _, tc := range []struct {
		name       string
		loss, same float64
		full       bool
		want       int
	}{
		{"collapsed", chance, 0.95, true, collapseSteps},
		{"within the margin", chance * 1.019, 0.41, true, collapseSteps},
		{"learning", chance * 0.97, 0.95, true, 0},
		{"worse than chance", chance * 1.03, 0.95, true, 0},
		{"spread out", chance, 0.39, true, 0},
		{"queue not full", chance, 0.95, false, 0},
	} {
		c := &collapse{}
		if at := run(c, 2*collapseSteps, tc.loss, tc.same, tc.full); at != tc.want {
			t.Errorf("%s: told at step %d, want %d", tc.name, at, tc.want)
		}
		if tc.want > 0 && run(c, 2*collapseSteps, tc.loss, tc.same, true) != 0 {
			t.Errorf("%s: told twice", tc.name)
		}
	}
	c := &collapse{}
	run(c, collapseSteps-1, chance, 0.9, true)
	run(c, 1, 7, 0.9, true)
	if run(c, collapseSteps-1, chance, 0.9, true) != 0 {
		t.Error("steps that are not in a row are counted together")
	}
	var again collapse
	if checkpoint.Encode(*c).Decode(&again); again != *c || again.Steps != collapseSteps-1 {
		t.Errorf("%+v came back as %+v", *c, again)
	}
}

// TestCollapseIsWatched: while the loss looks like a collapse, the scores of the next step
// are measured, also in the next epoch and in a resumed run.
func TestCollapseIsWatched(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize = 64, 10
	inTorch(t, func() {
		r := small(t, 60, c)
		defer r.Close()
		hook := watchCollapse()
		step := func(epoch int, loss float64) {
			t.Helper()
			s := Step{Epoch: epoch, Step: 100, Loss: loss, Negatives: 64, Scores: []float32{0.9, 0, 0, 0, 0}}
			if err := hook.Step(r, s); err != nil {
				t.Fatal(err)
			}
		}
		if hook.Collect(r).Scores {
			t.Error("scores are measured before any step")
		}
		step(1, contrast.Chance(64))
		if !hook.Collect(r).Scores {
			t.Error("after a loss at chance scores are not measured")
		}
		resumed := watchCollapse()
		resumed.Load(checkpoint.Encode(hook.State()))
		if !resumed.Collect(r).Scores {
			t.Error("a resumed run does not continue to count")
		}
		step(2, 1)
		if hook.Collect(r).Scores {
			t.Error("a loss below chance has scores measured")
		}
	})
}

// A collapse whose cause is diagnosed says what the diagnosis says.
func TestCollapseIsDiagnosed(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Alpha = 64, 10, 0
	inTorch(t, func() {
		r := small(t, 600, c)
		defer r.Close()
		var said string
		r.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
		collapses := func() string {
			said = ""
			hook := watchCollapse()
			for range collapseSteps {
				s := Step{Epoch: 1, Step: 100, Loss: contrast.Chance(64), Negatives: 64, Scores: []float32{0.9, 0, 0, 0, 0}}
				if err := hook.Step(r, s); err != nil {
					t.Fatal(err)
				}
			}
			return said
		}
		if got := collapses(); !strings.Contains(got, "lower --learning_rate, give --warm, or raise") {
			t.Errorf("without a diagnosis: %s", got)
		}
		for i := range 4 {
			line := vitals.Line{Epoch: 1, Step: 5 * i, Planned: 500, Values: map[string]float64{vitals.KeyDistance: 0, vitals.Gradient: 1}}
			if err := vitals.Append(r.Dir, line); err != nil {
				t.Fatal(err)
			}
		}
		if got := collapses(); !strings.Contains(got, "the diagnosis (key-identical) says what to do: a momentum of the key encoder") ||
			strings.Contains(got, "--warm") {
			t.Errorf("with a diagnosis: %s", got)
		}
	})
}

func TestSimilarity(t *testing.T) {
	if got := similarity(Step{Scores: []float32{0.25, 0, 9, 9, 9, 0.75, 0, 9, 9, 9}}); got != 0.5 {
		t.Errorf("from scores: %v", got)
	}
	if got := similarity(Step{Statistics: &contrast.Statistics{Seen: contrast.Distribution{NegMean: 0.3}}}); got != 0.3 {
		t.Errorf("from statistics: %v", got)
	}
	if got := similarity(Step{}); got == got {
		t.Errorf("from nothing: %v", got)
	}
}

// small returns a run on images that are never read.
func small(t *testing.T, images int, c config.Contrast) *Run {
	t.Helper()
	m, err := methods.NewModel(methods.Options{Memory: "moco", Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", FeatDim: 8}, K: c.K, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{Config: c, Dir: t.TempDir(), Train: fake{make([]int, images)}, Batches: loader.Batches(images, c.BatchSize, false), Model: m, Epoch: 1}
	r.Schedule = optim.Schedule{Rate: 0.1, Epochs: c.Epochs, Cosine: true, DecayRate: 0.1}
	return r
}

func TestWarnings(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs = 64, 10, 10
	warned := func(c config.Contrast, want ...string) {
		t.Helper()
		inTorch(t, func() {
			r := small(t, 60, c)
			defer r.Close()
			got := r.Warnings()
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i, w := range want {
				if !strings.Contains(got[i], w) {
					t.Errorf("got %q, want %q", got[i], w)
				}
			}
		})
	}
	warned(c, "the queue (64 keys) is longer than the dataset (60 images)")
	c.K = 60
	warned(c)
	c.BatchSize = 61
	warned(c, "smaller than a batch")
	c.BatchSize, c.Epochs, c.SaveFreq = 10, 50_000_000, 1
	warned(c, "give --keep or a larger --save_freq")
	c.Record = false
	c.Keep = 3
	warned(c)
}

// What starts too late is found from options and a number of images as from a run.
func TestTooLate(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.FT, c.WarmSteps, c.Method = 64, 10, 20, "auto", 121, "Customize"
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	for images, want := range map[int]int{41: 2, 50: 2, 55: 1, 71: 0} { // 80 steps, as a last batch of one is left out; 100, 120 and 140
		inTorch(t, func() {
			r := small(t, images, c)
			defer r.Close()
			r.Batches = loader.Batches(images, c.BatchSize, dropsLast(images, c.BatchSize))
			got := TooLate(&c, images)
			if run := tooLate(&r.Config, r.Batches, r.fresh()); len(got) != want || !slices.Equal(got, run) {
				t.Errorf("%d images: %q, want %d as of the run: %q", images, got, want, run)
			}
		})
	}
}

// The scores can start the transformation after the step that TestAutoTransformation has, and no earlier.
func TestEarliest(t *testing.T) {
	const batch = 4
	for epochs, want := range map[int]int{101: 1, 102: 0} { // of one step
		c := config.DefaultContrast()
		c.Method, c.FT, c.BatchSize, c.K, c.Epochs = "Customize", "auto", batch, 2*batch, epochs
		if _, err := c.Resolve(nil); err != nil {
			t.Fatal(err)
		}
		if got := TooLate(&c, batch); len(got) != want {
			t.Errorf("%d steps: %q", epochs, got)
		}
	}
}

// diskNeed is close to what the checkpoints of a run take.
func TestDiskNeed(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.SaveFreq, c.Record = 500, 10, 4, 1, false
	inTorch(t, func() {
		r := small(t, 60, c)
		defer r.Close()
		need := r.diskNeed()
		for _, name := range []string{rundir.CurrentFile, rundir.EpochFile(1), rundir.EpochFile(2), rundir.EpochFile(3), rundir.EpochFile(4), ".work"} {
			if err := r.Save(filepath.Join(r.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		took := int64(0)
		files, err := os.ReadDir(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, _ := f.Info()
			took += info.Size()
		}
		if ratio := float64(took) / float64(need); ratio < 0.9 || ratio > 1.5 {
			t.Errorf("estimated %d bytes, took %d", need, took)
		}
		if left := r.diskNeed(); left != max(0, need-took) {
			t.Errorf("with everything there %d bytes are still needed", left)
		}
		for n, want := range map[int64]string{12_000_000_000: "12 GB", 3_500_000: "4 MB"} {
			if got := megabytes(n); got != want {
				t.Errorf("%d bytes are %s, want %s", n, got, want)
			}
		}
	})
}
