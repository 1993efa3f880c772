package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data/datatest"
	"contralens/dist"
)

// labeled makes a folder of small images in three classes, which overlap, with a test split.
func labeled(t *testing.T, train, test int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "labeled")
	rng := rand.New(rand.NewPCG(5, 6))
	for _, split := range []struct {
		name  string
		count int
	}{{"train", train}, {"val", test}} {
		for i := range split.count {
			class := i % 3
			folder := filepath.Join(dir, split.name, string(rune('a'+class)))
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			a, b := 0.2+0.15*float64(class)+0.3*rng.Float64(), rng.Float64()
			datatest.Put(t, folder, fmt.Sprintf("%03d.png", i), datatest.PNG(16, 16, func(x, y int) color.RGBA {
				v := uint8(128 + 60*math.Sin(a*float64(x)+b*float64(y)) + 50*rng.Float64())
				return color.RGBA{v, uint8(40 * class), 255 - v, 255}
			}))
		}
	}
	return dir
}

// evaluate runs an evaluation in size processes and returns how each ends.
func evaluate(t *testing.T, size int, e evaluation) []outcome {
	t.Helper()
	all, errs := processes(t, size, e)
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// refused returns what the processes of an evaluation say that all refuse to begin.
func refused(t *testing.T, size int, e evaluation) (text string) {
	t.Helper()
	_, errs := processes(t, size, e)
	if len(errs) != size {
		t.Errorf("%d of %d processes refused", len(errs), size)
	}
	return fmt.Sprint(errs)
}

// processes runs an evaluation in size processes.
func processes(t *testing.T, size int, e evaluation) (all []outcome, errs []error) {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	begin := time.Now()
	defer func() { t.Logf("%d processes took %v", size, time.Since(begin)) }()
	var ranks []*exec.Cmd
	said := make([]strings.Builder, size)
	out := func(rank int) string { return filepath.Join(dir, fmt.Sprint("rank", rank)) }
	for rank := range size {
		e := e
		e.Out = out(rank)
		e.Launch = dist.Launch{Source: "test", Rank: rank, Size: size, LocalRank: rank, LocalSize: size, Nodes: 1,
			Host: "127.0.0.1", Port: port}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), asEvaluation+"="+string(text), "OMP_NUM_THREADS=1", "GLOO_SOCKET_IFNAME=lo")
		c.Stdout, c.Stderr = &said[rank], &said[rank]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ranks = append(ranks, c)
	}
	for rank, c := range ranks {
		if err := c.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("rank %d of %d: %w: %s", rank, size, err, &said[rank]))
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	all = make([]outcome, size)
	for rank := range all {
		text, err := os.ReadFile(out(rank))
		if err == nil {
			err = json.Unmarshal(text, &all[rank])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all, nil
}

// small are the options of a network for tests.
func small(n *config.Net, m *config.Machine) {
	n.Arch, n.Width, n.Stem, n.InputRes = "resnet18", 0.0625, "cifar", 16
	m.Workers, m.Threads, m.Precision, m.MemoryFormat, m.Device = 1, 1, "fp32", "contiguous", "cpu"
}

// trained are the options of training a classifier in a run directory below dir.
func trained(c *config.Classifier, folder, dir, name string) {
	small(&c.Net, &c.Machine)
	c.DataFolder, c.Name, c.ModelPath, c.TBPath = folder, name, filepath.Join(dir, "save"), filepath.Join(dir, "tb")
	c.Epochs, c.BatchSize, c.LearningRate, c.Cosine, c.PrintFreq = 2, 12, 0.05, true, 1
}

// tensorsOf returns the tensors of a run's checkpoint.
func tensorsOf(t *testing.T, dir, name string) map[string][]float32 {
	t.Helper()
	file, err := checkpoint.Read(filepath.Join(dir, "save", name, "current.pth"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	var add func(prefix string, v any)
	add = func(prefix string, v any) {
		if x, ok := v.(*checkpoint.Tensor); ok {
			all[prefix] = x.Float32s()
			return
		}
		for _, i := range checkpoint.AsDict(v) {
			add(fmt.Sprint(prefix, " ", i.Key), i.Value)
		}
	}
	for _, part := range []string{"model", "classifier", "optimizer"} {
		add(part, file.Get(part))
	}
	return all
}

// near compares the tensors of two runs: those of each kind may differ by a part of the tensor's
// largest element.
func near(t *testing.T, what string, got, want map[string][]float32, limit float64) {
	t.Helper()
	worst := apart(want, got)
	t.Logf("%s: %v", what, worst)
	for kind, d := range worst {
		if kind != "optimizer" && d > limit || math.IsInf(d, 1) {
			t.Errorf("%s: %s differ by %.1e of a tensor's largest, want at most %.1e", what, kind, d, limit)
		}
	}
	if len(want) < 2 {
		t.Errorf("%s: %d tensors", what, len(want))
	}
}

// k-NN gives one accuracy for every number of processes: batches, products and votes have the
// shapes of one process.
func TestKNN(t *testing.T) {
	c := config.DefaultKNN()
	small(&c.Net, &c.Machine)
	c.DataFolder, c.BatchSize, c.Neighbors, c.Seed = labeled(t, 61, 31), 7, 5, 3
	if _, err := c.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	want := evaluate(t, 1, evaluation{KNN: &c})[0].Results[0].Metrics["top1"].(float64)
	if want < 35 || want > 99 {
		t.Fatalf("an accuracy of %v says little", want)
	}
	for _, size := range worlds(3, 2) {
		for rank, o := range evaluate(t, size, evaluation{KNN: &c}) {
			if got := o.Results[0].Metrics["top1"]; got != want || (len(o.Lines) > 0) != (rank == 0) {
				t.Errorf("rank %d of %d: top-1 %v, want %v; it says %q", rank, size, got, want, o.Lines)
			}
		}
	}
}

// The k-NN evaluations of a training are shared by its processes, and are those of one: before
// training exactly, after it as far as the weights agree.
func TestKNNInTraining(t *testing.T) {
	folder := labeled(t, 48, 30)
	c := options(t, folder, "MoCov2", 3, func(c *config.Contrast) { c.KNNEvery, c.InputRes = 1, 16 })
	ranks := run(t, 2, job{Config: c})
	alike(t, "with k-NN", ranks)
	c.BNSplits = 2
	one := run(t, 1, job{Config: c})[0]
	if len(one.KNN) != 2 || len(ranks[0].KNN) != 2 || ranks[0].KNN[0] != one.KNN[0] || math.Abs(ranks[0].KNN[1]-one.KNN[1]) > 7 {
		t.Errorf("accuracies %v, want %v", ranks[0].KNN, one.KNN)
	}
	if len(ranks[1].KNN) != 0 {
		t.Errorf("the second process reports %v", ranks[1].KNN)
	}
}

// A file of features is that of one process, byte for byte, with an image that cannot be read.
func TestFeatures(t *testing.T) {
	folder, dir := labeled(t, 36, 12), t.TempDir()
	c := config.DefaultSupervised()
	trained(&c.Classifier, folder, dir, "encoder")
	c.Epochs = 1
	if _, err := c.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	evaluate(t, 1, evaluation{Supervised: &c})
	images := filepath.Join(folder, "train")
	if err := os.WriteFile(filepath.Join(images, "b", "broken.png"), []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := config.DefaultFeatures()
	f.Ckpt, f.BatchSize, f.Workers, f.Threads, f.Device = filepath.Join(dir, "save", "encoder", "current.pth"), 5, 1, 1, "cpu"
	var files [][]byte
	for _, size := range append([]int{1}, worlds(2, 3)...) {
		f.Out = filepath.Join(t.TempDir(), "x.npy")
		if _, err := f.Resolve(map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		for rank, o := range evaluate(t, size, evaluation{Features: &f, Folder: images}) {
			if o.Extracted.Images != 37 || o.Extracted.Unreadable != 1 {
				t.Errorf("rank %d of %d: %+v", rank, size, o.Extracted)
			}
		}
		file, err := os.ReadFile(f.Out)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		if !bytes.Equal(file, files[0]) {
			t.Errorf("%d processes: another file than one process writes", size)
		}
	}
}

// A linear probe on images, in two processes, is that of one within rounding; on cached features
// it is that of one, bit for bit.
func TestLinear(t *testing.T) {
	folder, dir := labeled(t, 40, 20), t.TempDir()
	for _, cached := range []bool{false, true} {
		var all []map[string][]float32
		var accuracies []any
		for _, size := range []int{1, 2} {
			c := config.DefaultLinear()
			trained(&c.Classifier, folder, dir, fmt.Sprint("linear", cached, size))
			c.Cached, c.LearningRate = cached, 1
			if _, err := c.Resolve(map[string]bool{}); err != nil {
				t.Fatal(err)
			}
			out := evaluate(t, size, evaluation{Linear: &c})
			all = append(all, tensorsOf(t, dir, c.Name))
			accuracies = append(accuracies, out[0].Results[0].Metrics["top1"])
		}
		limit := 1e-4
		if cached {
			limit = 0
		}
		near(t, fmt.Sprint("cached ", cached), all[1], all[0], limit)
		if cached && accuracies[0] != accuracies[1] {
			t.Errorf("accuracies %v", accuracies)
		}
	}
}

// Training an encoder with labels in a world is training it in one process that splits its batches
// into as many batch-norm groups, or with --sync_bn in one that does not: weights, classifier and
// running statistics, after a step. Batches that cannot be shared evenly too.
func TestSupervised(t *testing.T) {
	folder, dir := labeled(t, 13, 12), t.TempDir()
	for i, tc := range []struct {
		size, splits int
		together     bool
	}{{3, 3, false}, {2, 1, true}, {2, 2, false}} {
		if i >= 2 && !long() {
			continue
		}
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			run := func(size, splits int, together bool) (map[string][]float32, outcome) {
				c := config.DefaultSupervised()
				trained(&c.Classifier, folder, dir, fmt.Sprint("supervised", i, size))
				c.Epochs, c.BatchSize, c.BNSplits, c.SyncBN = 1, 13, splits, together
				if _, err := c.Resolve(map[string]bool{}); err != nil {
					t.Fatal(err)
				}
				all := evaluate(t, size, evaluation{Supervised: &c})
				for rank, o := range all[1:] {
					if len(o.Lines) > 0 {
						t.Errorf("rank %d says %q", rank+1, o.Lines)
					}
				}
				return tensorsOf(t, dir, c.Name), all[0]
			}
			want, one := run(1, tc.splits, false)
			got, world := run(tc.size, 1, tc.together)
			near(t, "supervised", got, want, 1e-4)
			for _, name := range []string{"loss", "top1"} {
				if a, b := one.Results[0].Metrics[name].(float64), world.Results[0].Metrics[name].(float64); math.Abs(a-b) > 1e-3*math.Abs(a) {
					t.Errorf("%s %v, want %v", name, b, a)
				}
			}
		})
	}
}

// Fine-tuning in a world that stops, because its last process was asked to, and resumes, ends bit
// for bit as if it had not. With three processes that takes the layout of gradients' buckets.
func TestFinetuneResumes(t *testing.T) {
	folder, dir := labeled(t, 36, 12), t.TempDir()
	const size = 3
	options := func(name string) config.Finetune {
		c := config.DefaultFinetune()
		trained(&c.Classifier, folder, dir, name)
		c.LastStages, c.Epochs, c.CRTEpochs = 2, 2, 1
		if _, err := c.Resolve(map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole, parts := options("whole"), options("parts")
	want := evaluate(t, size, evaluation{Finetune: &whole})[0]
	for rank, o := range evaluate(t, size, evaluation{Finetune: &parts, Stop: true}) {
		if !o.Stopped {
			t.Errorf("rank %d did not stop", rank)
		}
	}
	parts.Resume = "auto"
	got := evaluate(t, size, evaluation{Finetune: &parts})[0]
	if d := apart(tensorsOf(t, dir, "whole"), tensorsOf(t, dir, "parts")); len(d) > 0 {
		t.Errorf("the end differs: %v", d)
	}
	if len(got.Results) != 2 || got.Results[1].Metrics["top1"] != want.Results[1].Metrics["top1"] ||
		!strings.Contains(strings.Join(got.Lines, "\n"), "resuming ") {
		t.Errorf("resumed %v, want %v; it says\n%s", got.Results, want.Results, strings.Join(got.Lines, "\n"))
	}
	parts.SyncBN, parts.Name, parts.Resume = true, "few", ""
	parts.BatchSize = 32 // the last batch has 4 images, less than two for each of 3 processes
	e := evaluation{Finetune: &parts}
	if text := refused(t, size, e); !strings.Contains(text, "at least two images of each batch for each of 3 processes, got a last batch of 4") {
		t.Errorf("a last batch that is too small: %s", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "save", "few")); err == nil {
		t.Error("a run directory was made")
	}
}
