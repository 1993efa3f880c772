package viz

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"contralens/scores"
	"contralens/scores/record"
)

// makeRun makes a run with score files. The positives rise, and the variance of the
// negatives shrinks.
func makeRun(t *testing.T, dir string, shift float64) {
	t.Helper()
	w, err := scores.NewWriter(dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	for epoch := 1; epoch <= 3; epoch++ {
		for step := range 40 {
			x := float64(40*(epoch-1)+step) / 120
			var rows []float32
			for i := range 4 {
				rows = append(rows, float32(0.2*math.Exp(-4*x)+shift), float32(0.05-0.04*x+shift/10), float32(0.3+0.5*x+shift+0.01*float64(i)), float32(1+x+shift), float32(2+x+shift))
			}
			if err := w.Add(epoch, step, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func configure(t *testing.T, dir, options string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "run.json"), fmt.Appendf(nil, `{"config":{%s}}`, options), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	a, b, out := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "out")
	makeRun(t, a, 0)
	makeRun(t, b, -0.1)
	configure(t, a, `"nce_t":"0.2","seed":"0","name":"a"`)
	configure(t, b, `"nce_t":"0.07","seed":"0","name":"b","mixnorm":"true","mixnorm_target":"posneg","mix_start_epoch":"1"`)
	os.WriteFile(filepath.Join(b, "results.jsonl"), []byte(`{"protocol":"knn","metrics":{"top1":41}}`+"\n"+`{"protocol":"knn","metrics":{"per_class":"`+strings.Repeat("1", 1<<17)+`"}}`+"\n"+`{"protocol":"knn","metrics":{"top1":43.21}}`+"\n{\"half"), 0o644)
	files, err := Plot([]string{a, b}, out, Options{Title: "two runs", Formats: Formats, Accuracy: true})
	if err != nil {
		t.Fatal(err)
	}
	// There are a page, six statistics, waterfalls of both, histograms of each run, and the
	// theory of the transformed one.
	if want := 3 * (1 + 6 + 1 + 6 + 2 + 1); len(files) != want {
		t.Errorf("%d files, want %d: %v", len(files), want, files)
	}
	for _, path := range files {
		checkFile(t, path, strings.Contains(path, "_a.") || strings.Contains(path, "_b."))
	}
	if files, err = Plot([]string{a, filepath.Join(b, "..", "a")}, filepath.Join(dir, "twice"), Options{Formats: []string{"svg"}}); err != nil || !slices.Contains(files, filepath.Join(dir, "twice", "histograms_a_2.svg")) {
		t.Errorf("two runs of one name: %v, %v", files, err)
	}
	text, err := os.ReadFile(filepath.Join(out, "pos_mean.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no FT, τ = 0.2<", "FT posneg, τ = 0.07: k-NN 43.2 %", "onset of the transformation", "training step"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("pos_mean.svg lacks %q", want)
		}
	}
}

// checkFile reads a picture back. Pictures of several runs have the color of each run.
func checkFile(t *testing.T, path string, single bool) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	switch filepath.Ext(path) {
	case ".png":
		m, _, err := image.Decode(f)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for i, c := range palette[:2] {
			if n := count(m, c); n < 200 && !single {
				t.Errorf("%s: %d pixels in run %d's color", path, n, i)
			}
		}
	case ".svg":
		d := xml.NewDecoder(f)
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	case ".pdf":
		b, err := io.ReadAll(f)
		if err != nil || !strings.HasPrefix(string(b), "%PDF-") || !strings.Contains(string(b[max(0, len(b)-32):]), "%%EOF") {
			t.Errorf("%s is no PDF: %v", path, err)
		}
	}
}

func count(m image.Image, c color.NRGBA) (n int) {
	r := m.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if color.NRGBAModel.Convert(m.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// If the scores are transformed in the second half of a record, histograms there have both
// distributions, and the theory has dots on its lines.
func TestTransformedRecord(t *testing.T) {
	dir := t.TempDir()
	h := record.NewHeader([]string{"epoch", "pos_mean", "raw_pos_mean", "lambda_pos"}, record.TrainingHistograms(true))
	w, err := record.NewWriter(record.Dir(dir), h, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 20; i++ {
		λ, recorded := float32(1), float32(math.NaN())
		if i > 10 {
			λ, recorded = 1.5, 1.5
		}
		pos := float32(0.2 + 0.03*float64(i))
		s := record.Step{Step: i, Values: []float32{float32(1 + (i-1)/10), 2*λ*(1-λ)*(1-pos) + pos, pos, recorded}}
		for _, k := range h.Histograms {
			counts := make([]float32, k.Bins)
			counts[k.Bins/2+i%3] = 7
			s.Histograms = append(s.Histograms, counts)
		}
		if err := w.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	configure(t, dir, `"mixnorm":"true","mixnorm_target":"posneg","mix_start_epoch":"1"`)
	d := &drawing{style: Styles[2]}
	r, err := openRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.runs = []*run{r}
	for _, tc := range []struct {
		at   span
		both bool
	}{{span{1, 1, 10}, false}, {span{2, 11, 20}, true}} {
		if _, both, err := d.histogram(r, "pos", tc.at, true); err != nil || both != tc.both {
			t.Errorf("epoch %d: two distributions %v, want %v (%v)", tc.at.epoch, both, tc.both, err)
		}
	}
	// The histogram of an epoch has the scores of its own steps and of no others.
	for _, at := range []span{{1, 1, 10}, {2, 11, 20}, {3, 13, 14}} {
		heat, err := r.Sum("neg", at.from, at.to)
		if err != nil {
			t.Fatal(err)
		}
		curve, err := d.density(r, "neg", at)
		if err != nil {
			t.Fatal(err)
		}
		width := heat.Edges[1] - heat.Edges[0]
		for rest := range 3 {
			bin, steps := len(heat.Edges)/2+rest, 0
			for i := at.from; i <= at.to; i++ {
				if i%3 == rest {
					steps++
				}
			}
			drawn := 0.0
			for i := 1; i < len(curve); i++ {
				if curve[i-1].X == heat.Edges[bin] && curve[i].X == heat.Edges[bin+1] {
					drawn = max(drawn, curve[i-1].Y*width)
				}
			}
			if want := float64(steps) / float64(at.to-at.from+1); math.Abs(drawn-want) > 1e-6 {
				t.Errorf("steps %d to %d: the share of bin %d is drawn as %.3f, want %.3f", at.from, at.to, bin, drawn, want)
			}
		}
	}
	curve, err := d.density(r, "neg", span{2, 11, 20})
	if err != nil {
		t.Fatal(err)
	}
	area := 0.0
	for i := 1; i < len(curve); i++ {
		area += curve[i-1].Y * (curve[i].X - curve[i-1].X)
	}
	if math.Abs(area-1) > 1e-9 {
		t.Errorf("a density of area %v", area)
	}
	before, after, λ, err := r.measured()
	if err != nil || len(λ) != 10 {
		t.Fatalf("%d steps measured, want 10 (%v)", len(λ), err)
	}
	for i, l := range λ {
		if want := 2*l.Mean*(1-l.Mean)*(1-before[i].Mean) + before[i].Mean; math.Abs(after[i].Mean-want) > 1e-6 {
			t.Errorf("step %d: %v after extrapolation, want %v", l.Step, after[i].Mean, want)
		}
	}
	// With --mix_start auto, the first λ marks the onset.
	configure(t, dir, `"mixnorm":"true","mixnorm_target":"posneg","mix_start":"auto","mix_start_epoch":"0"`)
	if r, err = openRun(dir); err != nil || r.onset != 11 {
		t.Errorf("decided by the scores: onset %d, want 11 (%v)", r.onset, err)
	}
	if _, err := Plot([]string{dir}, t.TempDir(), Options{Epochs: []int{7}}); err == nil || !strings.Contains(err.Error(), "from 1 to 2") {
		t.Errorf("an epoch that is not there: %v", err)
	}
}

func TestLabels(t *testing.T) {
	runs := func(configs ...map[string]string) (list []*run) {
		for i, c := range configs {
			list = append(list, &run{dir: fmt.Sprint("save/r", i), config: c})
		}
		label(list)
		return list
	}
	c := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, tc := range []struct {
		runs []*run
		want string
	}{
		{runs(c("alpha", "0.99", "name", "x"), c("alpha", "0.9", "name", "y")), "alpha = 0.99|alpha = 0.9"},
		{runs(c("alpha", "1", "name", "x"), c("alpha", "1", "name", "y")), "r0|r1"},
		{runs(c("seed", "1", "mixnorm", "true", "mixnorm_target", "pos"), c("seed", "2")), "FT pos, seed = 1|no FT, seed = 2"},
		{runs(c("nce_t", "0.07", "nce_t_auto", "true", "mixnorm", "true", "mixnorm_target", "posneg", "alpha_auto", "true"), c("nce_t", "0.2")), "FT auto, τ = auto|no FT, τ = 0.2"},
		{runs(c("alpha", "0.99", "mixnorm", "true", "alpha_auto", "true"), c("alpha", "0.9", "mixnorm", "true", "alpha_auto", "true")), "alpha = 0.99|alpha = 0.9"},
		{runs(c("neg_alpha", "1.6", "mixnorm", "true", "mixnorm_target", "neg", "alpha_auto", "true"), c("neg_alpha", "1", "mixnorm", "true", "mixnorm_target", "neg", "sep_alpha", "true", "ft", "neg")), "FT auto, α neg = auto|FT neg, α neg = 1"},
		{runs(c("loss", "hcl", "hcl_beta", "0.5", "image_mixup", "none"), c("loss", "infonce", "hcl_beta", "1", "image_mixup", "unmix")), "loss = hcl|image_mixup = unmix, loss = infonce"},
		{runs(c("image_mixup", "none"), c("image_mixup", "unmix")), "image_mixup = none|image_mixup = unmix"},
		{runs(c("mem", "none", "nce_t", "0.1"), c("mem", "moco", "nce_t", "0.2")), "mem = none|mem = moco"},
		{runs(c("seed", "1"), c("seed", "1"), c("seed", "2")), "seed = 1 (r0)|seed = 1 (r1)|seed = 2"},
		{runs(nil, c("alpha", "1")), "r0|alpha = 1"},
		{runs(c("alpha", "1")), "r0"},
		{runs(c("world-size", "1", "memory_format", "contiguous", "precision", "fp32"), c("world-size", "-1", "precision", "bf16")), "r0|r1"},
		{runs(c("data_folder", "a", "epochs", "3"), c("data_folder", "b", "epochs", "3")), "data = a|data = b"},
		{runs(c("mix_start_epoch", "2", "epochs", "3"), c("mix_start_epoch", "0", "epochs", "3")), "r0|r1"},
	} {
		var got []string
		for _, r := range tc.runs {
			got = append(got, r.label)
		}
		if g := strings.Join(got, "|"); g != tc.want {
			t.Errorf("got %s, want %s", g, tc.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		low, high float64
		want      string
	}{
		{-0.02, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0, 3000, "0 500 1000 1500 2000 2500 3000"},
		{1, 1e6, "200k 400k 600k 800k 1M"},
		{0.0241, 0.0262, "0.0245 0.0250 0.0255 0.0260"},
		{-2.1, -0.4, "−2.0 −1.5 −1.0 −0.5"},
		{0, 3e10, "0 5e9 1e10 1.5e10 2e10 2.5e10 3e10"},
		{0, 6e40, "0 1e40 2e40 3e40 4e40 5e40 6e40"},
	} {
		var got []string
		for _, tick := range (ticks{}).Ticks(tc.low, tc.high) {
			got = append(got, tick.Label)
		}
		if g := strings.Join(got, " "); g != tc.want {
			t.Errorf("%v to %v: %s, want %s", tc.low, tc.high, g, tc.want)
		}
	}
	var got []string
	for _, tick := range (logTicks{}).Ticks(-3.5, 0.2) {
		got = append(got, tick.Label)
	}
	if g := strings.Join(got, " "); g != "1e−3 1e−2 1e−1 1e0" {
		t.Errorf("decades: %s", g)
	}
}

func TestOnset(t *testing.T) {
	dir := t.TempDir()
	makeRun(t, dir, 0)
	for options, want := range map[string]int{
		`"mixnorm":"true","mix_start_epoch":"2","mix_start_step":"0"`:  81,
		`"mixnorm":"true","mix_start_epoch":"1","mix_start_step":"50"`: 51,
		`"mixnorm":"true","mix_start_epoch":"0","mix_start_step":"7"`:  8,
		`"mixnorm":"false","mix_start_step":"7"`:                       0,
	} {
		configure(t, dir, options)
		r, err := openRun(dir)
		if err != nil || r.onset != want {
			t.Errorf("%s: step %d, want %d (%v)", options, r.onset, want, err)
		}
	}
}

// The smoothed line keeps the mean, and the band keeps every peak.
func TestCurveParts(t *testing.T) {
	bins := []record.Bin{{Step: 1, N: 1, Mean: 1, Min: 1, Max: 1}, {Step: 2, N: 3, Mean: 5, Min: 0, Max: 9}, {Step: 5, N: 1, Mean: 3, Min: 3, Max: 3}}
	if s := movingMean(bins, 3, 0, linear); s[0].Y != 4 || s[1].Y != 19.0/5 || s[2].Y != 18.0/4 {
		t.Errorf("moving mean %v", s)
	}
	if s := movingMean(bins, 3, 2, linear); s[0].Y != 1 || s[1].Y != 18.0/4 || s[2].Y != 18.0/4 {
		t.Errorf("moving mean with the transformation from step 2 on %v", s)
	}
	band := outline(bins, func(v float64) float64 { return v }, -1, 8)
	if len(band) != 6 || band[1].Y != 8 || !slices.ContainsFunc(band, func(p plotter.XY) bool { return p.Y == 0 }) {
		t.Errorf("band %v", band)
	}
}

// The footnote is left out where the line is not a mean.
func TestReading(t *testing.T) {
	for last, want := range map[int]string{2: "", 99: "", 300: "bold: mean of 6 steps (of logarithms on a log axis); faint: single steps"} {
		d := &drawing{runs: []*run{{first: 1, last: last}}}
		if got := d.reading(); got != want {
			t.Errorf("%d steps: got %q, want %q", last, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := Plot([]string{t.TempDir()}, t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "--save_score") {
		t.Errorf("a run without scores: %v", err)
	}
	for _, o := range []Options{{Style: "poster"}, {Formats: []string{"bmp"}}} {
		if _, err := Plot([]string{t.TempDir()}, t.TempDir(), o); err == nil || !strings.Contains(err.Error(), "want") || !strings.Contains(err.Error(), "got") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// Legends are broken into rows and leave the canvas below them free.
func TestLegend(t *testing.T) {
	s := Styles[0]
	var entries []entry
	for i := range 12 {
		entries = append(entries, entry{label: fmt.Sprint("alpha = ", i), line: s.line(i)})
	}
	_, err := save(t.TempDir(), figure{"legend", s.Width, s.Height, func(c draw.Canvas) error {
		before := c.Rectangle
		if after := s.legend(c, entries); after.Max.Y >= before.Max.Y-3*s.Font || after.Min != before.Min {
			t.Errorf("the legend left %v of %v", after.Rectangle, before)
		}
		return nil
	}}, []string{"svg"}, 72)
	if err != nil {
		t.Fatal(err)
	}
}
