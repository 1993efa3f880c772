package interop

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/numeric"
	"contralens/methods"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
)

// TestSameTraining trains 20 steps of MoCo v2 with the feature transformation here
// and in plain PyTorch, from the same weights and queue on the same views, λ and π,
// at the rate of the paper's recipe: the loss curves are the same to 1e-3, or to
// three times what PyTorch's float32 is from its float64, where rounding grows to
// more. One step by itself, from each state that the run here came through, is
// compared with float64: it is as near to that as PyTorch's own float32.
//
// Where the argument of a ReLU is 0 but for rounding, or the two largest elements
// of a pooling window are equal, either derivative is right; float64 takes the one
// that is nearer to what is compared with it.
func TestSameTraining(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Log("not compared: python3-torch is not on this machine")
		return
	}
	const steps, rate = 20, 0.03
	dir := t.TempDir()
	var losses []float64
	err := torch.Run(func() (err error) {
		torch.Scoped(func() { losses, err = training(dir, steps, rate) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "train.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var report struct {
		Float32, Float64 []float64 // PyTorch's losses
		Steps            []struct{ Run, Here result }
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.Float32) != steps || len(report.Float64) != steps || len(report.Steps) != steps {
		t.Fatalf("%v in %.200s", err, text)
	}
	worst, rounding := farthest(losses, report.Float32), farthest(report.Float32, report.Float64)
	numeric.Near(t, "distance of the losses from PyTorch's", worst, 0, max(1e-3, 3*rounding))
	if t.Failed() {
		t.Logf("losses %v, PyTorch's %v", losses, report.Float32)
	}
	if low, high := slices.Min(losses), slices.Max(losses); high < 1.1*low {
		t.Errorf("nothing changes: %v", losses)
	}
	t.Logf("losses %.3f … %.3f, off by at most %.2g; PyTorch's own from float64 by %.2g", losses[0], losses[steps-1], worst, rounding)

	run, here, decided := result{Apart: map[string]float64{}}, result{Apart: map[string]float64{}}, 0
	for i, step := range report.Steps {
		for name, off := range step.Run.Apart {
			run.Apart[name], here.Apart[name] = max(run.Apart[name], off), max(here.Apart[name], step.Here.Apart[name])
			numeric.Near(t, fmt.Sprintf("distance of step %d by itself from float64: %s", i+1, name), off, 0, 1e-4)
		}
		decided += step.Run.Decided
	}
	// The largest of many errors differs by a factor of two with the order of sums, here
	// as in PyTorch; their mean does not.
	ratio, compared := 0.0, 0
	for name, off := range run.Apart {
		bound := 6 * here.Apart[name]
		if name == "loss" {
			bound = 1e-6 // one number, which rounding may miss by chance
		} else if off > 0 && here.Apart[name] > 0 {
			ratio += math.Log(off / here.Apart[name])
			compared++
		}
		numeric.Near(t, "distance of steps by themselves from float64: "+name, off, 0, bound)
	}
	ratio = math.Exp(ratio / float64(compared))
	t.Logf("steps by themselves are %.2f times as far from float64 as PyTorch's", ratio)
	if !(ratio <= 1.5) { // or nothing was compared
		t.Errorf("steps by themselves are %.2f times as far from float64 as PyTorch's, want at most 1.5", ratio)
	}
	if decided > steps {
		t.Errorf("%d ReLUs and pooling windows of %d steps were not float64's", decided, steps)
	}
	for _, name := range []string{"loss", "momenta", "queue"} {
		t.Logf("%s of a step by itself: up to %.2g from float64, PyTorch's %.2g", name, run.Apart[name], here.Apart[name])
	}
}

// farthest is the largest relative difference of two curves.
func farthest(a, b []float64) float64 {
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(a[i]-b[i])/b[i])
	}
	return worst
}

// result is how far a step is from float64's.
type result struct {
	Apart   map[string]float64 // of all that it changes, relative
	Decided int                // ReLUs and windows that had the other derivative
}

