package barlow

import (
	"context"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/scores"
	"contralens/torch"
	"contralens/train"
	"contralens/world"
)

// The method is trained by the same loop as all others: its loss falls, the record has
// its scores, and a checkpoint stores it.
func TestTrains(t *testing.T) {
	c := config.DefaultContrast()
	c.Method, c.DataFolder, c.Dataset = "BarlowTwins", pictures(t, 128), "folder"
	c.Arch, c.Width, c.FeatDim, c.InputRes = "resnet18", 0.0625, 8, 32
	c.BatchSize, c.Epochs, c.LearningRate, c.Workers, c.Milestones = 32, 10, 0.05, 1, nil
	if _, err := c.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	var losses []float64
	err := torch.Run(func() error {
		torch.SetThreads(1)
		r, err := train.NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
		if err != nil {
			return err
		}
		defer r.Close()
		r.Hooks = []train.Hook{train.RecordHook(), {Step: func(_ *train.Run, s train.Step) error {
			losses = append(losses, s.Loss)
			return nil
		}}}
		if err := r.Do(context.Background()); err != nil {
			return err
		}
		path := filepath.Join(r.Dir, "current.pth")
		if err := r.Save(path); err != nil {
			return err
		}
		if _, err := r.Load(path); err != nil {
			return err
		}
		source, err := scores.Open(r.Dir)
		if err != nil {
			return err
		}
		if first, last := source.Range(); first != 1 || last != len(losses) {
			t.Errorf("the record has steps %d to %d, want 1 to %d", first, last, len(losses))
		}
		curves, err := source.Curves([]string{"pos_mean", "loss"}, len(losses), len(losses), 1)
		if err != nil {
			return err
		}
		if mean, loss := curves[0][0].Mean, curves[1][0].Mean; !(mean > 0.1 && mean <= 1) || math.Abs(loss-losses[len(losses)-1]) > 1e-5*loss {
			t.Errorf("recorded: positives of %v, loss %v, want views that agree and %v", mean, loss, losses[len(losses)-1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	start, end := 0.0, 0.0 // over the first and the last eight steps
	for i := range 8 {
		start, end = start+losses[i]/8, end+losses[len(losses)-1-i]/8
	}
	t.Logf("loss %.3f to %.3f", start, end)
	if !(end < 0.9*start) {
		t.Errorf("the loss went from %.3f to %.3f: %.3f", start, end, losses)
	}
}

func TestRefusesNegatives(t *testing.T) {
	c := config.DefaultContrast()
	c.Method, c.FT = "BarlowTwins", "posneg"
	if _, err := c.Resolve(map[string]bool{}); err == nil || !strings.Contains(err.Error(), "no negatives") {
		t.Errorf("error %v, want one about negatives", err)
	}
}

// The documentation shows this package verbatim.
func TestDocument(t *testing.T) {
	code, err := os.ReadFile("barlow.go")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/extending.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "```go\n"+string(code)+"```\n") {
		t.Error("docs/extending.md does not show barlow.go as it is")
	}
}

// pictures makes a folder of colored shapes on colored backgrounds.
func pictures(t *testing.T, n int) string {
	t.Helper()
	const side = 40
	rng := rand.New(rand.NewPCG(1, 1))
	random := func() color.RGBA {
		return color.RGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255}
	}
	type picture struct {
		ground, shape color.RGBA
		x, y, r       int
	}
	all := make([]picture, n)
	for i := range all {
		all[i] = picture{random(), random(), rng.IntN(side), rng.IntN(side), 5 + rng.IntN(15)}
	}
	dir := filepath.Join(t.TempDir(), "pictures")
	datatest.Pictures(dir, n, side, func(i, x, y int) color.RGBA {
		p := all[i]
		if dx, dy := x-p.x, y-p.y; dx*dx+dy*dy < p.r*p.r {
			return p.shape
		}
		return p.ground
	})
	return dir
}
