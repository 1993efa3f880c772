package dashboard

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/features/probe"
	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// spectra writes the measures of five epochs of a run.
func (f *fixture) spectra(t testing.TB) {
	t.Helper()
	for epoch := 1; epoch <= 5; epoch++ {
		e := float64(epoch)
		space := func(scale float64) *spectrum.Space {
			s := &spectrum.Space{Dim: 64, Values: map[string]float64{}}
			for _, m := range spectrum.Measures {
				s.Values[m.Name] = scale * e / 5
			}
			for i := range 64 {
				s.Singular = append(s.Singular, float32(30/(1+float64(i)*scale/e)))
			}
			return s
		}
		check(t, spectrum.Append(f.dir, spectrum.Line{
			Epoch: epoch, Step: epoch * f.perStep, Images: 128, Viewed: 64, Views: 2, Backbone: space(0.9), Head: space(0.7),
		}))
	}
}

func names(d description) (list []string) {
	for _, s := range d.Series {
		list = append(list, s.Name)
	}
	return list
}

// The measures of spectrum.jsonl are curves; a run without them has those of its probe set's features, in
// the steps of its epochs.
func TestSpectrumSeries(t *testing.T) {
	dir, _, ft := twoRuns(t)
	for epoch := 1; epoch <= 5; epoch++ {
		ft.append(t, rundir.MetricsFile, map[string]any{"epoch": epoch, "step": 100 * epoch, "epoch_end": true, "loss_mean": 1})
	}
	f := newRun(t, dir+"/measured", nil)
	f.train(t, 500)
	f.spectra(t)
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	s.saving = true // waits for the probe sets
	describe := func(id string) description {
		answer, err := s.describeRun(url.Values{"run": {id}})
		check(t, err)
		return answer.(description)
	}
	last := func(id, name string) (int, float64) {
		answer, err := s.curves(url.Values{"run": {id}, "names": {name}})
		check(t, err)
		c := answer.(map[string]any)["curves"].(map[string]curve)[name]
		if len(c.Step) == 0 {
			t.Fatalf("%s: no values of %s", id, name)
		}
		return c.Step[len(c.Step)-1], c.Mean[len(c.Mean)-1]
	}
	if got := names(describe("ft")); !slices.Contains(got, "backbone_rankme") || slices.Contains(got, "head_rankme") {
		t.Errorf("of the probe set: %q", got)
	}
	if step, rank := last("ft", "backbone_rankme"); step != 400 || rank <= 1 {
		t.Errorf("of the probe set: RankMe %v at step %d", rank, step)
	}
	if got := names(describe("measured")); !slices.Contains(got, "head_lidar") || !slices.Contains(got, "head_sv64") || slices.Contains(got, "head_sv128") {
		t.Errorf("of the training: %q", got)
	}
	if step, rank := last("measured", "head_rankme"); step != 500 || rank != 0.7 {
		t.Errorf("of the training: RankMe %v at step %d", rank, step)
	}
}

// TestUnmeasuredProbe: features of a probe set that cannot be measured are a note, the others are measured.
func TestUnmeasuredProbe(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, dir+"/run", nil)
	f.train(t, 300)
	f.probe(t, 20, 1, 2)
	p, err := probe.Open(probe.Dir(f.dir))
	check(t, err)
	features := slices.Repeat([]float32{0.5}, 20*32)
	features[7] = float32(math.NaN())
	check(t, p.Add(2, features, 32))
	broken := newRun(t, dir+"/broken", nil)
	broken.train(t, 20)
	write(t, filepath.Join(probe.Dir(broken.dir), "probe.json"), "{")
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	notes := func() string {
		t.Helper()
		d, err := s.describeRun(url.Values{"run": {"run"}})
		check(t, err)
		return strings.Join(d.(description).Notes, "; ")
	}
	for range 2 { // also later
		if got := notes(); !strings.Contains(got, "the features of the probe set could not be measured: epoch 2: ") {
			t.Errorf("notes %q", got)
		}
	}
	d, err := s.describeRun(url.Values{"run": {"broken"}})
	check(t, err)
	if got := strings.Join(d.(description).Notes, "; "); !strings.Contains(got, "could not be measured: ") || strings.Contains(got, dir) {
		t.Errorf("a damaged probe.json: notes %q", got)
	}
}

// TestSpectrumCharts: each measure is a chart of both spaces; each chart says how to read it.
func TestSpectrumCharts(t *testing.T) {
	dir, _, _ := twoRuns(t)
	f := newRun(t, dir+"/measured", nil)
	f.train(t, 500)
	f.spectra(t)
	p := open(t, serve(t, dir), runHash("curves", "measured"), desktop)
	p.until(drawn)
	for _, m := range spectrum.Measures {
		if m.Name == spectrum.AlphaFitName { // beside α, in the files alone
			continue
		}
		if !eval[bool](p, fmt.Sprintf(`Boolean(document.querySelector("[data-chart=%s]"))`, m.Name)) {
			t.Errorf("no chart of %s", m.Name)
		}
	}
	if !eval[bool](p, `Boolean(document.querySelector("[data-chart=head_singular]"))`) {
		t.Error("no chart of singular values")
	}
	if !eval[bool](p, `[...document.querySelectorAll("h2")].some((h) => h.textContent.startsWith("Spectrum"))`) {
		t.Error("no heading")
	}
	p.do(js(`document.querySelector("[data-chart=head_singular]").scrollIntoView()`))
	p.shot("spectrum")
}

