package dashboard

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/features/probe"
	"contralens/rundir"
	"contralens/scores/record"
)

// fixture is a made-up run on disk, with data in the shapes of a real one.
type fixture struct {
	dir     string
	steps   int // recorded so far
	perStep int // steps per epoch
	onset   int // first transformed step; 0: none
	rng     *rand.Rand
	writer  *record.Writer
	header  record.Header
}

// baseConfig is a configuration as in run.json.
func baseConfig() map[string]string {
	return map[string]string{
		"method": "MoCov2", "dataset": "folder", "data_folder": "photos/cifar10", "arch": "resnet18", "epochs": "20", "batch_size": "256",
		"nce_k": "4096", "nce_t": "0.2", "alpha": "0.99", "print_freq": "10", "mixnorm": "false", "mixnorm_target": "neg", "seed": "0",
		"mix_start_epoch": "0", "mix_start_step": "0", "learning_rate": "0.06", "weight_decay": "0.0005", "cosine": "true", "precision": "bf16", "aug": "B",
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newRun makes a run directory with run.json. Given options replace the defaults.
func newRun(t testing.TB, dir string, options map[string]string) *fixture {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	config := baseConfig()
	maps.Copy(config, options)
	b, err := json.MarshalIndent(rundir.Record{
		Config: config, Go: "go1.26.0", Torch: "1.13.0", Machine: "AMD EPYC, 2 cores",
		Session: rundir.Session{
			Command: []string{"contralens", "contrast", "--method", config["method"], "--name", filepath.Base(dir)},
			Commit:  "0123456789ab", Start: "2026-11-24T21:38:57Z",
		},
	}, "", " ")
	check(t, err)
	write(t, filepath.Join(dir, rundir.RecordFile), string(b))
	f := &fixture{dir: dir, perStep: 100, rng: rand.New(rand.NewPCG(7, uint64(len(dir))))}
	if config["mixnorm"] == "true" {
		f.onset = 201
	}
	return f
}

func write(t testing.TB, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(text), 0o644))
}

func (f *fixture) append(t testing.TB, name string, values map[string]any) {
	t.Helper()
	b, err := json.Marshal(values)
	check(t, err)
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	check(t, err)
	_, err = file.Write(append(b, '\n'))
	check(t, err)
	check(t, file.Close())
}

// train records n more steps.
func (f *fixture) train(t testing.TB, n int) {
	t.Helper()
	if f.writer == nil {
		f.header = record.NewHeader(record.TrainingNames(), record.TrainingHistograms(f.onset > 0))
		w, err := record.NewWriter(record.Dir(f.dir), f.header, 0)
		check(t, err)
		f.writer = w
	}
	for range n {
		f.step(t)
	}
	check(t, f.writer.Flush())
}

