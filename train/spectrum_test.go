package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/config"
	"contralens/data/loader"
	"contralens/features/spectrum"
	"contralens/methods"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/rundir"
	"contralens/scores/vitals"
	"contralens/torch"
	"contralens/views"
)

// The sample and the interval keep the cost below the share, whatever is trained; only a training of a
// few thousand images in all has a floor, one measurement at its end.
func TestPlanSpectrum(t *testing.T) {
	for _, c := range []struct {
		images, epochs int
		forward        float64
		gpu            bool
		want           spectrumPlan
	}{
		{1_281_167, 200, 4.1e9, false, spectrumPlan{1024, 512, 4, 1}},
		{1_281_167, 200, 4.1e9, true, spectrumPlan{1024, 512, 4, 1}},
		{50_000, 200, 5.6e8, false, spectrumPlan{512, 256, 4, 1}},
		{50_000, 200, 5.6e8, true, spectrumPlan{128, 64, 2, 4}},
		{10_000, 10, 3.5e7, false, spectrumPlan{128, 64, 2, 1}},
		{300, 100, 3.5e7, false, spectrumPlan{128, 64, 2, 33}},
		{300, 10, 3.5e7, false, spectrumPlan{128, 64, 2, 10}},
		{1, 10, 3.5e7, false, spectrumPlan{1, 0, 2, 10}},
	} {
		dims := [2]int{512, 128}
		got := planSpectrum(c.images, c.epochs, c.forward, dims, c.gpu)
		if got != c.want {
			t.Errorf("%d images, %d epochs: %+v, want %+v", c.images, c.epochs, got, c.want)
		}
		measured := 0
		for epoch := 1; epoch <= c.epochs; epoch++ {
			if got.due(epoch, c.epochs) {
				measured++
			}
		}
		each, algebra := float64(viewsOnCPU), float64(algebraOnCPU)
		if c.gpu {
			each, algebra = viewsOnGPU, algebraOnGPU
		}
		share := float64(measured-1) * got.cost(c.forward, dims, algebra) / (each * float64(c.images*c.epochs))
		if share > spectrumShare {
			t.Errorf("%d images: %.2f %% of the training", c.images, 100*share)
		}
	}
}

// measuring is a run on painted images whose spectrum is measured, and what it says.
func measuring(t *testing.T, images painted, n int, use func(r *Run, h Hook, said func() string)) {
	t.Helper()
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.InputRes = 8, 4, 9, 16
	inTorch(t, func() {
		r := small(t, len(images.labels), c)
		defer r.Close()
		var lines []string
		r.Say = func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
		r.Train, r.Views = images, augmented("A", 16)[:1]
		h := SpectrumHook(n)
		if err := h.Start(r); err != nil {
			t.Fatal(err)
		}
		use(r, h, func() string { s := strings.Join(lines, "\n"); lines = nil; return s })
	})
}

// augmented are the two views of a preset.
func augmented(preset string, size int) []views.Spec {
	spec, err := views.Preset(preset, size, 0.2)
	if err != nil {
		panic(err)
	}
	return []views.Spec{spec, spec}
}

// colors are n images in k colors.
func colors(n, k int) painted {
	images := painted{fake{make([]int, n)}}
	for i := range images.labels {
		images.labels[i] = i % k
	}
	return images
}

