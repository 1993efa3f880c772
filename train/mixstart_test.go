package train

import (
	"context"
	"math"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/torch"
	"contralens/world"
)

// steps returns steps of one query with the given scores.
func scored(step int, pos, neg, variance float32) Step {
	row := make([]float32, contrast.ScoreColumns)
	row[contrast.Positive], row[contrast.MeanNegative], row[contrast.VarNegative] = pos, neg, variance
	return Step{Step: step, Scores: row}
}

func TestMixStart(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  func(i int) (s Step, filled bool)
		since int // of 100 steps; 0: never
	}{
		{"separated all along", func(i int) (Step, bool) { return scored(i, 0.8, 0.2, 0.04), true }, 100},
		{"once the queue is full", func(i int) (Step, bool) { return scored(i, 0.8, 0.2, 0.04), i >= 31 }, 130},
		{"from step 41 on", func(i int) (Step, bool) {
			if i < 41 {
				return scored(i, 0.9, 0.8, 0.01), true
			}
			return scored(i, 0.8, 0.2, 0.04), true
		}, 140},
		{"a step between starts anew", func(i int) (Step, bool) {
			if i == 15 {
				return scored(i, 0.5, 0.4, 0.04), true
			}
			return scored(i, 0.8, 0.2, 0.04), true
		}, 115},
		{"collapsed: many deviations, no gap", func(i int) (Step, bool) { return scored(i, 0.99, 0.97, 1e-6), true }, 0},
		{"a gap within the deviation", func(i int) (Step, bool) { return scored(i, 0.6, 0.1, 0.25), true }, 0},
		{"collapsed afterwards: it stays on", func(i int) (Step, bool) {
			if i > 150 {
				return scored(i, 0.99, 0.97, 1e-6), true
			}
			return scored(i, 0.8, 0.2, 0.04), true
		}, 100},
		{"nobody measured", func(i int) (Step, bool) { return Step{Step: i}, true }, 0},
		{"from statistics", func(i int) (Step, bool) {
			return Step{Step: i, Statistics: &contrast.Statistics{Seen: contrast.Distribution{PosMean: 0.8, NegMean: 0.2, NegVar: 0.04}}}, true
		}, 100},
	} {
		var m mixStart
		for i := 1; i <= 300; i++ {
			// Halfway, the state goes through a checkpoint.
			if i == 10 {
				var again mixStart
				checkpoint.Encode(m).Decode(&again)
				m = again
			}
			s, filled := c.step(i)
			m.see(s, filled, true, false)
		}
		if m.Since != c.since {
			t.Errorf("%s: sets in after step %d, want %d", c.name, m.Since, c.since)
		}
	}
}

// Scores that choose are those of 100 steps in a row, the last of which the transformation may follow.
func TestScoresOfTheStart(t *testing.T) {
	for first, want := range map[int]int{1: 100, 150: 200, 201: 300} {
		var m mixStart
		for i := 1; i <= 300 && m.Since == 0; i++ {
			d := contrast.Distribution{PosMean: 0.8, NegMean: 0.2, NegVar: 0.04}
			m.see(Step{Step: i, Statistics: &contrast.Statistics{Raw: d, Seen: d}}, true, i >= first, true)
		}
		if m.Since != want || m.Observed.Steps != separatedSteps {
			t.Errorf("it may start in step %d: after step %d with the scores of %d, want %d with %d", first, m.Since, m.Observed.Steps, want,
				separatedSteps)
		}
	}
}

// apart is a method whose scores, if collected, show that positives have separated from
// negatives. It records the λ of each step.
type apart struct {
	methods.Method
	λ []float64 // NaN: nothing was transformed
}

func (a *apart) Forward(b *methods.Batch) methods.Outcome {
	b.Collect.Statistics = true
	out := a.Method.Forward(b)
	a.λ = append(a.λ, out.Statistics.LambdaPositive)
	out.Statistics = nil // which the run did not ask for
	if out.Scores != nil {
		out.Scores = scored(0, 0.8, 0.2, 0.04).Scores
	}
	return out
}