// TestJudgePage: the overview leads to the ranking of all runs, which leads to the runs; without measures it
// says what is missing.
func TestJudgePage(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"low", "middle", "high", "other"} {
		f := newRun(t, filepath.Join(dir, name), map[string]string{"mem": map[bool]string{true: "batch", false: "moco"}[name == "other"]})
		f.train(t, 20)
		q := float64(i)
		lidar := 10 + q
		if name == "other" {
			lidar = 5 // but first by what ranks across methods
		}
		check(t, spectrum.Append(f.dir, spectrum.Line{
			Epoch: 20, Step: 20, Images: 128, Backbone: &spectrum.Space{Dim: 64, Values: map[string]float64{spectrum.AlphaName: 3 - q, spectrum.RelativeName: 0.8 - q/10}},
			Head: &spectrum.Space{Dim: 64, Values: map[string]float64{spectrum.RankMeName: 20 + q, spectrum.LiDARName: lidar, spectrum.WassersteinName: 1 - q/10}},
		}))
		check(t, rundir.Result{Protocol: "knn", Epoch: 20, Metrics: map[string]any{"top1": 50 - 0.5*q}}.Append(f.dir))
		if name == "high" {
			check(t, vitals.Append(f.dir, vitals.Line{Epoch: 1, Planned: 20, Values: map[string]float64{vitals.ViewFlat: 0.9}}))
		}
	}
	p := open(t, serve(t, dir), "", desktop)
	p.until(`document.querySelector("tr[data-run=low]")`)
	p.do(js(`document.querySelector("a[href='#/judge']").click()`))
	p.until(`document.querySelector(".judge tr[data-run=high]")`)
	const fault = "images without contrast"
	for expression, want := range map[string]string{
		`document.querySelector(".judge tbody tr").dataset.run`:                                                                "high",
		`document.querySelector(".judge .verdict").textContent`:                                                                "high after epoch 20: the measures agree (Kendall's W 1.00); but high after epoch 20 is diagnosed: " + fault + ". The first without a fault is middle after epoch 20",
		`document.querySelector(".judge tr[data-run=high] .fault").textContent`:                                                fault,
		`document.querySelector("[data-check=knn]").textContent.split(" (")[0]`:                                                "Against 3 accuracies by knn: Spearman's ρ −1.00, regret 1.00 points",
		`document.querySelectorAll(".judge .verdict")[1].textContent`:                                                          "first by relative alignment alone: other after epoch 20; LiDAR would choose high after epoch 20 (Kendall's W of all 0.40)",
		`[...document.querySelectorAll(".judge table")[1].querySelectorAll("th[scope=col]")].map((h) => h.textContent).join()`: "Run,Epoch,Score,relative alignment,LiDAR,knn,Diagnosis",
		`document.querySelector(".judge tr[data-run=high] a").getAttribute("href")`:                                            "#/runs?tab=curves&run=high",
	} {
		if got := eval[string](p, expression); got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
	p.shot("judge")
	// Runs that the page cannot rank are named, with what is the matter.
	probed := newRun(t, filepath.Join(dir, "probed"), map[string]string{"mem": "moco"})
	probed.train(t, 20)
	check(t, os.MkdirAll(probe.Dir(probed.dir), 0o755))
	cut := newRun(t, filepath.Join(dir, "cut"), map[string]string{"mem": "moco"})
	cut.train(t, 20)
	write(t, filepath.Join(cut.dir, filepath.FromSlash(spectrum.FileName)), "{\"epoch\": -3}\n")
	p = open(t, serve(t, dir), "#/judge", desktop)
	p.until(`document.querySelector(".judge .notes")`)
	text := eval[string](p, `document.querySelector(".judge .notes").textContent`)
	for _, want := range []string{"probed: its training measured nothing, but it has a probe set: contralens judge measures that", "cut: scores/spectrum.jsonl: line 1 is not"} {
		if !strings.Contains(text, want) {
			t.Errorf("notes %s, want %s", text, want)
		}
	}
	if strings.Contains(text, "has no probe set") {
		t.Errorf("notes %s", text)
	}
	empty := t.TempDir()
	newRun(t, filepath.Join(empty, "old"), nil).train(t, 20)
	p = open(t, serve(t, empty), "#/judge", desktop)
	p.until(`document.querySelector(".judge .empty")?.textContent.includes("want a run whose features were measured")`)
}
