package plateau_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/examples/plateau"
	"contralens/rundir"
	"contralens/train"
)

// photos writes n images of noise.
func photos(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	datatest.Pictures(dir, n, 16, datatest.Noise)
	return dir
}

func options(t *testing.T, folder, runs string) config.Contrast {
	t.Helper()
	c := config.DefaultContrast()
	c.Method, c.DataFolder, c.Arch, c.Width, c.Stem, c.InputRes = "MoCov2", folder, "resnet18", 0.0625, "cifar", 16
	c.BatchSize, c.K, c.FeatDim, c.Epochs, c.Seed = 4, 8, 8, 40, 3
	c.LearningRate = 1e-12 // nothing is learned: the loss only fluctuates
	c.ModelPath, c.TBPath, c.Name = runs, filepath.Join(runs, "tb"), "run"
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// epochs returns the number of epochs that a run has completed.
func epochs(t *testing.T, result train.Result) (n int) {
	t.Helper()
	for _, m := range rundir.LastMetrics(os.DirFS(result.Dir).(fs.StatFS)) {
		if m.EpochEnd {
			n++
		}
	}
	return n
}

// TestPlateau: a run that learns nothing ends after two epochs without a new lowest
// loss. A run that was interrupted before that ends at the same epoch.
func TestPlateau(t *testing.T) {
	folder := photos(t, 12)
	whole, err := train.Pretrain(context.Background(), options(t, folder, t.TempDir()), train.Options{Hooks: plateau.Hooks(2)})
	if err != nil {
		t.Fatal(err)
	}
	want := epochs(t, whole)
	if want < 3 || want > 30 {
		t.Fatalf("stopped after %d of 40 epochs", want)
	}

	c := options(t, folder, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	interrupt := train.Hook{Order: train.Evaluate, Epoch: func(r *train.Run) error {
		if r.Epoch == want-1 {
			cancel()
		}
		return nil
	}}
	if _, err := train.Pretrain(ctx, c, train.Options{Hooks: append(plateau.Hooks(2), interrupt)}); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("want the training interrupted, got %v", err)
	}
	c.Resume = "auto"
	resumed, err := train.Pretrain(context.Background(), c, train.Options{Hooks: plateau.Hooks(2)})
	if err != nil {
		t.Fatal(err)
	}
	if got := epochs(t, resumed); got != want {
		t.Errorf("the resumed training ends after %d epochs, the whole one after %d", got, want)
	}
}
