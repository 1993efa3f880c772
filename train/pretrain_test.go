package train_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"contralens/config"
	"contralens/dist"
	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/train"
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

// A Progress that has only a writer shows a line every print_freq steps and one for every
// epoch, and log.txt has the same lines. The last one has the means of the last epoch, as
// metrics.jsonl does.
func TestPretrainShows(t *testing.T) {
	var shown bytes.Buffer
	p := &train.Progress{Out: &shown}
	defer p.Close()
	result, err := train.Pretrain(context.Background(), brief(t), train.Options{Progress: p})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown.String(), " img/s"); n != 4 {
		t.Errorf("want a line for each of 2 epochs and for the step before its end, got %d:\n%s", n, &shown)
	}
	for line := range strings.Lines(shown.String()) {
		if strings.HasPrefix(line, "epoch ") && len([]rune(line)) > 101 {
			t.Errorf("a line of more than 100 columns: %s", line)
		}
	}
	metrics, ok := rundir.LastMetrics(os.DirFS(result.Dir).(fs.StatFS)), false
	for _, m := range metrics {
		if m.EpochEnd && m.Epoch == 2 && m.LossMean != nil {
			means := fmt.Sprintf("; mean of the last epoch: loss %.3f, acc %.1f %%\n", *m.LossMean, *m.AccuracyMean)
			ok = regexp.MustCompile(`\ntrained 2 epochs in [0-9]+ (s|min)` + regexp.QuoteMeta(means)).MatchString(shown.String())
		}
	}
	if !ok {
		t.Errorf("want the means of metrics.jsonl, %d lines, at the end of\n%s", len(metrics), &shown)
	}
	log, err := os.ReadFile(filepath.Join(result.Dir, rundir.LogFile))
	if err != nil || string(log) != shown.String() {
		t.Errorf("log.txt (%v):\n%s\nwant what is shown:\n%s", err, log, &shown)
	}
}

// On a terminal the steps are shown in one line, which fits its width and leaves nothing
// behind; the epochs stay.
func TestPretrainOnTerminal(t *testing.T) {
	for columns, wide := range map[int]int{0: 79, 200: 80, 40: 39} {
		var shown bytes.Buffer
		p := &train.Progress{Out: &shown, Terminal: true, Columns: columns}
		if _, err := train.Pretrain(context.Background(), brief(t), train.Options{Progress: p}); err != nil {
			t.Fatal(err)
		}
		p.Close()
		drawn := 0
		for _, line := range strings.Split(shown.String(), "\r\033[K") {
			if !strings.HasSuffix(line, "\n") && line != "" {
				drawn++
				if len([]rune(line)) > wide {
					t.Errorf("%d columns: a line of %d: %q", columns, len([]rune(line)), line)
				}
			}
		}
		if drawn == 0 || strings.Count(shown.String(), " done  loss ") != 2 {
			t.Errorf("%d columns: %d lines in place in\n%q", columns, drawn, &shown)
		}
	}
}

// One of several trainings says which it is, and the time that all of them need.
func TestPretrainAmongOthers(t *testing.T) {
	var shown bytes.Buffer
	p := &train.Progress{
		Out: &shown, Title: "2 of 3",
		Left: func(r *train.Run, training time.Duration) time.Duration {
			return training.Truncate(time.Hour) + 2*time.Hour
		},
	}
	defer p.Close()
	if _, err := train.Pretrain(context.Background(), brief(t), train.Options{Progress: p}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 3  epoch 1/2 step 1/2  loss ", "2 of 3  epoch 1/2 done  loss ", "  left 2.0 h"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("want %q in\n%s", want, &shown)
		}
	}
}

