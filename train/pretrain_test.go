package train_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/rundir"
	"contralens/train"
	"contralens/world"
)

// brief is a pre-training of 4 steps on noise.
func brief(t *testing.T) config.Contrast {
	t.Helper()
	folder := noiseFolder(8)
	t.Cleanup(func() { os.RemoveAll(folder) })
	c, runs := config.DefaultContrast(), t.TempDir()
	c.Method, c.DataFolder, c.InputRes = "MoCov2", folder, 16
	c.Arch, c.Width, c.Stem, c.FeatDim = "resnet18", 0.0625, "cifar", 8
	c.BatchSize, c.K, c.Epochs, c.PrintFreq = 4, 8, 2, 1
	c.ModelPath, c.TBPath, c.Name = filepath.Join(runs, "runs"), filepath.Join(runs, "tb"), "brief"
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// A Progress that has only a writer shows a line every print_freq steps, and log.txt has
// the same lines.
func TestPretrainShows(t *testing.T) {
	var shown bytes.Buffer
	p := &train.Progress{Out: &shown}
	defer p.Close()
	result, err := train.Pretrain(context.Background(), brief(t), train.Options{Progress: p})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown.String(), " img/s "); n != 4 {
		t.Errorf("want a line for each of 4 steps, got %d:\n%s", n, &shown)
	}
	log, err := os.ReadFile(filepath.Join(result.Dir, rundir.LogFile))
	if err != nil || string(log) != shown.String() {
		t.Errorf("log.txt (%v):\n%s\nwant what is shown:\n%s", err, log, &shown)
	}
}

// A world that cannot train is refused before anything is written.
func TestPretrainWorld(t *testing.T) {
	for w, want := range map[world.World]string{
		{Rank: 0, Size: 2}: "want one process",
		{Rank: 1, Size: 2}: "want one process",
		{Rank: 2, Size: 2}: "want a rank from 0 to size-1",
	} {
		c := brief(t)
		_, err := train.Pretrain(context.Background(), c, train.Options{World: w})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", w, err, want)
		}
		for _, dir := range []string{c.ModelPath, c.TBPath} {
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%v: %s exists (%v), want nothing written", w, dir, err)
			}
		}
	}
}
