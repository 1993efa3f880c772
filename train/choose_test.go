package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/checkpoint"
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
		s.Raw, s.Entropy = s.Seen, math.Log(2)
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
			r.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
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
	// Of 8 negatives 2 count: τ √(ln 4 / ln 2) makes it half.
	if τ != 0.283 {
		t.Errorf("τ %v, want 0.283", τ)
	}
	if !strings.Contains(said, "the scores chose") || !strings.Contains(said, "τ 0.283") {
		t.Errorf("the log says %q", said)
	}
	record, err := rundir.ReadRecord(dir)
	if err != nil || record.Chosen["nce_t"] != "0.283" || record.Chosen["mix_start_step"] != "101" || record.Chosen["pos_alpha"] == "" {
		t.Errorf("run.json has %v, %v", record, err)
	}
	said = ""
	again := run(half, 0)
	if got := again.Model.Transform; got.Positive != pos || got.Negative != neg || again.Model.Temperature != τ {
		t.Errorf("resumed with %v, τ %v, want %v and %v, %v", got, again.Model.Temperature, pos, neg, τ)
	}
	if strings.Contains(said, "features are transformed") {
		t.Error("a resumed run chose again")
	}
	if !strings.Contains(said, "the scores chose before: α ") {
		t.Errorf("the log of the resumed run says %q, want what was chosen", said)
	}
}

// Positives that allow no extrapolation at the start are looked at again, and transformed
// once they do; what was chosen before stays.
func TestChosenSides(t *testing.T) {
	r := &Run{Model: &methods.Model{}, Config: config.DefaultContrast(), Dir: t.TempDir(), World: world.Single()}
	r.Config.FT = "auto"
	if _, err := r.Config.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	said := ""
	r.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
	r.Model.Transform = r.Config.Transform()
	hook := watchOnset()
	steps := func(n int, positive float64) {
		for range n {
			r.GlobalStep++
			d := contrast.Distribution{PosMean: positive, NegMean: 0.1, NegVar: 0.04, Hardest: 0.6}
			if err := hook.Step(r, Step{Step: r.GlobalStep, Statistics: &contrast.Statistics{Raw: d, Seen: d}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Epoch = r.Config.Epochs - 1
	for _, want := range []string{"", "note: no features were transformed"} {
		if err := hook.Epoch(r); err != nil || (said == "") != (want == "") || !strings.Contains(said, want) {
			t.Errorf("epoch %d: %v, said %q, want %q", r.Epoch, err, said, want)
		}
		r.Epoch++
	}
	r.Epoch = 1
	r.GlobalStep = r.Config.K // beyond which the queue is full
	r.Config.BatchSize = 1
	r.Model.Method = filledQueue{}
	steps(separatedSteps, 0.5)
	first := r.Model.Transform
	if first.Positive.On || !first.Negative.On || !strings.Contains(said, "positives as they are so far") {
		t.Errorf("%v: %s", first, said)
	}
	if c := hook.Collect(r); !c.Statistics {
		t.Error("scores are not looked at any more")
	}
	steps(separatedSteps, 0.5)
	if r.Model.Transform.Positive.On {
		t.Errorf("positives as near as before are transformed: %v", r.Model.Transform)
	}
	// The state goes through a checkpoint.
	state := checkpoint.Encode(hook.State())
	hook = watchOnset()
	hook.Load(state)
	r.Epoch = r.Config.Epochs
	steps(separatedSteps, 0.9)
	if r.Model.Transform.Positive.On {
		t.Errorf("positives are transformed at the end of the training: %v", r.Model.Transform)
	}
	r.Epoch = 1
	steps(separatedSteps, 0.9)
	last := r.Model.Transform
	if !last.Positive.On || last.Negative != first.Negative || !strings.Contains(said, "they are from step") {
		t.Errorf("%v: %s", last, said)
	}
	if c := hook.Collect(r); c.Statistics {
		t.Error("scores are still looked at")
	}
}

// filledQueue is a method with a queue of one key.
type filledQueue struct{ methods.Method }

func (filledQueue) State() methods.State { return methods.State{Queue: 1} }
