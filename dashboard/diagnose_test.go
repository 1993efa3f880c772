package dashboard

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/diagnose"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// TestDiagnose: each rule, with evidence for it, and with slightly different evidence
// that is not enough.
func TestDiagnose(t *testing.T) {
	config.Memories["outside"] = config.Memory{}
	defer delete(config.Memories, "outside")
	sound := Evidence{
		Tau: 0.2, Alpha: 0.999, K: 4096, Keys: 256, FT: "posneg", Step: 5000,
		Recent: map[string]float64{"loss": 6, "accuracy": 40, "pos_mean": 0.7, "neg_mean": 0.02, "uniformity": -3, "hardest_neg": 0.6, "effective_negatives": 500},
		Jumps:  map[string]float64{"raw_neg_mean": 0.004}, KNN: []float64{30, 45},
	}
	with := func(change func(*Evidence)) Evidence {
		e := sound
		e.Recent, e.Jumps = maps.Clone(e.Recent), maps.Clone(e.Jumps)
		change(&e)
		return e
	}
	recent := func(values map[string]float64) func(*Evidence) {
		return func(e *Evidence) { maps.Copy(e.Recent, values) }
	}
	heading := func(now, before float64, step int) func(*Evidence) {
		return func(e *Evidence) {
			e.Recent["uniformity"], e.Earlier, e.Step = now, map[string]float64{"uniformity": before}, step
		}
	}
	for _, c := range []struct {
		name string
		e    Evidence
		want []string
	}{
		{"sound", sound, []string{"healthy"}},
		{"own images push", with(recent(map[string]float64{"grad_own": 0.06, "grad_age": 7})), []string{"own"}},
		{"own images hardly push", with(recent(map[string]float64{"grad_own": 0.04})), []string{"healthy"}},
		{"a detector", Evidence{Step: 600, Recent: map[string]float64{"loss_cls": 0.3, "ap": 50}}, nil},
		{"a young detector", Evidence{Step: 20, Recent: map[string]float64{"loss_cls": 0.3}}, nil},
		{"nothing recorded", Evidence{}, nil},
		{"collapsed", with(recent(map[string]float64{"uniformity": -0.1, "neg_mean": 0.9, "pos_mean": 0.95})), []string{"collapse"}},
		{"half collapsed", with(recent(map[string]float64{"uniformity": -1.1, "neg_mean": 0.6, "pos_mean": 0.8})), []string{"collapse"}},
		{"nearly spread", with(recent(map[string]float64{"uniformity": -1.5, "neg_mean": 0.4})), []string{"healthy"}},
		{"collapsed, by scores alone", with(func(e *Evidence) {
			delete(e.Recent, "uniformity")
			e.Recent["neg_mean"] = 0.85
		}), []string{"collapse"}},
		{"collapsed before FT though negatives are mixed", with(func(e *Evidence) {
			delete(e.Recent, "uniformity")
			e.Recent["raw_neg_mean"], e.Recent["neg_mean"] = 0.85, 0.3
		}), []string{"collapse"}},
		{"close, but moving apart", with(heading(-0.9, -0.5, 5000)), []string{"close"}},
		{"close and moving together", with(heading(-0.9, -2, 300)), []string{"collapse"}},
		{"close, level and young", with(heading(-0.6, -0.6, 1500)), []string{"close"}},
		{"close, level and old", with(heading(-0.6, -0.6, 2500)), []string{"collapse"}},
		{"one point, young", with(heading(-0.05, -0.06, 500)), []string{"close"}},
		{"one point, young, and the training warned", with(func(e *Evidence) {
			heading(-0.05, -0.06, 500)(e)
			e.Collapse = 240
		}), []string{"collapse"}},
		{"the training warned, but the features moved apart", with(func(e *Evidence) {
			heading(-0.5, -0.8, 900)(e)
			e.Recent["uniformity"], e.Collapse = -2.5, 240
		}), []string{"healthy"}},
		{"one point", with(heading(-0.05, -0.06, 1500)), []string{"collapse"}},
		{"close by scores alone, and moving apart", with(func(e *Evidence) {
			delete(e.Recent, "uniformity")
			e.Recent["neg_mean"], e.Earlier = 0.6, map[string]float64{"neg_mean": 0.8}
		}), []string{"close"}},
		{"close by scores alone, and moving together", with(func(e *Evidence) {
			delete(e.Recent, "uniformity")
			e.Step, e.Alpha, e.Recent["neg_mean"] = 1000, 0.99, 0.6
			e.Earlier = map[string]float64{"neg_mean": 0.4}
		}), []string{"collapse"}},
		{"leak", with(func(e *Evidence) { e.Recent["accuracy"], e.KNN = 97, []float64{30, 30.5} }), []string{"leak"}},
		{"solved and learning", with(func(e *Evidence) { e.Recent["accuracy"], e.KNN = 97, []float64{30, 45} }), []string{"healthy"}},
		{"flat but not solved", with(func(e *Evidence) { e.KNN = []float64{30, 30} }), []string{"healthy"}},
		{"solved, one k-NN only", with(func(e *Evidence) { e.Recent["accuracy"], e.KNN = 97, []float64{30} }), []string{"healthy"}},
		{"key encoder too fast", with(func(e *Evidence) { e.Alpha, e.Jumps["raw_neg_mean"] = 0.5, 0.05 }), []string{"key-fast"}},
		{"fast but steady", with(func(e *Evidence) { e.Alpha = 0.5 }), []string{"healthy"}},
		{"jumps at a high temperature", with(func(e *Evidence) { e.Alpha, e.Tau, e.Jumps["raw_neg_mean"] = 0.5, 1, 0.05 }), []string{"healthy"}},
		{"jumps of mixed negatives only", with(func(e *Evidence) { e.Alpha, e.Jumps = 0.5, map[string]float64{"neg_mean": 0.2} }), []string{"healthy"}},
		{"jumps without FT", with(func(e *Evidence) { e.Alpha, e.FT, e.Jumps = 0.5, "none", map[string]float64{"neg_mean": 0.2} }), []string{"key-fast"}},
		{"key encoder too slow", with(func(e *Evidence) { e.Alpha, e.Recent["pos_mean"] = 0.9999, 0.1 }), []string{"key-slow"}},
		{"key encoder fixed", with(func(e *Evidence) { e.Alpha, e.Recent["pos_mean"] = 1, 0.1 }), []string{"key-slow"}},
		{"slow but told apart", with(func(e *Evidence) { e.Alpha = 0.9999 }), []string{"healthy"}},
		{"slow, at the beginning", with(func(e *Evidence) { e.Alpha, e.Step, e.Recent["pos_mean"] = 0.9999, 250, 0.1 }), []string{"healthy"}},
		{"saturated", with(func(e *Evidence) { e.FT, e.Recent["pos_mean"], e.Recent["hardest_neg"] = "none", 0.95, 0.8 }), []string{"saturated"}},
		{"saturated, but transformed", with(func(e *Evidence) { e.Recent["pos_mean"], e.Recent["hardest_neg"] = 0.95, 0.8 }), []string{"healthy"}},
		{"saturated, transformation unknown", with(func(e *Evidence) { e.FT, e.Recent["pos_mean"], e.Recent["hardest_neg"] = "", 0.95, 0.8 }), []string{"healthy"}},
		{"easy negatives", with(recent(map[string]float64{"hardest_neg": 0.2})), []string{"easy-negatives"}},
		{"hard negatives", with(recent(map[string]float64{"hardest_neg": 0.5})), []string{"healthy"}},
		{"untrained", with(func(e *Evidence) { e.Step, e.Recent["uniformity"], e.Recent["neg_mean"] = 50, -0.1, 0.9 }), []string{"early"}},
		{"queue filling", with(func(e *Evidence) { e.Step, e.K = 300, 131072 }), []string{"queue"}},
		{"queue filling, early", with(func(e *Evidence) { e.Step = 8 }), []string{"early", "queue"}},
		{"queue just full", with(func(e *Evidence) { e.Step, e.K = 256, 65536 }), []string{"healthy"}},
		{"queue filling, by its own record", Evidence{Step: 300, Recent: map[string]float64{"queue_fill": 0.5}}, []string{"queue"}},
		{"no queue, a bank", with(func(e *Evidence) { e.Memory, e.Step, e.K = "bank", 300, 131072 }), []string{"healthy"}},
		{"no key encoder", with(func(e *Evidence) { e.Memory, e.Alpha, e.Recent["pos_mean"] = "none", 0.9999, 0.1 }), []string{"healthy"}},
		{"no negatives that could be too easy", with(func(e *Evidence) { e.Memory, e.Recent["hardest_neg"] = "target", 0.2 }), []string{"healthy"}},
		{"none of a method from outside either", with(func(e *Evidence) { e.Memory, e.Recent["hardest_neg"] = "outside", 0.2 }), []string{"healthy"}},
		{"several at once", with(func(e *Evidence) { e.Step, e.K, e.Recent["hardest_neg"] = 300, 131072, 0.1 }), []string{"easy-negatives", "queue"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range Diagnose(c.e) {
				got = append(got, f.Rule)
				if f.Title == "" || f.Text == "" || len(f.Evidence) == 0 || strings.Contains(strings.Join(f.Evidence, ""), "NaN") {
					t.Errorf("%s: want a title, a text and evidence, got %+v", f.Rule, f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("want %q, got %q", c.want, got)
			}
		})
	}
}

// TestDiagnosesOfVitals: diagnoses of a run with vitals are findings, and replace those of this page for the same
// cause.
func TestDiagnosesOfVitals(t *testing.T) {
	dir := t.TempDir()
	newRun(t, dir+"/run", map[string]string{"mem": "moco", "nce_k": "512", "feat_dim": "128"}).train(t, 300)
	line := func(step int, spread float64) vitals.Line {
		return vitals.Line{Step: step, Planned: 1000, Values: map[string]float64{vitals.Spread: spread}}
	}
	add := func(l vitals.Line) { check(t, vitals.Append(dir+"/run", l)) }
	add(vitals.Line{Planned: 1000, Inputs: &vitals.Inputs{Images: 300, Sampled: 256, Gray: 1}})
	add(line(1, 0.1))
	findings := func() (rules []string) {
		t.Helper()
		s, err := New(Options{Dir: dir})
		check(t, err)
		defer s.Close()
		d, err := s.describeRun(map[string][]string{"run": {"run"}})
		check(t, err)
		for _, f := range d.(description).Findings {
			rules = append(rules, f.Rule+" "+f.Kind)
			if strings.Contains(f.Text, "..") || f.Title == "" || len(f.Evidence) == 0 {
				t.Errorf("%+v", f)
			}
		}
		return rules
	}
	if got := findings(); !slices.Equal(got, []string{"queue-too-long warning", "gray-inputs note"}) {
		t.Errorf("got %q", got)
	}
	add(line(5, 0.001))
	add(line(10, 0.0005))
	if got := findings(); !slices.Equal(got, []string{"queue-too-long warning", "complete-collapse warning", "gray-inputs note"}) {
		t.Errorf("collapsed: got %q", got)
	}
	e := Evidence{Step: 5000, Recent: map[string]float64{"uniformity": -0.1, "loss": 6}}
	if f := Diagnose(e); len(f) != 1 || f[0].Rule != "collapse" {
		t.Errorf("without vitals: %+v", f)
	}
	e.Vitals = diagnose.Case{Lines: []vitals.Line{line(1, 0.1), line(100, 0.1), line(200, 0.1), line(300, 0.1)}}
	if f := Diagnose(e); len(f) != 1 || f[0].Rule != "healthy" {
		t.Errorf("with vitals that show none: %+v", f)
	}
	// What the command does not find, the page does not find either.
	slow := e
	slow.Memory, slow.Tau, slow.Alpha = "moco", 0.2, 0.9999
	slow.Recent = map[string]float64{"pos_mean": 0.1, "neg_mean": 0, "uniformity": -1, "loss": 6}
	if f := Diagnose(slow); len(f) != 1 || f[0].Rule != "healthy" {
		t.Errorf("a slow key encoder, of which the vitals show nothing: %+v", f)
	}
	e.Vitals.Lines = e.Vitals.Lines[:3]
	if f := Diagnose(e); len(f) != 1 || f[0].Rule != "early" || f[0].Evidence[0] != e.Vitals.Early() {
		t.Errorf("with too few vitals: %+v", f)
	}
	for i := range e.Vitals.Lines {
		e.Vitals.Lines[i].Planned = 96
	}
	if f := Diagnose(e); len(f) != 1 || f[0].Title != "The training is too short to tell" {
		t.Errorf("a training of 96 steps: %+v", f)
	}
	e.Step, e.Vitals.Lines[2].Values = 96, map[string]float64{vitals.ViewFlat: 0.9}
	if f := Diagnose(e); len(f) != 1 || f[0].Rule != string(diagnose.FlatInputs) {
		t.Errorf("a training of 96 steps that is diagnosed: %+v", f)
	}
}

// TestEvidence: the evidence in files is what Diagnose needs.
func TestEvidence(t *testing.T) {
	dir := t.TempDir()
	newRun(t, dir+"/plain", map[string]string{"nce_k": "131072"}).train(t, 400)
	newRun(t, dir+"/symmetric", map[string]string{"nce_k": "131072", "symmetric": "true"}).train(t, 400)
	f := newRun(t, dir+"/ft", map[string]string{"mixnorm": "true", "mixnorm_target": "posneg"})
	f.train(t, 600)
	newRun(t, dir+"/siamese", map[string]string{"mem": "none", "nce_k": "65536"}).train(t, 150)
	newRun(t, dir+"/waiting", map[string]string{"mixnorm": "true", "mixnorm_target": "posneg", "mix_start": "auto"}).train(t, 150)
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	for id, want := range map[string]struct {
		rule  string
		onset int
	}{"plain": {"queue", 0}, "symmetric": {"healthy", 0}, "ft": {"healthy", 201}, "waiting": {"early", 0}, "siamese": {"early", 0}} {
		d, err := s.describeRun(map[string][]string{"run": {id}})
		check(t, err)
		got := d.(description)
		axis := got.Series[slices.IndexFunc(got.Series, func(s series) bool { return s.Name == "loss" })].Axis
		if (axis == "InfoNCE loss") == (id == "siamese") {
			t.Errorf("%s: the loss is called %q", id, axis)
		}
		if len(got.Findings) != 1 || got.Findings[0].Rule != want.rule || got.Onset != want.onset {
			t.Errorf("%s: want the finding %q and onset %d, got %+v and %d", id, want.rule, want.onset, got.Findings, got.Onset)
		}
	}
}

// Features that are one point have a uniformity of 0, which rounding errors make negative.
func TestEvidenceOfOnePoint(t *testing.T) {
	s := Evidence{Recent: map[string]float64{"uniformity": -0.0001}, Earlier: map[string]float64{"uniformity": -0.002}}.closeness()
	if got := strings.Join(s.evidence, ""); !strings.HasPrefix(got, "uniformity 0.00, after half of the steps 0.00 (") {
		t.Errorf("got %q", got)
	}
}

// TestCollapseEvent: the warning of a training counts until a resumed one has dropped it.
func TestCollapseEvent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, rundir.MetricsFile)
	var m metrics
	for _, c := range []struct {
		text string
		want int
	}{
		{`{"epoch":1,"step":10,"loss":6}` + "\n" + `{"epoch":9,"step":240,"event":"collapse","message":"m"}` + "\n", 240},
		{`{"epoch":1,"step":10,"loss":6}` + "\n", 0},
	} {
		write(t, path, c.text)
		check(t, m.refresh(os.DirFS(dir).(fs.StatFS)))
		if m.collapse != c.want {
			t.Errorf("want a collapse at step %d, got %d", c.want, m.collapse)
		}
	}
}
