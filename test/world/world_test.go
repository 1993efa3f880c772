package world

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"image/color"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/world"
)

const (
	asRank       = "CONTRALENS_TEST_JOB"
	asEvaluation = "CONTRALENS_TEST_EVALUATION"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(asRank); text != "" {
		if err := do(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if text := os.Getenv(asEvaluation); text != "" {
		var e evaluation
		err := json.Unmarshal([]byte(text), &e)
		if err == nil {
			err = e.do()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// long reports whether tests take all cases (make check-long SECTIONS=dist).
func long() bool { return os.Getenv("CONTRALENS_WORLDS") != "" }

// photos makes a folder of small images of smooth noise, the same every time.
func photos(t *testing.T, count, side int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "photos")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		var f [9]float64
		for k := range f {
			f[k] = rng.Float64()
		}
		datatest.Put(t, dir, fmt.Sprintf("%03d.png", i), datatest.PNG(side, side, func(x, y int) color.RGBA {
			var c [3]uint8
			for k := range c {
				c[k] = uint8(128 + 100*math.Sin(6*f[3*k]+float64(x)*f[3*k+1]+float64(y)*f[3*k+2]))
			}
			return color.RGBA{c[0], c[1], c[2], 255}
		}))
	}
	return dir
}

// options are those of a training small enough for a test: of steps steps.
func options(t *testing.T, folder, method string, steps int, change ...func(*config.Contrast)) config.Contrast {
	t.Helper()
	c := config.DefaultContrast()
	c.Method, c.DataFolder, c.Dataset, c.Arch, c.Width, c.FeatDim, c.InputRes = method, folder, "folder", "resnet18", 0.0625, 16, 32
	c.K, c.BatchSize, c.Epochs, c.LearningRate, c.Alpha, c.Seed = 48, 16, 1, 0.03, 0.9, 3
	c.Milestones, c.Workers, c.Stem = nil, 1, "cifar"
	c.Limit = steps * c.BatchSize
	if config.Methods[method].Jigsaw {
		c.InputRes = 64
	}
	for _, f := range change {
		f(&c)
	}
	if _, err := c.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// run trains in a world of size processes and returns what each ends with.
func run(t *testing.T, size int, j job) []result {
	t.Helper()
	dir := t.TempDir()
	if j.Dir == "" {
		j.Dir = filepath.Join(dir, "run")
	}
	if err := os.MkdirAll(j.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var ranks []*exec.Cmd
	said := make([]strings.Builder, size)
	for rank := range size {
		j := j
		j.World, j.Store, j.Out = world.World{Rank: rank, Size: size, Node: j.World.Node}, filepath.Join(dir, "store"), filepath.Join(dir, fmt.Sprint("rank", rank))
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), asRank+"="+string(text), "OMP_NUM_THREADS=1", "GLOO_SOCKET_IFNAME=lo")
		c.Stdout, c.Stderr = &said[rank], &said[rank]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ranks = append(ranks, c)
	}
	var out []result
	for rank, c := range ranks {
		if err := c.Wait(); err != nil {
			t.Errorf("%s in %d processes, rank %d: %v\n%s", j.Config.Method, size, rank, err, &said[rank])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	for rank := range ranks {
		f, err := os.Open(filepath.Join(dir, fmt.Sprint("rank", rank)))
		if err != nil {
			t.Fatal(err)
		}
		var r result
		err = gob.NewDecoder(f).Decode(&r)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// kindOf is what a tensor of a state is.
func kindOf(name string) string {
	switch {
	case strings.HasSuffix(name, "num_batches_tracked"):
		return "count"
	case strings.Contains(name, "running_"):
		return "statistics"
	}
	kind, _, _ := strings.Cut(name, " ")
	return kind
}

// apart returns, for each kind of tensor, the largest difference relative to the tensor's
// largest element; "gradient" is that of momenta relative to the largest of the network, because some of
// its tensors are rounding only.
func apart(a, b map[string][]float32) map[string]float64 {
	worst := map[string]float64{}
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		worst["other tensors"] = math.Inf(1)
	}
	gradient, network := 0.0, 0.0
	for name, x := range a {
		y, largest, most := b[name], 0.0, 0.0
		for i := range x {
			largest = max(largest, math.Abs(float64(x[i])))
			if d := math.Abs(float64(x[i] - y[i])); !(d <= most) {
				most = d
			}
		}
		if kindOf(name) == "momentum" {
			gradient, network = max(gradient, most), max(network, largest)
		}
		if most > 0 {
			kind := kindOf(name)
			worst[kind] = max(worst[kind], most/max(largest, 1e-30))
		}
	}
	if gradient > 0 {
		worst["gradient"] = gradient / max(network, 1e-30)
	}
	return worst
}

// alike reports what ranks ended with that is not equal, bit for bit.
func alike(t *testing.T, what string, ranks []result) {
	t.Helper()
	for rank, r := range ranks[1:] {
		if d := apart(ranks[0].State, r.State); len(d) > 0 {
			t.Errorf("%s: ranks 0 and %d of %d differ: %v", what, rank+1, len(ranks), d)
		}
		for i, s := range r.Steps {
			if first := ranks[0].Steps[i]; s.Drawn != first.Drawn || s.Loss != first.Loss {
				t.Errorf("%s, step %d: rank %d has loss %v, rank 0 %v; or other images or draws", what, s.Step, rank+1, s.Loss,
					first.Loss)
			}
		}
	}
}

// same compares a world with one process: the steps exactly in what they draw, figures within
// figures (losses below 1 absolutely: a cosine may be near 0), tensors of each kind within limits. A kind
// without a limit is not compared.
func same(t *testing.T, what string, world, one result, figures float64, limits map[string]float64) {
	t.Helper()
	if len(world.Steps) != len(one.Steps) {
		t.Fatalf("%s: %d steps, want %d", what, len(world.Steps), len(one.Steps))
	}
	for i, s := range world.Steps {
		w := one.Steps[i]
		if s.Drawn != w.Drawn || s.Images != w.Images || len(s.Scores) != len(w.Scores) {
			t.Errorf("%s, step %d: other images or draws:\n%s\nwant\n%s", what, s.Step, s.Drawn, w.Drawn)
		}
		if math.Abs(s.Loss-w.Loss) > figures*max(1, math.Abs(w.Loss)) || math.Abs(s.Alignment-w.Alignment) > figures ||
			figures == 0 && s.Accuracy != w.Accuracy {
			t.Errorf("%s, step %d: loss %v, accuracy %v, alignment %v; want %v, %v, %v", what, s.Step, s.Loss, s.Accuracy,
				s.Alignment, w.Loss, w.Accuracy, w.Alignment)
		}
	}
	worst := apart(one.State, world.State)
	for kind, limit := range limits {
		if worst[kind] > limit {
			t.Errorf("%s: %s differ by %.1e of a tensor's largest, want at most %.1e", what, kind, worst[kind], limit)
		}
	}
	if math.IsInf(worst["other tensors"], 1) {
		t.Errorf("%s: other tensors", what)
	}
	t.Logf("%s: %v", what, worst)
}
