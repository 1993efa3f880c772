package train

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/torch"
	"contralens/world"
)

// Relatives of the loss, optimizers and schedules of every kind: an interrupted run that is
// resumed ends with the same bits, and the schedules move what they name.
func TestRelativesResume(t *testing.T) {
	folder := writePatches(t, 40, 32)
	for name, change := range map[string]func(c *config.Contrast){
		"AdamW, HCL, swinging τ": func(c *config.Contrast) {
			c.Optimizer.Optimizer, c.Relatives.Loss, c.HighestTau, c.DecayWeights, c.WarmSteps = "adamw", "hcl", 1, true, 3
			c.Temperature, c.LearningRate, c.Cosine = 0.2, 0.001, true
		},
		"SynCo on a queue with FT": func(c *config.Contrast) {
			c.Synthetic, c.From, c.Counts, c.SyntheticStart, c.FT = "synco", 8, []int{2, 2, 2, 1, 1, 1}, 1, "posneg"
		},
		"Un-Mix": func(c *config.Contrast) { c.ImageMixup = "unmix" },
		"LARS, MACL, rising momentum": func(c *config.Contrast) {
			c.Optimizer.Optimizer, c.Relatives.Loss, c.AlphaSchedule, c.FT = "lars", "macl", "cosine", "posneg"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := methodRun(t, folder, func(c *config.Contrast) {
				c.Epochs, c.Limit = 2, 40
				change(c)
			})
			losses, state := follows(t, c, "", "", 0)
			const stop = 3
			if len(losses) < 2*stop {
				t.Fatalf("%d steps, want more than %d", len(losses), 2*stop)
			}
			half := filepath.Join(t.TempDir(), "half.pth")
			first, _ := follows(t, c, "", half, stop)
			rest, resumed := follows(t, c, half, "", 0)
			if fmt.Sprint(append(first, rest...)) != fmt.Sprint(losses) {
				t.Errorf("losses of an interrupted run\n got %.5f\nwant %.5f", append(first, rest...), losses)
			}
			for i := range state {
				if !slices.Equal(state[i], resumed[i]) {
					t.Fatalf("tensor %d differs after an interruption", i)
				}
			}
			c.Optimizer.Optimizer = map[string]string{"adamw": "sgd", "lars": "adamw", "sgd": "adamw"}[c.Optimizer.Optimizer]
			err := torch.Run(func() error {
				r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
				if err != nil {
					return err
				}
				defer r.Close()
				if _, err := r.Load(half); err == nil || !strings.Contains(err.Error(), "it was trained with --optimizer") {
					t.Errorf("resuming with %s: error %v", c.Optimizer.Optimizer, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The temperature starts high and the momentum low, and both move with the steps. Synthetic negatives come after
// their epoch; mixed images and the warm-up are those of the options.
func TestAdjust(t *testing.T) {
	c := methodRun(t, writePatches(t, 40, 32), func(c *config.Contrast) {
		c.Epochs, c.HighestTau, c.AlphaSchedule, c.Temperature, c.Alpha = 2, 1, "cosine", 0.2, 0.9
		c.K, c.Synthetic, c.From, c.Counts, c.SyntheticStart = 10, "mochi", 8, []int{4, 1}, 1
		c.ImageMixup, c.WarmSteps = "imix", 2
	})
	err := torch.Run(func() error {
		r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
		if err != nil {
			return err
		}
		defer r.Close()
		for step, want := range map[int][2]float64{0: {1, 0.9}, r.Batches: {0.2, 0.95}, 2 * r.Batches: {1, 1}} {
			r.GlobalStep = step
			if r.adjust(); fmt.Sprintf("%.6f %.6f", r.Model.Temperature, r.Model.Alpha) != fmt.Sprintf("%.6f %.6f", want[0], want[1]) {
				t.Errorf("step %d: τ %v, momentum %v, want %v", step, r.Model.Temperature, r.Model.Alpha, want)
			}
		}
		for epoch, want := range map[int]int{1: 0, 2: 5} {
			r.Epoch = epoch
			r.adjust()
			if got := r.Model.Synthesis.Len(); got != want {
				t.Errorf("epoch %d: %d synthetic negatives, want %d", epoch, got, want)
			}
		}
		if r.Model.Mixture.Kind != "imix" || r.Schedule.WarmSteps != 2 {
			t.Errorf("mixture %+v, warm-up of %d steps", r.Model.Mixture, r.Schedule.WarmSteps)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The first lines of a training say what the loss is, and notes what never happens.
func TestObjective(t *testing.T) {
	folder := writePatches(t, 40, 32)
	for name, tc := range map[string]struct {
		change      func(c *config.Contrast)
		want, noted string
	}{
		"InfoNCE": {func(*config.Contrast) {}, "; loss at chance ln(K+1) = ", ""},
		"DCL":     {func(c *config.Contrast) { c.Relatives.Loss = "dcl" }, "; --loss dcl, at chance ", ""},
		"RINCE":   {func(c *config.Contrast) { c.Relatives.Loss, c.ImageMixup = "rince", "imix" }, "; --loss rince; images of queries are mixed (--image_mixup imix)", ""},
		"MoCHi": {func(c *config.Contrast) { c.K, c.Synthetic, c.From, c.Counts = 10, "mochi", 8, []int{4, 1} },
			"; loss at chance ln(K+1) = 2.398; 5 negatives of --synthetic mochi from epoch 11 on, at chance 2.773 then", "no synthetic negatives are added"},
		"schedule":          {func(c *config.Contrast) { c.Temperature, c.HighestTau = 0.1, 0.5 }, "; τ between 0.1 and 0.5 (--nce_t_high)", ""},
		"FT":                {func(c *config.Contrast) { c.MixNorm, c.MixEpoch = true, 2 }, "ln(K+1)", "features are not transformed: that would start after epoch 2, and the training has 2 epochs"},
		"all of it warm-up": {func(c *config.Contrast) { c.WarmSteps = 2 * ((40 + c.BatchSize - 1) / c.BatchSize) }, "ln(K+1)", "until the last step"},
		"warm-up":           {func(c *config.Contrast) { c.WarmSteps = 500 }, "ln(K+1)", "does not end within the training"},
	} {
		t.Run(name, func(t *testing.T) {
			c := methodRun(t, folder, func(c *config.Contrast) { c.Epochs = 2; tc.change(c) })
			err := torch.Run(func() error {
				r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
				if err != nil {
					return err
				}
				defer r.Close()
				if got := r.objective(); !strings.Contains(got, tc.want) {
					t.Errorf("got %q, want %q", got, tc.want)
				}
				notes := strings.Join(r.Warnings(), "\n")
				if tc.noted != "" && !strings.Contains(notes, tc.noted) {
					t.Errorf("notes %q, want %q", notes, tc.noted)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
