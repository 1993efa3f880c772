package diagnose

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// sound is a training in which nothing is wrong, after six lines.
func sound() Case {
	c := Case{Images: 2048, Options: map[string]string{
		"mem": "moco", "nce_k": "512", "nce_t": "0.1", "alpha": "0.99", "learning_rate": "0.06", "momentum": "0.9",
		"batch_size": "64", "bn_splits": "1", "shuffle_bn": "exchange", "feat_dim": "128", "weight_decay": "0.0005",
	}}
	c.Lines = append(c.Lines, vitals.Line{Planned: 256, Inputs: &vitals.Inputs{Images: 2048, Sampled: 256, Gray: 0.01}})
	for i := range 6 {
		x := float64(i)
		c.Lines = append(c.Lines, vitals.Line{Epoch: 1, Step: max(1, 5*i), Planned: 256, Values: map[string]float64{
			vitals.ViewDeviation: 0.8, vitals.ViewFlat: 0, vitals.ViewRatio: 0.65, vitals.ViewEqual: 0.02,
			vitals.ColorBetween: 1.2, vitals.ColorRed: 0.05 * float64(i%2), vitals.ColorGreen: 0, vitals.ColorBlue: 0,
			vitals.Order: 1.02, vitals.Spread: 0.12 + 0.01*x, vitals.Dims: 8 - x, vitals.EmbeddingNorm: 1,
			vitals.QueryNorm: 40.3 + 0.01*x, vitals.KeyNorm: 40.3 + 0.001*x, vitals.KeyDistance: 0.015 * x,
			vitals.Gradient: 1.5, vitals.Loss: 6 - 0.1*x, vitals.Chance: 6.24, vitals.Accuracy: 5 * x, vitals.Rate: 0.06,
			vitals.Positive: 0.9 - 0.05*x, vitals.Negative: 0.85 - 0.1*x, vitals.Deviation: 0.1, vitals.Effective: 0.8,
			vitals.Uniformity: -0.5 - 0.1*x, vitals.Fill: 1, vitals.Transformed: 0, vitals.Own: 0,
		}})
	}
	return c
}

