package profile

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data/datatest"
	"contralens/torch"
)

// Steps and ends of epochs are told apart, and warm-up steps do not count.
func TestEpochWatch(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const step, end, perEpoch = 100 * time.Millisecond, 400 * time.Millisecond, 5
	w := &epochWatch{begin: now}
	n, err := 0, error(nil)
	for ; err == nil && n < 1000; n++ {
		took := step
		if n < 2 {
			took = 2 * time.Second // the first use of kernels
		}
		if n > 0 && n%perEpoch == 0 {
			took += end
			w.ended = true
		}
		now = now.Add(took)
		err = w.step(now, 64)
	}
	if !errors.Is(err, ErrDone) {
		t.Fatalf("not done after %d steps: %v", n, err)
	}
	images, took := w.Speed()
	if math.Abs(images-640) > 1e-6 || took != end {
		t.Errorf("%v images/s and %v per epoch, want 640 and %v", images, took, end)
	}
	if timed := time.Duration(n) * step; timed > speedLimit {
		t.Errorf("measured %d steps", n)
	}
}

// A machine that finishes no epoch in time is measured on a few steps.
func TestEpochWatchSlow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &epochWatch{begin: now}
	n, err := 0, error(nil)
	for ; err == nil && n < 100; n++ {
		now = now.Add(4 * time.Second)
		err = w.step(now, 64)
	}
	if images, end := w.Speed(); !errors.Is(err, ErrDone) || n != 2+speedSteps || images != 16 || end != 4*time.Second {
		t.Errorf("%v after %d steps: %v images/s, %v per epoch", err, n, images, end)
	}
}

// A training whose epochs have one step ends the measurement, too: the end of the epoch is then in the
// speed of its step.
func TestEpochWatchOfOneStep(t *testing.T) {
	now := time.Now()
	w := &epochWatch{begin: now}
	done := false
	for range 100 {
		now = now.Add(500 * time.Millisecond)
		if done = w.step(now, 10) != nil; done {
			break
		}
		w.ended = true
	}
	if images, end := w.Speed(); !done || images != 20 || end != 0 {
		t.Errorf("ended %v, %v images/s, an epoch's end takes %v; want 20 and 0", done, images, end)
	}
}

// The speed of a training is measured on its own images, and all settings are chosen.
func TestMeasureSpeed(t *testing.T) {
	folder := t.TempDir()
	for _, split := range []string{"train", "val"} {
		datatest.Write(t, folder, split+"/a/1.png", split+"/a/2.png", split+"/b/3.png", split+"/b/4.png")
	}
	c := config.DefaultContrast()
	c.Method, c.DataFolder, c.Arch, c.Width, c.Stem, c.InputRes = "MoCov2", folder, "resnet18", 0.06, "cifar", 16
	c.BatchSize, c.K, c.Epochs, c.Cosine = 2, 8, 1, true
	if _, err := c.Resolve(map[string]bool{"method": true}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err := torch.Run(func() error {
		defer torch.SetThreads(torch.Threads())
		s, err := MeasureSpeed(context.Background(), &c, Options{
			Dir: dir, Tuner: &autotune.Tuner{}, Print: t.Logf, Show: func(string) {},
		})
		if err == nil && !(s.Train > 0 && s.Epoch >= 0 && s.Evaluate > 0 && s.Vote > 0) {
			t.Errorf("measured %+v", s)
		}
		return err
	})
	if err != nil || c.Precision == "auto" || c.MemoryFormat == "auto" || c.Epochs != 1 {
		t.Errorf("%v; %s %s, %d epochs", err, c.Precision, c.MemoryFormat, c.Epochs)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err != nil {
		t.Error(err)
	}

	// Ctrl-C ends it.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = torch.Run(func() error {
		_, err := MeasureSpeed(ctx, &c, Options{Dir: t.TempDir(), Tuner: &autotune.Tuner{}, Print: t.Logf, Show: func(string) {}})
		return err
	})
	if err == nil {
		t.Error("measured although the context had ended")
	}
}
