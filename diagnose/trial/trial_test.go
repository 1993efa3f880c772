package trial

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data"
	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/scores/vitals"
	"contralens/views"
)

// noise is a dataset of n images of 24 pixels that differ, in two classes.
type noise int

func (noise) Name() string      { return "noise" }
func (n noise) Len() int        { return int(n) }
func (noise) Label(i int) int   { return i % 2 }
func (noise) Classes() []string { return []string{"a", "b"} }
func (noise) Path(int) string   { return "noise" }
func (noise) Image(_ context.Context, i int, dst *views.Image) error {
	dst.Resize(24, 24)
	for j := range dst.Pix {
		dst.Pix[j] = uint8(128 + 100*math.Sin(float64(1+i)*0.37*float64(1+j/3)+float64(j%3)))
	}
	return nil
}

// Options of all trials are possible, twins are healthy trials, and every cause but that of gray images has one.
func TestTrials(t *testing.T) {
	healthy, causes := map[string]bool{}, map[diagnose.Cause]bool{}
	for _, trial := range Trials {
		if _, err := (Options{Dir: t.TempDir(), Seed: 1}).config(trial); err != nil {
			t.Errorf("%s: %v", trial.Name, err)
		}
		if causes[trial.Cause] = true; trial.Cause == "" {
			healthy[trial.Name] = true
		} else if trial.Twin != "" && !healthy[trial.Twin] {
			t.Errorf("%s: no healthy trial %s before it", trial.Name, trial.Twin)
		}
	}
	if len(healthy) != 14 {
		t.Errorf("%d healthy trials", len(healthy))
	}
	for _, c := range diagnose.Causes {
		if !causes[c] && c != diagnose.GrayInputs {
			t.Errorf("no trial has the fault %s", c)
		}
	}
}

// TestReplay: causes come in the order in which a training would have found them.
func TestReplay(t *testing.T) {
	line := func(step int, spread float64) vitals.Line {
		return vitals.Line{Step: step, Planned: 100, Values: map[string]float64{vitals.Spread: spread, vitals.Dims: 1.2}}
	}
	c := diagnose.Case{Options: map[string]string{"feat_dim": "128"}, Lines: []vitals.Line{
		line(1, 0.1), line(5, 0.1), line(10, 0.1), line(15, 0.001), line(20, 0.001),
	}}
	if named, at := replay(c); len(named) != 1 || named[0] != diagnose.CompleteCollapse || at != 20 {
		t.Errorf("got %v after %d", named, at)
	}
	c.Spectra = []spectrum.Line{{Epoch: 1, Step: 10, Head: &spectrum.Space{Values: map[string]float64{
		spectrum.RankMeName: 1.5, spectrum.AliveName: 0.02,
	}}}}
	if named, at := replay(c); len(named) != 2 || named[0] != diagnose.DimensionalCollapse || at != 10 {
		t.Errorf("with a spectrum after step 10: got %v after %d", named, at)
	}
}

func TestCompare(t *testing.T) {
	r := Row{Cause: diagnose.TauLow, Named: []diagnose.Cause{diagnose.TauLow}, At: 0.2, Shown: -1, Done: true, Name: "x"}
	r.compare(map[int]float64{0: 20, 1: 20, 2: 21, 4: 20}, map[int]float64{0: 20, 1: 21, 2: 25, 3: 40, 4: 30}, 4)
	if r.Shown != 1 || r.Below == nil || *r.Below != 1 || r.Last == nil || *r.Last != 10 || !r.Right() {
		t.Errorf("got %+v", r)
	}
	wrong := Row{Cause: diagnose.TauLow, Named: []diagnose.Cause{diagnose.RateHigh}, Shown: -1, Done: true}
	alarm := Row{Named: []diagnose.Cause{diagnose.RateHigh}, Done: true}
	var b bytes.Buffer
	if err := Write(&b, []Row{r, wrong, alarm, {Done: true}, {}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| x | tau-low | tau-low | 20.0 % | 100.0 % | 1.0 | 10.0 |", "rate-high (wrong)",
		"1 of 2 faults named with the right cause, 1 false alarms in 2 healthy trainings", "1 are not trained yet",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}

// TestRun trains a fault of one epoch, from images that it prepares, and finds it; a second call trains nothing.
func TestRun(t *testing.T) {
	dir, said := t.TempDir(), ""
	o := Options{
		Dir: dir, Images: data.Splits{Train: noise(256), Test: noise(16)}, Train: 256, Test: 16, Seed: 1, Epochs: 1,
		Only: "dark", Threads: 1, Note: func(format string, args ...any) { said += format },
	}
	for range 2 {
		if err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(said, "trial ") != 1 {
		t.Errorf("said %q", said)
	}
	rows, err := Report(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Done != (r.Name == "dark") || r.Done && (!r.Right() || r.At != 0) {
			t.Errorf("got %+v", r)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "runs/dark/log.txt"))
	if err != nil || strings.Count(string(log), "warning: diagnosis: images without contrast") != 1 {
		t.Errorf("%v:\n%s", err, log)
	}
	if c, err := diagnose.Read(filepath.Join(dir, "runs/dark")); err != nil || len(c.Lines) < 2 {
		t.Errorf("%+v, %v", c, err)
	}
}