// each sets a figure in the lines of steps, by the number of the line from 0.
func each(c *Case, name string, value func(i int) float64) {
	for i := range c.Lines[1:] {
		c.Lines[i+1].Values[name] = value(i)
	}
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

// TestDiagnose: each rule with evidence for it, with evidence that is not enough, and with mixed evidence.
func TestDiagnose(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(c *Case)
		want   string // cause: certainty; empty: nothing
	}{
		{"sound", func(*Case) {}, ""},
		{"nothing recorded", func(c *Case) { c.Lines = nil }, ""},
		{"no options", func(c *Case) { c.Options = nil }, ""},

		{"black files", func(c *Case) { c.Lines[0].Inputs.Flat = 0.4 }, "flat-inputs: sure"},
		{"some black files", func(c *Case) { c.Lines[0].Inputs.Flat = 0.1 }, ""},
		{"flat views", func(c *Case) { each(c, vitals.ViewFlat, constant(0.6)) }, "flat-inputs: sure"},
		{"gray", func(c *Case) { c.Lines[0].Inputs.Gray = 1 }, "gray-inputs: note"},

		{"equal views", func(c *Case) { each(c, vitals.ViewEqual, constant(0.5)) }, "dead-views: sure"},
		{"near views", func(c *Case) { each(c, vitals.ViewRatio, constant(0.1)) }, "dead-views: sure"},
		{"weak augmentation", func(c *Case) { each(c, vitals.ViewRatio, constant(0.3)) }, ""},

		{"copies", func(c *Case) { c.Lines[0].Inputs.Twins, c.Lines[0].Inputs.Copies = 60, 4 }, "duplicates: sure"},
		{"few copies", func(c *Case) { c.Lines[0].Inputs.Twins, c.Lines[0].Inputs.Copies = 6, 0.1 }, ""},
		{"a chance pair", func(c *Case) { c.Lines[0].Inputs.Twins, c.Lines[0].Inputs.Copies = 1, 0.6 }, ""},

		{"in order, and batches differ", func(c *Case) {
			each(c, vitals.Order, constant(0.03))
			each(c, vitals.ColorRed, func(i int) float64 { return 0.8 * float64(i%2) })
		}, "not-shuffled: sure"},
		{"in order, and batches are alike", func(c *Case) { each(c, vitals.Order, constant(0.03)) },
			"not-shuffled: cannot tell"},
		{"batches differ, in a random order", func(c *Case) {
			each(c, vitals.ColorRed, func(i int) float64 { return 0.8 * float64(i%2) })
		}, ""},

		{"frozen", func(c *Case) {
			each(c, vitals.KeyNorm, constant(40.3))
			c.Options["alpha"] = "1"
		}, "key-frozen: sure"},
		{"the same norm though α says otherwise", func(c *Case) { each(c, vitals.KeyNorm, constant(40.3)) },
			"key-frozen: cannot tell"},
		{"the same norm, and nothing moved", func(c *Case) {
			each(c, vitals.KeyNorm, constant(40.3))
			each(c, vitals.KeyDistance, constant(0.0001))
		}, ""},
		{"no momentum", func(c *Case) { each(c, vitals.KeyDistance, constant(0)) }, "key-identical: sure"},
		{"no momentum and no gradient", func(c *Case) {
			each(c, vitals.KeyDistance, constant(0))
			each(c, vitals.Gradient, constant(0))
			c.Options["learning_rate"] = ""
		}, ""},

		{"leak", func(c *Case) {
			c.Options["shuffle_bn"], c.Options["bn_splits"] = "none", "16"
			each(c, vitals.GroupGap, constant(-0.12))
		}, "bn-leak: sure"},
		{"no gap so far", func(c *Case) {
			c.Options["shuffle_bn"], c.Options["bn_splits"] = "none", "16"
			each(c, vitals.GroupGap, func(i int) float64 { return 0.05 * float64(1-2*(i%2)) })
		}, "bn-leak: cannot tell"},
		{"shuffled", func(c *Case) {
			c.Options["bn_splits"] = "16"
			each(c, vitals.GroupGap, constant(-0.12))
		}, ""},

		{"long queue", func(c *Case) { c.Options["nce_k"] = "4096" }, "queue-too-long: sure"},
		{"long queue, masked", func(c *Case) { c.Options["nce_k"], c.Options["mask_self"] = "4096", "true" }, ""},
		{"long bank", func(c *Case) { c.Options["nce_k"], c.Options["mem"] = "4096", "bank" }, ""},

		{"high τ", func(c *Case) {
			c.Options["nce_t"] = "5"
			each(c, vitals.Effective, constant(0.999))
		}, "tau-high: sure"},
		{"all negatives alike, at a usual τ", func(c *Case) { each(c, vitals.Effective, constant(0.999)) }, ""},
		{"low τ", func(c *Case) {
			c.Options["nce_t"] = "0.004"
			each(c, vitals.Effective, constant(0.003))
		}, "tau-low: sure"},
		{"one hard negative, at a usual τ", func(c *Case) { each(c, vitals.Effective, constant(0.003)) }, ""},

		{"high rate", func(c *Case) {
			each(c, vitals.QueryNorm, func(i int) float64 { return 40 + 20*float64(i) })
			each(c, vitals.Spread, func(i int) float64 { return []float64{0.12, 1e-5, 0.1, 0.2, 0.2, 0.2}[i] })
		}, "rate-high: sure"},
		{"growing weights, embeddings apart", func(c *Case) {
			each(c, vitals.QueryNorm, func(i int) float64 { return 40 + 20*float64(i) })
		}, "rate-high: cannot tell"},
		{"weights that swing below their first norm", func(c *Case) {
			each(c, vitals.QueryNorm, func(i int) float64 { return 40 - 8*float64(i%2) })
		}, ""},
		{"low rate", func(c *Case) { c.Options["learning_rate"] = "0.000001" }, "rate-low: sure"},
		{"low rate of AdamW", func(c *Case) {
			c.Options["learning_rate"], c.Options["optimizer"] = "0.000001", "adamw"
		}, ""},

		{"narrow", func(c *Case) { c.Options["feat_dim"] = "2" }, "narrow-head: sure"},
		{"scores grow", func(c *Case) {
			each(c, vitals.EmbeddingNorm, func(i int) float64 { return 5 * float64(i+1) })
		}, "nan-near: sure"},
		{"gradients grow", func(c *Case) {
			each(c, vitals.Gradient, func(i int) float64 { return 2 * float64(i*i*i*i) })
		}, "nan-near: sure"},
		{"a head without normalization that stays", func(c *Case) { each(c, vitals.EmbeddingNorm, constant(5)) }, ""},

		{"one point", func(c *Case) {
			each(c, vitals.Spread, func(i int) float64 { return 0.12 / float64(1+i*i*i) })
		}, "complete-collapse: sure"},
		{"an untrained network near one point", func(c *Case) { each(c, vitals.Spread, constant(0.002)) }, ""},
		{"one point for a line", func(c *Case) {
			each(c, vitals.Spread, func(i int) float64 { return []float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.001}[i] })
		}, ""},
		{"few dimensions as weights vanish", func(c *Case) {
			each(c, vitals.QueryNorm, func(i int) float64 { return 40 - 6*float64(i) })
			each(c, vitals.Dims, constant(1.5))
		}, "dimensional-collapse: sure"},
		{"few dimensions, early", func(c *Case) { each(c, vitals.Dims, constant(1.5)) }, ""},
		{"few dimensions by the spectrum", func(c *Case) {
			each(c, vitals.Dims, constant(1.5))
			c.Spectra = spectra(1.6, 0.02)
		}, "dimensional-collapse: sure"},
		{"few dimensions by the spectrum, not in batches", func(c *Case) {
			each(c, vitals.Dims, constant(9))
			c.Spectra = spectra(1.6, 0.02)
		}, "dimensional-collapse: cannot tell"},
		{"a wide spectrum", func(c *Case) {
			each(c, vitals.Dims, constant(1.5))
			c.Spectra = spectra(20, 0.4)
		}, ""},

		{"transformed at once", func(c *Case) {
			each(c, vitals.Transformed, constant(1))
			each(c, vitals.Spread, func(i int) float64 { return 0.12 / float64(1+3*i) })
			each(c, vitals.Negative, constant(0.95))
		}, "ft-early: sure"},
		{"transformed, and apart", func(c *Case) { each(c, vitals.Transformed, constant(1)) }, ""},
		{"transformed while the queue fills", func(c *Case) {
			each(c, vitals.Transformed, constant(1))
			each(c, vitals.Spread, func(i int) float64 { return 0.12 / float64(1+3*i) })
			each(c, vitals.Negative, constant(0.95))
			each(c, vitals.Fill, constant(0.5))
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := sound()
			tc.change(&c)
			var got []string
			for _, d := range Diagnose(c) {
				got = append(got, string(d.Cause)+": "+string(d.Certainty))
				if d.Title == "" || d.Remedy == "" || len(d.Evidence) == 0 || (d.Certainty == Unclear) != (d.Tell != "") {
					t.Errorf("want a title, a remedy, evidence, and what would tell if it is unclear, got %+v", d)
				}
				for _, e := range d.Evidence {
					if e.Where == "" || strings.Contains(e.Text, "NaN") || strings.Contains(e.Text, "%!") {
						t.Errorf("evidence %+v", e)
					}
				}
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

func spectra(rank, alive float64) []spectrum.Line {
	return []spectrum.Line{{Epoch: 1, Step: 25, Head: &spectrum.Space{Dim: 128, Values: map[string]float64{
		spectrum.RankMeName: rank, spectrum.AliveName: alive,
	}}}}
}

// A cause hides the symptoms that it explains, and nothing else.
func TestExplained(t *testing.T) {
	c := sound()
	c.Options["nce_t"] = "0.004"
	each(&c, vitals.Effective, constant(0.003))
	each(&c, vitals.QueryNorm, func(i int) float64 { return 40 + 20*float64(i) })
	each(&c, vitals.Spread, func(i int) float64 { return 0.12 / float64(1+i*i*i*i) })
	c.Lines[0].Inputs.Twins, c.Lines[0].Inputs.Copies = 60, 4
	var got []Cause
	for _, d := range Diagnose(c) {
		got = append(got, d.Cause)
	}
	if !slices.Equal(got, []Cause{Duplicates, TauLow}) {
		t.Errorf("got %v", got)
	}
}

// A training in which nothing was found is healthy only after enough steps and measurements.
func TestEarly(t *testing.T) {
	after := func(step, planned, measured int) Case {
		c := sound()
		c.Lines = c.Lines[:1+measured]
		for i := range c.Lines {
			c.Lines[i].Planned = planned
		}
		c.Lines[measured].Step = step
		return c
	}
	for _, tc := range []struct {
		c    Case
		want string // in the text
	}{
		{after(7, 782, 2), "too early to tell: step 7 was the last that was measured, and a training is called healthy from " +
			"step 200 on; so far no known fault is sure"},
		{after(156, 156, 6), "too short to tell: it has 156 steps"},
		{after(500, 1e6, 1), "too early to tell after 1 measurement: some faults need 4"},
		{after(200, 782, 4), "nothing stands out"},
	} {
		var b bytes.Buffer
		if err := Write(&b, tc.c, Diagnose(tc.c)); err != nil || !strings.Contains(b.String(), tc.want) {
			t.Errorf("want %q, got %v\n%s", tc.want, err, b.String())
		}
		tc.c.Options["feat_dim"] = "2" // what is sure is sure at any step
		b.Reset()
		found := Diagnose(tc.c)
		if err := Write(&b, tc.c, found); err != nil || len(found) > 0 && strings.Contains(b.String(), "to tell") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
	if c := (&Case{}); c.Early() != "" {
		t.Errorf("nothing recorded: %s", c.Early())
	}
}

// Each cause has a place in the order.
func TestCauses(t *testing.T) {
	seen := map[Cause]bool{}
	for _, c := range Causes {
		if seen[c] {
			t.Errorf("%s is listed twice", c)
		}
		seen[c] = true
	}
	if len(seen) != 18 {
		t.Errorf("%d causes: %v", len(seen), seen)
	}
}

// Read reads what a run has written; what is missing is a sentence.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir + "/none"); err == nil || !strings.Contains(err.Error(), "there is no directory") {
		t.Errorf("no directory: %v", err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), rundir.RecordFile) {
		t.Errorf("no run: %v", err)
	}
	record := []byte(`{"config": {"mem": "moco", "feat_dim": "2"}}`)
	if err := os.WriteFile(filepath.Join(dir, rundir.RecordFile), record, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), vitals.FileName) {
		t.Errorf("nothing recorded: %v", err)
	}
	for _, l := range sound().Lines {
		if err := vitals.Append(dir, l); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Read(dir); err != nil || c.Images != 2048 || len(c.Lines) != 7 || c.Options["mem"] != "moco" {
		t.Errorf("got %+v, %v", c, err)
	}
	var b bytes.Buffer
	path := filepath.Join(dir, vitals.FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(dir); err != nil || Write(&b, c, nil) != nil || !strings.Contains(b.String(), "note: "+vitals.FileName+": line 7 of 7 is cut off") {
		t.Errorf("a file that is cut off: %v, %s", err, b.String())
	}
	b.Reset()
	c := sound()
	c.Options["feat_dim"] = "2"
	if err := Write(&b, c, Diagnose(c)); err != nil || !strings.Contains(b.String(), "after step 25 of 256 (10 %)") ||
		!strings.Contains(b.String(), "what to do: more dimensions: --feat_dim 128") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