func (f *fixture) step(t testing.TB) {
	f.steps++
	x := float64(f.steps) / 2000
	noise := func(s float64) float64 { return s * f.rng.NormFloat64() }
	ft := f.onset > 0 && f.steps >= f.onset
	pos, posStd, neg, negStd := 0.78-0.5*math.Exp(-6*x)+noise(0.012), 0.13, 0.01+0.5*math.Exp(-12*x)+noise(0.01), 0.16+0.1*math.Exp(-6*x)
	raw := map[string]float64{"pos_mean": pos, "pos_var": posStd * posStd, "neg_mean": neg, "neg_var": negStd * negStd, "exp_pos": math.Exp(pos / 0.2), "exp_neg": math.Exp(neg/0.2) * 1.4, "hardest_neg": 0.55 + noise(0.02)}
	lambda := 1 + f.rng.Float64()
	if ft {
		pos, posStd, negStd = 2*lambda*(1-lambda)*(1-pos)+pos, posStd*1.7, negStd*(0.7+0.15*f.rng.Float64())
	}
	v := map[string]float64{
		"epoch": float64((f.steps-1)/f.perStep + 1), "loss": 5.6 + 2.4*math.Exp(-5*x) + noise(0.12), "accuracy": 30 * (1 - math.Exp(-4*x)), "lr": 0.06 * (1 + math.Cos(math.Pi*x)) / 2,
		"pos_mean": pos, "pos_var": posStd * posStd, "neg_mean": neg, "neg_var": negStd * negStd, "exp_pos": math.Exp(pos / 0.2), "exp_neg": math.Exp(neg/0.2) * 1.4, "hardest_neg": 0.52 + noise(0.02),
		"effective_negatives": 900 + 2000*math.Exp(-5*x) + noise(30), "neg_entropy": math.Log(1000), "grad_q": 0.8 + noise(0.05), "alignment": 2 - 2*pos, "uniformity": -3.2 + 2*math.Exp(-9*x) + noise(0.02),
		"queue_age": math.Min(float64(f.steps)/2, 8), "queue_fill": math.Min(1, float64(f.steps)/16),
	}
	if ft {
		v["loss"] += 1.3
		v["lambda_pos"], v["lambda_neg"] = lambda, f.rng.Float64()
	}
	for i, q := range []string{"05", "25", "50", "75", "95"} {
		z := []float64{-1.64, -0.67, 0, 0.67, 1.64}[i]
		v["pos_q"+q], v["neg_q"+q] = pos+z*posStd, neg+z*negStd
	}
	for name, x := range raw {
		v["raw_"+name] = x
	}
	s := record.Step{Step: f.steps}
	for _, name := range f.header.Series {
		x, ok := v[name]
		if !ok {
			x = math.NaN()
		}
		s.Values = append(s.Values, float32(x))
	}
	for _, h := range f.header.Histograms {
		mean, std := neg, negStd
		switch h.Kind {
		case "pos":
			mean, std = pos, posStd
		case "raw_pos":
			mean, std = raw["pos_mean"], 0.13
		case "raw_neg":
			std = math.Sqrt(raw["neg_var"])
		}
		counts := make([]float32, h.Bins)
		width := (h.High - h.Low) / float64(h.Bins)
		for i := range counts {
			z := (h.Low + (float64(i)+0.5)*width - mean) / std
			counts[i] = float32(math.Round(400 * math.Exp(-z*z/2)))
		}
		s.Histograms = append(s.Histograms, counts)
	}
	check(t, f.writer.Add(s))
	if f.steps%10 == 0 {
		f.append(t, "metrics.jsonl", map[string]any{"epoch": int(v["epoch"]), "step": f.steps, "loss": v["loss"], "acc": v["accuracy"], "lr": v["lr"], "img_s": 480 + noise(15), "wait_s": 0.02, "compute_s": 4.8})
	}
	if f.steps%f.perStep == 0 {
		line := map[string]any{"epoch": int(v["epoch"]), "step": f.steps, "epoch_end": true}
		if int(v["epoch"])%5 == 0 {
			line["knn"] = 31 + 25*(1-math.Exp(-3*x))
		}
		f.append(t, "metrics.jsonl", line)
	}
}

// probe adds a probe of n images of ten classes, with features after the given epochs.
func (f *fixture) probe(t testing.TB, n int, epochs ...int) {
	t.Helper()
	f.probeOf(t, n, 10, epochs...)
}

// probeOf adds a probe of n images.
func (f *fixture) probeOf(t testing.TB, n, classes int, epochs ...int) {
	t.Helper()
	set := probe.Images{Thumbnail: 24}
	for c := range classes {
		set.Classes = append(set.Classes, fmt.Sprintf("class-%d", c))
	}
	var pictures []image.Image
	for i := range n {
		set.Labels = append(set.Labels, i%classes)
		set.Paths = append(set.Paths, fmt.Sprintf("photos/class-%d/img-%d.jpg", i%classes, i))
		picture := image.NewNRGBA(image.Rect(0, 0, 24, 24))
		for p := range 24 * 24 {
			picture.Set(p%24, p/24, color.NRGBA{uint8(25 * (i % classes % 10)), uint8(10 * (p % 24)), uint8(200 - 8*(p/24)), 255})
		}
		pictures = append(pictures, picture)
	}
	p, err := probe.Create(probe.Dir(f.dir), set, pictures)
	check(t, err)
	const dim = 32
	for _, e := range epochs {
		features := make([]float32, 0, n*dim)
		for i := range n {
			for j := range dim {
				x := f.rng.NormFloat64() * 0.6
				if j == i%classes%dim {
					x += float64(e)
				}
				features = append(features, float32(x))
			}
		}
		check(t, p.Add(e, features, dim))
	}
}

// touch sets the time at which a run's files were last written.
func touch(t testing.TB, dir string, when time.Time) {
	t.Helper()
	check(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			err = os.Chtimes(path, when, when)
		}
		return err
	}))
}

// longName is as long as the names of the reference implementation get.
var longName = "MoCov2_resnet18_aug_B_" + strings.Repeat("mixnorm_posneg_2.0_1.6_", 4) + "bsz_256_epochs_200"
