package world

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/world"
)

// A world that stops and resumes ends as if it had not stopped, bit for bit, running statistics
// too. With three processes a sum depends on the layout of its buckets, which the checkpoint
// has. That one process is asked to stop stops all after the same step.
func TestResume(t *testing.T) {
	folder := photos(t, 96, 48)
	for _, size := range worlds(3, 4) {
		c := options(t, folder, "MoCov2", 6, posneg)
		whole := run(t, size, job{Config: c})
		alike(t, "without a stop", whole)
		for _, stop := range worlds(1, 3) {
			saved := filepath.Join(t.TempDir(), "saved.pth")
			first := run(t, size, job{Config: c, Stop: stop, Save: saved})
			alike(t, "stopped", first)
			// The last rank is asked after a step, and tells the others in the next one.
			if n := len(first[0].Steps); n != stop+1 {
				t.Fatalf("all stop after step %d, want %d", n, stop+1)
			}
			rest := run(t, size, job{Config: c, From: saved})
			alike(t, "resumed", rest)
			if d := apart(whole[0].State, rest[0].State); len(d) > 0 {
				t.Errorf("%d processes, resumed after step %d: the end differs: %v", size, stop+1, d)
			}
			if len(rest[0].Notes) > 0 {
				t.Errorf("%d processes resume with notes %q", size, rest[0].Notes)
			}
		}
	}
}

// worlds returns the first of the numbers, or all of them in long tests.
func worlds(all ...int) []int {
	if long() {
		return all
	}
	return all[:1]
}

// A training goes on in a world of another size with the same batches, draws and batch-norm
// groups, if these can be divided.
func TestElastic(t *testing.T) {
	folder := photos(t, 64, 48)
	dir := t.TempDir()
	c := options(t, folder, "MoCov2", 4, posneg)
	saved, run4 := filepath.Join(dir, "four.pth"), filepath.Join(dir, "run")
	first := run(t, 4, job{Config: c, Dir: run4, Stop: 1, Save: saved})
	c.Resume = saved
	splits := c
	splits.BNSplits = 4
	one := run(t, 1, job{Config: splits, Dir: run4, From: saved})[0]
	sizes := []int{2}
	if long() {
		sizes = []int{1, 2, 4}
	}
	for _, size := range sizes {
		next := run(t, size, job{Config: c, Dir: run4, From: saved})
		alike(t, "resumed", next)
		if next[0].Groups != 4 || first[0].Groups != 4 {
			t.Errorf("%d processes: %d groups, want 4", size, next[0].Groups)
		}
		if notes := strings.Join(next[0].Notes, "\n"); strings.Contains(notes, "was trained in a world of 4") != (size != 4) {
			t.Errorf("%d processes: notes %q", size, notes)
		}
		for i, s := range next[0].Steps {
			if s.Drawn != one.Steps[i].Drawn {
				t.Errorf("%d processes, step %d: other images or draws", size, s.Step)
			}
		}
		// One step only, because the next ones multiply what rounding began with.
		if got, want := next[0].Steps[0].Loss, one.Steps[0].Loss; got < want*(1-1e-5) || got > want*(1+1e-5) {
			t.Errorf("%d processes: loss %v after resuming, want %v", size, got, want)
		}
	}
}

// A training goes from four processes to two and to one, with the batches and draws of one process
// that has as many batch-norm groups, and each part begins with that one's step. What both have learned is
// the same within noise: the k-NN accuracies on 60 images are not 27 points apart, three standard
// deviations of such a difference.
func TestShrinkingWorld(t *testing.T) {
	folder, dir := labeled(t, 96, 60), t.TempDir()
	c := options(t, folder, "MoCov2", 6, posneg, func(c *config.Contrast) { c.KNNEvery, c.InputRes = 1, 16 })
	splits := c
	splits.BNSplits = 4
	whole, from := run(t, 1, job{Config: splits})[0], ""
	at := 0
	for i, size := range []int{4, 2, 1} {
		next := c
		next.Resume = from
		saved := filepath.Join(dir, strings.Repeat("p", i+1)+".pth")
		stop := at + 1 // the last rank asks after this step, and all stop after the next
		if size == 1 {
			stop = 0
		}
		ranks := run(t, size, job{Config: next, Dir: filepath.Join(dir, "run"), From: from, Stop: stop, Save: saved})
		alike(t, "part", ranks)
		if ranks[0].Groups != 4 {
			t.Errorf("%d processes have %d groups, want 4", size, ranks[0].Groups)
		}
		for k, s := range ranks[0].Steps {
			if w := whole.Steps[at+k]; s.Step != w.Step || s.Drawn != w.Drawn {
				t.Errorf("%d processes, step %d: other images or draws than in one process", size, s.Step)
			}
		}
		if from != "" {
			alone := splits
			alone.Resume = from
			want := run(t, 1, job{Config: alone, Dir: filepath.Join(dir, "run"), From: from})[0].Steps[0].Loss
			if got := ranks[0].Steps[0].Loss; got < want*(1-1e-5) || got > want*(1+1e-5) {
				t.Errorf("%d processes begin with loss %v, one with %v", size, got, want)
			}
		}
		at += len(ranks[0].Steps)
		from = saved
		if size > 1 {
			continue
		}
		a, b := ranks[0].KNN, whole.KNN
		if len(a) == 0 || len(b) == 0 || math.Abs(a[len(a)-1]-b[len(b)-1]) > 27 {
			t.Errorf("k-NN accuracies %v, want %v", a, b)
		}
	}
	if at != 6 {
		t.Errorf("%d steps in all, want 6", at)
	}
}