// What cannot be measured is said once, and the training goes on; the next epoch is measured again.
func TestSpectrumOfBadInput(t *testing.T) {
	epoch := func(r *Run, h Hook) {
		t.Helper()
		if err := h.Epoch(r); err != nil {
			t.Fatal(err)
		}
		r.Epoch++
	}
	measuring(t, colors(1, 1), 100, func(r *Run, h Hook, said func() string) {
		said()
		epoch(r, h)
		epoch(r, h)
		if got := said(); strings.Count(got, "could not be measured") != 1 || !strings.Contains(got, "at least 2 images, got 1") {
			t.Errorf("one image: %s", got)
		}
		if lines, err := spectrum.Read(r.Dir); err != nil || len(lines) != 2 || lines[0].Viewed != 0 || lines[0].Views != 0 {
			t.Errorf("one image has no views of a half: %+v, %v", lines, err)
		}
	})
	measuring(t, colors(40, 3), 12, func(_ *Run, _ Hook, said func() string) {
		if got := said(); !strings.Contains(got, "12 images has a rank of at most 12") ||
			!strings.Contains(got, "; a larger --spectrum shows more of them") {
			t.Errorf("few of many images: %s", got)
		}
	})
	measuring(t, colors(12, 1), 100, func(r *Run, h Hook, said func() string) {
		if got := said(); !strings.Contains(got, "the spectrum of 12 images has a rank of at most 12, and the features have ") ||
			!strings.Contains(got, "; the training has no further images") {
			t.Errorf("few images: %s", got)
		}
		epoch(r, h)
		if got := said(); !strings.Contains(got, "all 12 images have the same embedding: the images are identical") {
			t.Errorf("identical images: %s", got)
		}
		epoch(r, h)
		lines, err := spectrum.Read(r.Dir)
		if got := said(); strings.Contains(got, "same embedding") || err != nil || len(lines) != 2 || lines[1].Note == "" {
			t.Errorf("identical images, again: %s, %+v, %v", got, lines, err)
		}
	})
	measuring(t, colors(40, 3), 40, func(r *Run, h Hook, said func() string) {
		weight := r.Model.Query.State[0].Tensor
		kept := torch.Zeros(weight.Shape())
		torch.NoGrad(func() {
			kept.Copy_(weight)
			weight.Fill_(math.NaN())
		})
		epoch(r, h)
		if got := said(); !strings.Contains(got, "want finite") || !strings.Contains(got, "could not be measured after epoch 1") {
			t.Errorf("NaN: %s", got)
		}
		torch.NoGrad(func() { weight.Copy_(kept) })
		epoch(r, h)
		epoch(r, h)
		lines, err := spectrum.Read(r.Dir)
		if err != nil || len(lines) != 3 || lines[0].Note == "" || lines[1].Head == nil {
			t.Fatalf("%+v, %v", lines, err)
		}
		if v, ok := lines[2].Value("backbone", spectrum.ChurnName); !ok || v != 0 {
			t.Errorf("a network that has not changed: churn %v", v)
		}
		if v, ok := lines[2].Value("head", spectrum.CKAName); !ok || math.Abs(v-1) > 1e-9 {
			t.Errorf("a network that has not changed: CKA %v", v)
		}
		if _, ok := lines[1].Value("head", spectrum.LiDARName); !ok || lines[1].Views != 4 || lines[1].Viewed != 20 {
			t.Errorf("views: %+v", lines[1])
		}
		if got := said(); !strings.Contains(got, "epoch 3: embeddings of 8 dimensions, RankMe ") || !strings.Contains(got, ", 0 % of neighbors new") {
			t.Errorf("said %s", got)
		}
	})
}