// What comes once before the first step, as reading and measuring, does not count as if
// it came again with every step that is left.
func TestPretrainLeft(t *testing.T) {
	const pause = time.Second
	var left time.Duration
	p := &train.Progress{
		Out: io.Discard,
		Left: func(_ *train.Run, training time.Duration) time.Duration {
			left = max(left, training)
			return training
		},
	}
	defer p.Close()
	before := train.Hook{Order: train.Display, Start: func(*train.Run) error { time.Sleep(pause); return nil }}
	_, err := train.Pretrain(context.Background(), brief(t), train.Options{Progress: p, Hooks: []train.Hook{before}})
	if err != nil {
		t.Fatal(err)
	}
	if left == 0 || left >= 3*pause { // 3 of 4 steps were left after the first one
		t.Errorf("at most %v left, although a step takes milliseconds", left)
	}
}

// A world that cannot train is refused before anything is written.
func TestPretrainWorld(t *testing.T) {
	for rank, want := range []string{"1 of 2 ranks came", "rank 0 could not be reached at 127.0.0.1", "want a rank from 0 to size-1"} {
		c := brief(t)
		_, err := train.Pretrain(context.Background(), c, train.Options{
			Launch: dist.Launch{Rank: rank, Size: 2, LocalSize: 2, Host: "127.0.0.1", Port: freePort(t)},
			Timing: dist.Timing{Join: 2 * time.Second},
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rank %d: error %v, want %q", rank, err, want)
		}
		for _, dir := range []string{c.ModelPath, c.TBPath} {
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("rank %d: %s exists (%v), want nothing written", rank, dir, err)
			}
		}
	}
}

// freePort returns a port at which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A hook can make a training shorter. Its record says so, and it is complete.
func TestShorten(t *testing.T) {
	c := brief(t)
	c.Epochs, c.KNNEvery, c.Cosine, c.CosineBy = 4, 0, true, "step"
	var last float64
	o := train.Options{Hooks: []train.Hook{{
		Epoch: func(r *train.Run) error { return r.Shorten(2) }, // the second call changes nothing
		Step:  func(_ *train.Run, s train.Step) error { last = s.Rate; return nil },
	}}}
	result, err := train.Pretrain(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	record, err := rundir.ReadRecord(result.Dir)
	if err != nil || record.Config["epochs"] != "2" {
		t.Errorf("recorded %s epochs, %v, want 2", record.Config["epochs"], err)
	}
	// Step 4 of 4 of a cosine: 0.03·(1 + cos(¾π))/2 and a little.
	if want := 0.0044; last < want || last > 1.02*want {
		t.Errorf("the last rate is %v, want about %v", last, want)
	}
	c.Epochs, c.Resume = 2, "auto"
	var shown bytes.Buffer
	p := &train.Progress{Out: &shown}
	defer p.Close()
	if _, err := train.Pretrain(context.Background(), c, train.Options{Progress: p}); err != nil || strings.Contains(shown.String(), "epoch 3") {
		t.Errorf("resuming: %v\n%s", err, &shown)
	}
}

// The spectrum of a run that is resumed is that of one that does not stop, also if it had been measured
// beyond the checkpoint that resumes.
func TestResumedSpectrum(t *testing.T) {
	c := brief(t)
	c.Spectrum, c.SaveFreq = "8", 1
	read := func(c config.Contrast, epochs int) string {
		t.Helper()
		c.Epochs = epochs
		result, err := train.Pretrain(context.Background(), c, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(result.Dir, spectrum.FileName))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	again := c
	again.Name = "again"
	want := read(c, 4)
	if n := strings.Count(want, "\n"); n != 4 || strings.Count(want, `"churn"`) != 6 {
		t.Fatalf("%d lines:\n%s", n, want)
	}
	read(again, 3)
	dir := filepath.Join(again.ModelPath, "again")
	for _, name := range []string{rundir.CurrentFile, rundir.EpochFile(3)} { // killed before the save
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	again.Resume = "auto"
	if got := read(again, 4); got != want {
		t.Errorf("resumed after epoch 2:\n%s\nwant\n%s", got, want)
	}
}