// Crops of keys that processes load themselves are those that they would exchange: the training is the
// same, bit for bit, with batches of any size.
func TestLoadedKeys(t *testing.T) {
	folder := photos(t, 43, 60)
	for i, tc := range []struct {
		method string
		size   int
		change func(*config.Contrast)
	}{
		{"MoCov2", 3, func(c *config.Contrast) { c.FT, c.Symmetric, c.Limit = "posneg", true, 43 }},
		{"MoCov2", 2, func(c *config.Contrast) { c.ImageMixup = "imix" }},
		{"BYOL", 2, nil}, {"CMCv2", 2, posneg}, {"InfoMin", 2, nil}, {"MoCov2", 4, func(c *config.Contrast) { c.Accum = 2 }},
		{"SimCLR", 2, nil},
	} {
		if i >= 3 && !long() {
			continue
		}
		c := options(t, folder, tc.method, 2, some(tc.change)...)
		exchanged := run(t, tc.size, job{Config: c})
		c.ShuffleBN = "loader"
		loaded := run(t, tc.size, job{Config: c})
		alike(t, tc.method+", loaded", loaded)
		if d := apart(exchanged[0].State, loaded[0].State); len(d) > 0 {
			t.Errorf("%s in %d processes: the end differs: %v", tc.method, tc.size, d)
		}
	}
}

// Batches that the processes cannot share evenly, and a last one of fewer images than two for
// each, are trained as in one process.
func TestUnevenBatches(t *testing.T) {
	folder := photos(t, 80, 48)
	for _, size := range worlds(3, 4, 2) {
		for _, images := range worlds(5, 7, 3) { // a batch of 16 and one of these would take two steps
			c := options(t, folder, "MoCov2", 1, posneg, func(c *config.Contrast) { c.Limit = images })
			ranks := run(t, size, job{Config: c})
			alike(t, "uneven", ranks)
			c.BNSplits = size
			limits := within(1e-4)
			limits["memory"], limits["statistics"], limits["count"] = 2e-6, 1e-5, 0
			same(t, "uneven", ranks[0], run(t, 1, job{Config: c})[0], 1e-5, limits)
		}
		c := options(t, folder, "BYOL", 1, func(c *config.Contrast) { c.Limit = 19 })
		alike(t, "two batches", run(t, size, job{Config: c}))
	}
}

// Activations that are computed twice, and micro-batches, change nothing in a world either.
func TestMemorySaving(t *testing.T) {
	folder := photos(t, 48, 48)
	c := options(t, folder, "MoCov2", 3, posneg)
	plain := run(t, 2, job{Config: c})
	c.CheckpointActivations = true
	again := run(t, 2, job{Config: c})
	alike(t, "checkpointed activations", again)
	if d := apart(plain[0].State, again[0].State); len(d) > 0 {
		t.Errorf("checkpointed activations: the end differs: %v", d)
	}
	if !long() {
		return
	}
	c = options(t, folder, "SimCLR", 1, func(c *config.Contrast) { c.Accum = 2 })
	parts := run(t, 2, job{Config: c})
	alike(t, "micro-batches", parts)
	c.Accum = 4
	same(t, "micro-batches", parts[0], run(t, 1, job{Config: c})[0], 1e-6, within(3e-6))
}

// Half precision: processes agree bit for bit, and are near one process.
func TestHalf(t *testing.T) {
	if !long() {
		t.Skip("one of the long tests")
	}
	folder := photos(t, 48, 48)
	c := options(t, folder, "MoCov2", 3, func(c *config.Contrast) { c.Precision = "bf16" })
	alike(t, "bf16", run(t, 2, job{Config: c}))
}

// Keys that are shuffled on their own node only do not meet those of others.
func TestShuffles(t *testing.T) {
	folder := photos(t, 32, 48)
	c := options(t, folder, "MoCov2", 2, posneg, func(c *config.Contrast) { c.ShuffleBN = "node" })
	ranks := run(t, 4, job{Config: c, World: world.World{Node: 2}})
	alike(t, "within nodes", ranks)
	c.ShuffleBN = "exchange"
	if d := apart(ranks[0].State, run(t, 4, job{Config: c})[0].State); len(d) == 0 {
		t.Error("a shuffle within nodes is that among all processes")
	}
}