// drawn keeps what a run draws.
type drawn struct {
	methods.Random
	order, pi []int64
	lambda    [][2]float64 // of the positives and the negatives
}

func (d *drawn) Order(n int) []int64 {
	order := d.Random.Order(n)
	d.order = append(d.order, order...)
	return order
}

func (d *drawn) Transform(n, k, dim int) contrast.Draw {
	draw := d.Random.Transform(n, k, dim)
	d.lambda = append(d.lambda, [2]float64{draw.Positive.Value, draw.Negative.Value})
	d.pi = append(d.pi, draw.Permutation.Int64s()...)
	return draw
}

// training trains, and writes into dir what train.py needs to do the same.
func training(dir string, steps int, rate float64) (losses []float64, err error) {
	const batch, side, k = 16, 48, 128
	o := methods.Options{
		Net:    nn.Config{Arch: "resnet18", Width: 0.25, Head: "mlp", FeatDim: 32, Format: torch.ChannelsLast},
		Memory: "moco", K: k, Alpha: 0.99, Temperature: 0.2, Momentum: 0.9, WeightDecay: 1e-4, Transform: ft.Paper(), Seed: 5,
	}
	m, err := methods.NewModel(o)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	queue := m.Method.State().Contrast[0].Tensor
	save := func(step int) error {
		return checkpoint.Write(filepath.Join(dir, fmt.Sprint(step, ".pth")), checkpoint.Dict{
			{Key: "model", Value: statedict.Of(m.Query.State, "")}, {Key: "model_ema", Value: statedict.Of(m.Key.State, "")},
			{Key: "optimizer", Value: statedict.SGD(m.Optimizer, rate)}, {Key: "memory", Value: statedict.Tensor(queue)},
		})
	}
	if err := save(0); err != nil {
		return nil, err
	}
	q, keys := noisy(steps, batch, side)
	each := len(q) / steps
	d := &drawn{}
	for s := range steps {
		var crops []*torch.Tensor
		for _, view := range [][]float32{q, keys} {
			crops = append(crops, torch.FromFloat32(view[s*each:(s+1)*each], batch, 3, side, side))
		}
		d.Random = m.Random(s, true)
		// With statistics, as training that is recorded.
		out, err := m.Step(&methods.Batch{Crops: crops, Random: d, Collect: methods.Collect{Statistics: true}}, rate)
		if err != nil {
			return nil, err
		}
		losses = append(losses, out.Value)
		if err := save(s + 1); err != nil {
			return nil, err
		}
	}
	settings, err := json.Marshal(map[string]any{
		"width": 16, "dim": o.Net.FeatDim, "lr": rate, "momentum": o.Momentum, "weight_decay": o.WeightDecay, "alpha": o.Alpha, "tau": o.Temperature,
		"lambda": d.lambda, "loss": losses,
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), settings, 0o644); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "run.npz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return losses, npz.Write(f, checkpoint.Dict{
		{Key: "q", Value: checkpoint.FromFloat32(q, steps, batch, 3, side, side)}, {Key: "k", Value: checkpoint.FromFloat32(keys, steps, batch, 3, side, side)},
		{Key: "order", Value: checkpoint.FromInt64(d.order, steps, batch)}, {Key: "pi", Value: checkpoint.FromInt64(d.pi, steps, k)},
	})
}

// noisy are two views of images for each step, [steps, batch, 3, side, side]: the
// same waves, each view in noise of its own.
func noisy(steps, batch, side int) (q, k []float32) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range steps * batch * 3 {
		fx, fy, phase := rng.Float64(), rng.Float64(), 6.3*rng.Float64()
		for i := range side * side {
			wave := math.Sin(fx*float64(i%side) + fy*float64(i/side) + phase)
			q, k = append(q, float32(wave+0.3*rng.NormFloat64())), append(k, float32(wave+0.3*rng.NormFloat64()))
		}
	}
	return q, k
}
