package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/rundir"
	"contralens/torch"
	"contralens/world"
)

// separated is a method whose statistics, if collected, show that positives have separated
// from negatives.
type separated struct{ methods.Method }

func (m *separated) Forward(b *methods.Batch) methods.Outcome {
	out := m.Method.Forward(b)
	if s := out.Statistics; s != nil {
		s.Seen.PosMean, s.Seen.NegMean, s.Seen.NegVar, s.Seen.Hardest = 0.9, 0.02, 0.01, 0.55
		s.Entropy = math.Log(4)
	}
	return out
}

// With --ft auto the scores choose both α and, if asked to, τ, once. The choice is in the log, in
// run.json and in the checkpoint, and a resumed run keeps it.
func TestAutoTransformation(t *testing.T) {
	const batches, batch = 5, 4
	folder := writePatches(t, batches*batch, 16)
	c := methodRun(t, folder, func(c *config.Contrast) {
		c.FT, c.InputRes, c.BatchSize, c.K, c.Epochs, c.TauAuto, c.Temperature = "auto", 16, batch, 2*batch, 22, true, 0.2
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, rundir.RecordFile), []byte(`{"config": {}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.pth")
	said := ""
	run := func(from string, stop int) (r *Run) {
		inTorch(t, func() {
			torch.SetThreads(1) // such small tensors gain nothing by more
			var err error
			if r, err = NewRun(context.Background(), world.Single(), c, dir, nil); err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.Model.Method = &separated{r.Model.Method}
			if from != "" {
				if _, err := r.Load(from); err != nil {
					t.Fatal(err)
				}
			}
			r.Say = func(format string, args ...any) { said += strings.TrimSpace(format) + args[0].(string) + "\n" }
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			r.Hooks = []Hook{{Step: func(r *Run, s Step) error {
				if want := s.Step > 1+separatedSteps; s.Transformed != want {
					t.Errorf("step %d: transformed %v", s.Step, s.Transformed)
				}
				if s.Step == stop {
					cancel()
				}
				return nil
			}}}
			if err := r.Do(ctx); err != nil && err != ErrStopped {
				t.Fatal(err)
			}
			if stop > 0 {
				if err := r.Save(half); err != nil {
					t.Fatal(err)
				}
			}
		})
		return r
	}
	first := run("", 105)
	pos, neg, τ := first.Model.Transform.Positive, first.Model.Transform.Negative, first.Model.Temperature
	if !pos.On || !neg.On || pos.Alpha == config.DefaultContrast().PosAlpha || neg.Alpha == config.DefaultContrast().NegAlpha {
		t.Errorf("nothing was chosen: %v", first.Model.Transform)
	}
	// Of 8 negatives 4 count, which is half: τ stays.
	if τ != 0.2 {
		t.Errorf("τ %v, want 0.2", τ)
	}
	if !strings.Contains(said, "the scores chose") || !strings.Contains(said, "τ 0.2") {
		t.Errorf("the log says %q", said)
	}
	record, err := rundir.ReadRecord(dir)
	if err != nil || record.Chosen["nce_t"] != "0.2" || record.Chosen["mix_start_step"] != "101" || record.Chosen["pos_alpha"] == "" {
		t.Errorf("run.json has %v, %v", record, err)
	}
	said = ""
	again := run(half, 0)
	if got := again.Model.Transform; got.Positive != pos || got.Negative != neg || again.Model.Temperature != τ {
		t.Errorf("resumed with %v, τ %v, want %v and %v, %v", got, again.Model.Temperature, pos, neg, τ)
	}
	if strings.Contains(said, "the scores chose") {
		t.Error("a resumed run chose again")
	}
}

// A run whose positives allow no extrapolation transforms negatives alone, and says so.
func TestChosenSides(t *testing.T) {
	var o observed
	for range separatedSteps {
		o.add(Step{Statistics: &contrast.Statistics{Seen: contrast.Distribution{PosMean: 0.5, NegMean: 0.2, Hardest: 0.6}}})
	}
	r := &Run{Model: &methods.Model{}, Config: config.DefaultContrast()}
	r.Config.FT = "auto"
	if _, err := r.Config.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	r.Model.Transform = r.Config.Transform()
	o.choose(r, separatedSteps)
	o.apply(r)
	if r.Model.Transform.Positive.On || !r.Model.Transform.Negative.On || !strings.Contains(o.String(), "positives as they are") {
		t.Errorf("%v: %s", r.Model.Transform, &o)
	}
}
