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
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
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
			t.Errorf("rank %d of %d: %v\n%s", rank, size, err, &said[rank])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	all := make([]outcome, size)
	for rank := range all {
		text, err := os.ReadFile(out(rank))
		if err == nil {
			err = json.Unmarshal(text, &all[rank])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
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
	for _, size := range []int{2, 3} {
		for rank, o := range evaluate(t, size, evaluation{KNN: &c}) {
			if got := o.Results[0].Metrics["top1"]; got != want || (len(o.Lines) > 0) != (rank == 0) {
				t.Errorf("rank %d of %d: top-1 %v, want %v; it says %q", rank, size, got, want, o.Lines)
			}
		}
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
	for _, size := range []int{1, 2, 3} {
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