// BenchmarkSpectrum compares a measurement with the training of an epoch: a small ResNet-18 on 10,000
// images of 32 pixels, and one on 50,000. share is in percent; it must be below 1.
func BenchmarkSpectrum(b *testing.B) {
	for _, images := range []int{10_000, 50_000} {
		b.Run(fmt.Sprint(images), func(b *testing.B) {
			err := torch.Run(func() error { torch.Scoped(func() { spectrumShareOf(b, images) }); return nil })
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func spectrumShareOf(b *testing.B, images int) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.InputRes, c.Workers = 4096, 256, 10, 32, 1
	net := nn.Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Head: "mlp", FeatDim: 128}
	m, err := methods.NewModel(methods.Options{Memory: "moco", Net: net, K: c.K, Alpha: 0.99, Temperature: 0.2, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	r := &Run{Config: c, Dir: b.TempDir(), Train: colors(images, 3), Model: m, Epoch: 1, Views: augmented("B", 32)}
	defer r.Close()
	s := &spectra{}
	if err := s.start(r); err != nil {
		b.Fatal(err)
	}
	var measured, trained time.Duration
	steps := 0
	for b.Loop() {
		start := time.Now()
		r.Epoch++
		if err := s.measure(r); err != nil {
			b.Fatal(err)
		}
		measured += time.Since(start)
		trained += trainFor(b, r, 8)
		steps += 8
	}
	epoch := trained.Seconds() / float64(steps) * float64(images) / float64(c.BatchSize)
	each := measured.Seconds() / float64(b.N) / float64(s.plan.Every)
	b.ReportMetric(100*each/epoch, "share_%")
	b.ReportMetric(float64(s.plan.Images), "images")
	b.ReportMetric(float64(s.plan.Every), "epochs")
}

// trainFor trains for a number of steps, and returns the time that they take.
func trainFor(b *testing.B, r *Run, steps int) time.Duration {
	l := prefetch.New(context.Background(), prefetch.Options{ViewOptions: loader.ViewOptions{
		Dataset: r.Train, Views: r.Views, BatchSize: r.Config.BatchSize, Workers: r.Config.Workers,
	}})
	defer l.Close()
	start := time.Now()
	for range steps {
		batch, err := l.Next()
		if err != nil {
			b.Fatal(err)
		}
		torch.Scoped(func() {
			_, err = r.Model.Step(&methods.Batch{
				Step: 1, Crops: []*torch.Tensor{batch.View(0), batch.View(1)}, Random: r.Model.Random(0, false),
				Readback: torch.NewReadback(r.Model.Device()), Images: make([]int64, batch.N),
			}, 0.01)
		})
		if err != nil {
			b.Fatal(err)
		}
		l.Recycle(batch)
	}
	return time.Since(start)
}

// A training that has settled says so once, at any epoch but the last, and ends there with --stop auto; one
// that is resumed beyond does not end again.
func TestStop(t *testing.T) {
	for stop, want := range map[string]int{"off": 9, "advise": 9, "auto": 4} {
		measuring(t, colors(40, 20), 40, func(r *Run, h Hook, said func() string) {
			r.Config.Stop = stop
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(os.WriteFile(filepath.Join(r.Dir, rundir.RecordFile), []byte(`{"config": {"epochs": "9"}}`), 0o644))
			for ; r.Epoch <= r.Config.Epochs; r.Epoch++ { // the network does not change
				check(h.Epoch(r))
			}
			if got := r.Epoch - 1; got != want {
				t.Errorf("--stop %s: %d epochs, want %d", stop, got, want)
			}
			got := said()
			if n := strings.Count(got, "the features have settled"); n != map[string]int{"advise": 1, "auto": 1}[stop] {
				t.Errorf("--stop %s says so %d times: %s", stop, n, got)
			}
			if stop == "auto" && !strings.Contains(got, "the remaining 5 epochs (56 % of all) may change little, and are saved") {
				t.Errorf("--stop auto says %s", got)
			}
			if stop != "auto" {
				return
			}
			if record, err := rundir.ReadRecord(r.Dir); err != nil || record.Config["epochs"] != "4" || record.Planned != 9 {
				t.Errorf("the record: %+v, %v", record, err)
			}
			// By the rule for 90 epochs nothing had settled yet: that it ended the training is what counts.
			r.Config.Epochs = 90
			again := SpectrumHook(40)
			check(again.Start(r))
			for ; r.Epoch <= 20; r.Epoch++ {
				check(again.Epoch(r))
			}
			if got := said(); r.Config.Epochs != 90 || strings.Contains(got, "the features have settled") {
				t.Errorf("resumed for longer: %d epochs, said %s", r.Config.Epochs, got)
			}
		})
	}
}

// Features that stand still in a training that is diagnosed have not settled: it is said once, also after a
// resume, and nothing ends.
func TestFaultyStop(t *testing.T) {
	measuring(t, colors(40, 20), 40, func(r *Run, h Hook, said func() string) {
		r.Config.Stop = "auto"
		black := vitals.Line{Epoch: 1, Step: 1, Planned: 90, Values: map[string]float64{vitals.ViewFlat: 0.9}}
		if err := vitals.Append(r.Dir, black); err != nil {
			t.Fatal(err)
		}
		epochs := func(h Hook, last int) {
			for ; r.Epoch <= last; r.Epoch++ {
				if err := h.Epoch(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		epochs(h, 6)
		got := said()
		if strings.Count(got, "does not count as settled, because it is diagnosed: ") != 1 || strings.Contains(got, "have settled") {
			t.Errorf("said %s", got)
		}
		again := SpectrumHook(40)
		if err := again.Start(r); err != nil {
			t.Fatal(err)
		}
		epochs(again, 9)
		if got := said(); strings.Contains(got, "settled") || r.Config.Epochs != 9 {
			t.Errorf("resumed, said %s", got)
		}
	})
}

// A training so short that it is measured once says why, and what measures more.
func TestSpectrumOfShortTraining(t *testing.T) {
	measuring(t, colors(40, 3), 0, func(_ *Run, _ Hook, said func() string) {
		if got := said(); !strings.Contains(got, "measured once, after the last epoch, because the training is short; --spectrum 40") {
			t.Errorf("said %s", got)
		}
	})
}
