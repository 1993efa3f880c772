package classify

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sbinet/npyio"

	"contralens/data/loader"
	"contralens/internal/numeric"
	"contralens/optim"
	"contralens/torch"
)

// mixture draws n features of overlapping classes, with columns of very different
// scale, as networks produce.
func mixture(n, d, classes int, seed uint64) (x []float32, labels []int64) {
	center := rand.New(rand.NewPCG(7, 7))
	centers := make([]float64, classes*d)
	for i := range centers {
		centers[i] = 0.35 * center.NormFloat64()
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		c := r.IntN(classes)
		labels = append(labels, int64(c))
		for j := range d {
			x = append(x, float32((r.NormFloat64()+centers[c*d+j])*math.Pow(10, float64(j%3)-1)+2))
		}
	}
	return x, labels
}

// The derivative equals the difference quotient.
func TestLogisticGradient(t *testing.T) {
	const n, d, classes = 40, 3, 4
	x, labels := mixture(n, d, classes, 1)
	inside(t, func() {
		p := logistic{features: torch.FromFloat32(x, n, d), labels: torch.FromInt64(labels, n), mean: torch.FromFloat64([]float64{1, 2, 3}, 1, d), scale: torch.FromFloat64([]float64{1, 0.5, 9}, 1, d), n: n, d: d, classes: classes, l2: 0.03}
		at := make([]float64, (d+1)*classes)
		for i := range at {
			at[i] = math.Sin(float64(i))
		}
		gradient, scratch := make([]float64, len(at)), make([]float64, len(at))
		p.evaluate(at, gradient)
		for i := range at {
			const h = 1e-5
			at[i] += h
			up := p.evaluate(at, scratch)
			at[i] -= 2 * h
			down := p.evaluate(at, scratch)
			at[i] += h
			numeric.Near(t, fmt.Sprint("derivative ", i), gradient[i], (up-down)/(2*h), 1e-8)
		}
	})
}

func TestLogisticErrors(t *testing.T) {
	inside(t, func() {
		x := torch.FromFloat32([]float32{1, float32(math.NaN()), 3, 4}, 2, 2)
		if l, err := Logistic(x, []int64{0, 1}, 2, 1e-4, 10); err == nil {
			l.Free()
			t.Error("features with NaN were taken")
		}
	})
}

// A linear probe here and in PyTorch on the same features: L-BFGS and SGD agree within
// 0.2 points. SGD in the same order ends with the same weights, and PyTorch reads its
// checkpoint.
func TestProbesAgreeWithPyTorch(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import torch, numpy").Run(); err != nil {
		t.Skip("no python3-torch and python3-numpy on this machine")
	}
	const n, m, d, classes, epochs = 3000, 2000, 24, 5, 6
	dir := t.TempDir()
	x, labels := mixture(n, d, classes, 1)
	xt, testLabels := mixture(m, d, classes, 2)
	var ours struct{ lbfgs, sgd float64 }
	var weights []float32
	inside(t, func() {
		features, test := torch.FromFloat32(x, n, d), torch.FromFloat32(xt, m, d)
		l, err := Logistic(features, labels, classes, 1e-4, 500)
		if err != nil {
			t.Fatal(err)
		}
		ours.lbfgs = TestCached([]*Linear{l}, test, testLabels, nil)[0].Top1

		h := NewLinear(classes, d, 3, torch.CPU)
		var order [][]int
		for e := range epochs {
			order = append(order, loader.Shuffled(n, 11, e+1))
		}
		writeArrays(t, dir, map[string]any{"train": x, "train_labels": labels, "test": xt, "test_labels": testLabels, "weight": h.Weight.Float32s(), "order": flat(order)},
			map[string][]int{"train": {n, d}, "test": {m, d}, "weight": {classes, d}, "order": {epochs, n}})
		tr := &Trainer{Source: &Cached{Features: features, Labels: labels, Batch: 64, Seed: 11}, Features: func(x *torch.Tensor) *torch.Tensor { return x },
			Heads: []*Linear{h}, Optimizer: optim.NewSGD(h.Parameters(), 0.9, 0), Schedule: optim.Schedule{Rate: 0.05, Epochs: epochs}, Epochs: epochs}
		if err := tr.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := tr.Save(filepath.Join(dir, "probe.pth"), Record{Protocol: "linear"}, nil, 0); err != nil {
			t.Fatal(err)
		}
		ours.sgd = TestCached(tr.Heads, test, testLabels, nil)[0].Top1
		weights = h.Weight.Float32s()
	})
	out, err := exec.Command(python, "../../test/interop/linear_probe.py", dir).Output()
	if err != nil {
		t.Fatalf("linear_probe.py: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var theirs struct {
		LBFGS  float64
		SGD    float64
		Stored float64 // of the checkpoint that we wrote
		Epoch  int
		Weight []float32 `json:"sgd_weight"`
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	t.Logf("L-BFGS %.2f %% here, %.2f %% in PyTorch; SGD %.2f %%, %.2f %%", ours.lbfgs, theirs.LBFGS, ours.sgd, theirs.SGD)
	if math.Abs(ours.lbfgs-theirs.LBFGS) > 0.2 || math.Abs(ours.sgd-theirs.SGD) > 0.2 {
		t.Error("more than 0.2 points apart")
	}
	if theirs.Stored != ours.sgd || theirs.Epoch != epochs {
		t.Errorf("our checkpoint in PyTorch: %v %% after epoch %d, want %v %% after %d", theirs.Stored, theirs.Epoch, ours.sgd, epochs)
	}
	if ours.lbfgs < 40 || ours.lbfgs > 97 {
		t.Error("an accuracy that tells little")
	}
	numeric.AllNear(t, "SGD's weights, here and in PyTorch", weights, theirs.Weight, 2e-3)
}

func flat(lists [][]int) []int64 {
	var all []int64
	for _, l := range lists {
		for _, v := range l {
			all = append(all, int64(v))
		}
	}
	return all
}

func writeArrays(t *testing.T, dir string, arrays map[string]any, shapes map[string][]int) {
	t.Helper()
	for name, values := range arrays {
		path := filepath.Join(dir, name+".npy")
		f, err := os.Create(path)
		if err == nil {
			err = npyio.Write(f, values)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	b, err := json.Marshal(shapes)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "shapes.json"), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