// A run transforms features in the step that its options name, and in every later step.
func TestTransformationSetsIn(t *testing.T) {
	const batches, batch = 5, 4
	folder := writePatches(t, batches*batch, 16)
	for _, c := range []struct {
		name   string
		change func(*config.Contrast)
		first  int // step that transforms; 0: none
	}{
		{"at once", func(c *config.Contrast) {}, 1},
		{"epoch", func(c *config.Contrast) { c.MixEpoch = 2 }, 2*batches + 1},
		{"step", func(c *config.Contrast) { c.MixStep = 7 }, 8},
		{"step after epoch", func(c *config.Contrast) { c.MixEpoch, c.MixStep = 1, 8 }, 9},
		{"epoch after step", func(c *config.Contrast) { c.MixEpoch, c.MixStep = 2, 8 }, 11},
		// The queue is full after two steps; the second is the first that counts.
		{"auto", func(c *config.Contrast) { c.MixStart, c.Epochs = "auto", 22 }, 2 + separatedSteps},
		{"auto before epoch", func(c *config.Contrast) { c.MixStart, c.MixEpoch, c.Epochs = "auto", 21, 22 }, 21*batches + 1},
		{"auto, too short", func(c *config.Contrast) { c.MixStart = "auto" }, 0},
		{"without transformation", func(c *config.Contrast) { c.FT = "none" }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := methodRun(t, folder, func(config *config.Contrast) {
				config.FT, config.InputRes, config.BatchSize, config.K, config.Epochs = "posneg", 16, batch, 2*batch, 3
				c.change(config)
			})
			inTorch(t, func() {
				torch.SetThreads(1) // such small tensors gain nothing by more
				r, err := NewRun(context.Background(), world.Single(), config, t.TempDir(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				method := &apart{Method: r.Model.Method}
				r.Model.Method = method
				r.Hooks = []Hook{{Step: func(_ *Run, s Step) error {
					λ := method.λ[s.Step-1]
					if want := c.first > 0 && s.Step >= c.first; s.Transformed != want || (λ >= 1 && λ <= 2) != want || math.IsNaN(λ) == want {
						t.Errorf("step %d: transformed %v with λ %v, want %v", s.Step, s.Transformed, λ, want)
					}
					return nil
				}}}
				if err := r.Do(context.Background()); err != nil {
					t.Fatal(err)
				}
				if want := config.Epochs * batches; len(method.λ) != want || c.first > want {
					t.Errorf("%d steps, want %d", len(method.λ), want)
				}
			})
		})
	}
}

// What the scores chose in a checkpoint counts only in a training that asks for it. One that asks for more
// has it chosen anew.
func TestKeepChosen(t *testing.T) {
	chosen := mixStart{Since: 9, Observed: observed{Chosen: true, PosAlpha: 3, NegAlpha: 1, Temperature: 0.1}}
	early := mixStart{Since: 9}
	withoutTau := chosen
	withoutTau.Observed.Temperature = 0
	for name, tc := range map[string]struct {
		state mixStart
		flags func(*config.Contrast)
		want  mixStart
	}{
		"the same":             {chosen, func(c *config.Contrast) { c.FT, c.TauAuto = "auto", true }, chosen},
		"plain":                {chosen, func(*config.Contrast) {}, mixStart{Since: 9}},
		"α of its own":         {chosen, func(c *config.Contrast) { c.FT, c.MixStart, c.PosAlpha = "posneg", "auto", 4 }, mixStart{Since: 9}},
		"τ, too":               {withoutTau, func(c *config.Contrast) { c.FT, c.TauAuto = "auto", true }, mixStart{}},
		"τ of its own":         {chosen, func(c *config.Contrast) { c.FT = "auto" }, mixStart{}},
		"begun, not chosen":    {early, func(c *config.Contrast) { c.FT = "auto" }, mixStart{}},
		"not begun":            {mixStart{Separated: 5}, func(c *config.Contrast) { c.FT = "auto" }, mixStart{Separated: 5}},
		"begun, not to choose": {early, func(c *config.Contrast) { c.FT, c.MixStart = "posneg", "auto" }, early},
	} {
		c := config.DefaultContrast()
		tc.flags(&c)
		if _, err := c.Resolve(map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		if tc.state.keep(&c); tc.state != tc.want {
			t.Errorf("%s: %+v, want %+v", name, tc.state, tc.want)
		}
	}
}

// Nothing is decided before the epoch and the step that the options name.
func TestMixStartWaits(t *testing.T) {
	r := &Run{Model: &methods.Model{}, Config: config.DefaultContrast(), Dir: t.TempDir(), World: world.Single(), Say: func(string, ...any) {}}
	r.Config.FT, r.Config.MixStart, r.Config.MixEpoch, r.Config.MixStep = "posneg", "auto", 2, 250
	if _, err := r.Config.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	r.Model.Transform, r.Model.Method, r.Batches = r.Config.Transform(), filledQueue{}, 100
	hook := watchOnset()
	for r.GlobalStep < 400 && !hook.Transform(r) {
		r.GlobalStep++
		r.Epoch = 1 + r.GlobalStep/100
		if err := hook.Step(r, scored(r.GlobalStep, 0.9, 0.1, 0.01)); err != nil {
			t.Fatal(err)
		}
	}
	if want := 250; r.GlobalStep != want {
		t.Errorf("the transformation starts after step %d, want %d", r.GlobalStep, want)
	}
}
