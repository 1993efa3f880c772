package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/profile"
)

// machines of different speeds. One is a core of an AMD EPYC with AVX-512; the slowest is a
// tenth of it.
var (
	fast    = profile.Speed{Train: 20_000, Epoch: 50 * time.Millisecond, Evaluate: 100_000, Vote: 1e9}
	oneCore = profile.Speed{Train: 2000, Epoch: 100 * time.Millisecond, Evaluate: 12_000, Vote: 8e7}
	slow    = profile.Speed{Train: 200, Epoch: time.Second, Evaluate: 1200, Vote: 8e6}
	slowest = profile.Speed{Train: 20, Epoch: 2 * time.Second, Evaluate: 120, Vote: 8e5}

	fashion = Have{Images: 60_000, Tests: 10_000}
)

func TestSize(t *testing.T) {
	const eight = 8 * time.Minute
	for _, c := range []struct {
		what           string
		left           time.Duration
		speed          profile.Speed
		have           Have
		images, epochs int // asked for
		want           Plan
	}{
		{"fast", eight, fast, fashion, 0, 0, Plan{Images: 25_000, Tests: 10_000, Epochs: 24}},
		{"one core", eight, oneCore, fashion, 0, 0, Plan{Images: 25_000, Tests: 10_000, Epochs: 13}},
		{"slow", eight, slow, fashion, 0, 0, Plan{Images: 2500, Tests: 10_000, Epochs: 12}},
		{"slowest", eight, slowest, fashion, 0, 0, Plan{Images: 250, Tests: 1000, Epochs: 9}},
		{"one core, one minute", time.Minute, oneCore, fashion, 0, 0, Plan{Images: 2500, Tests: 10_000, Epochs: 15}},
		{"slow, one minute", time.Minute, slow, fashion, 0, 0, Plan{Images: 250, Tests: 1000, Epochs: 8}},
		{"no time at all", time.Second, slowest, fashion, 0, 0, Plan{Images: 250, Tests: 200, Epochs: 1}},
		{"a small dataset", eight, fast, Have{300, 50}, 0, 0, Plan{Images: 300, Tests: 50, Epochs: 24}},
		{"images asked for", eight, slow, fashion, 5000, 0, Plan{Images: 5000, Tests: 10_000, Epochs: 6}},
		{"epochs asked for", eight, slow, fashion, 0, 40, Plan{Images: 600, Tests: 10_000, Epochs: 40}},
		{"both asked for", eight, slowest, fashion, 60_000, 100, Plan{Images: 60_000, Tests: 1000, Epochs: 100}},
		{"more images than there are", eight, fast, fashion, 100_000, 1, Plan{Images: 60_000, Tests: 10_000, Epochs: 1}},
	} {
		if got := Size(c.left, c.speed, c.have, c.images, c.epochs); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

// By its own model a demo ends in time, with a margin for speeds that change and time for the
// figures, if even the smallest one can. Faster machines and more time never get less.
func TestSizeFits(t *testing.T) {
	smallest := Plan{Images: imageSizes[len(imageSizes)-1], Tests: testSizes[len(testSizes)-1], Epochs: 1}
	for _, minutes := range []float64{0.5, 1, 2, 4, 8, 16, 60} {
		left := seconds(60 * minutes)
		var last Plan
		for factor := 0.001; factor < 100; factor *= 1.07 {
			s := profile.Speed{
				Train: factor * oneCore.Train, Epoch: time.Duration(float64(oneCore.Epoch) / factor),
				Evaluate: factor * oneCore.Evaluate, Vote: factor * oneCore.Vote,
			}
			p := Size(left, s, fashion, 0, 0)
			limit := seconds((1 - marginShare - figureShare) * left.Seconds())
			if c := cost(p, s); c > limit && cost(smallest, s) <= limit && p != smallest {
				t.Errorf("%v min, speed %.3g: %s takes %v, want at most %v", minutes, factor, p, c, limit)
			}
			if p.Images < last.Images || p.Tests < last.Tests || p.Images*p.Epochs < last.Images*last.Epochs {
				t.Errorf("%v min, speed %.3g: %s after %s on a slower machine", minutes, factor, p, last)
			}
			if more := Size(2*left, s, fashion, 0, 0); more.Images < p.Images || more.Images*more.Epochs < p.Images*p.Epochs {
				t.Errorf("speed %.3g: %s in %v, but %s in twice the time", factor, p, left, more)
			}
			last = p
		}
		if last.Images != imageSizes[0] || last.Epochs != mostEpochs {
			t.Errorf("%v min: the fastest machine gets %s", minutes, last)
		}
	}
}

func TestPlanFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := readPlan(dir); err == nil || !strings.Contains(err.Error(), "want a demo to resume") {
		t.Errorf("an empty folder: %v", err)
	}
	want := Plan{Images: 250, Tests: 200, Epochs: 3, FTEpochs: 2, Seed: 7}
	want.Machine.Precision = "bf16"
	if err := writePlan(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := readPlan(dir); err != nil || got != want {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"", "{}", "[]", `{"images": 1}`} {
		if err := os.WriteFile(filepath.Join(dir, planFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readPlan(dir); err == nil || !strings.Contains(err.Error(), planFile) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
