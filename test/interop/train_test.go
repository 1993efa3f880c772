package interop

import (
	"encoding/json"
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
	"contralens/internal/npy"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
	"contralens/train"
)

// TestSameTraining trains 20 steps of MoCo v2 with the feature transformation here
// and in plain PyTorch, from the same weights and queue on the same views, λ and π:
// the loss curves are the same to 1e-3.
func TestSameTraining(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Log("not compared: python3-torch is not on this machine")
		return
	}
	const steps, tolerance = 20, 1e-3
	dir := t.TempDir()
	var losses []float64
	err := torch.Run(func() (err error) {
		torch.Scoped(func() { losses, err = training(dir, steps) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "train.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, _, err := npy.Read(filepath.Join(dir, "losses.npy"))
	if err != nil || len(want) != steps {
		t.Fatalf("%d losses, %v", len(want), err)
	}
	worst := 0.0
	for i, loss := range losses {
		off := math.Abs(loss-float64(want[i])) / float64(want[i])
		worst = max(worst, off)
		if !(off <= tolerance) {
			t.Errorf("step %d: loss %v, PyTorch's %v", i+1, loss, want[i])
		}
	}
	if low, high := slices.Min(losses), slices.Max(losses); high < 1.1*low {
		t.Errorf("nothing changes: %v", losses)
	}
	t.Logf("losses %.3f … %.3f, off by at most %.2g", losses[0], losses[steps-1], worst)
}

// drawn keeps what a run draws.
type drawn struct {
	train.Random
	order, pi []int64
	pos, neg  []float32
}

func (d *drawn) Order(n int) []int64 {
	order := d.Random.Order(n)
	d.order = append(d.order, order...)
	return order
}

func (d *drawn) Draw(n, k, dim int) contrast.Draw {
	draw := d.Random.Draw(n, k, dim)
	d.pos, d.neg = append(d.pos, float32(draw.Positive.Value)), append(d.neg, float32(draw.Negative.Value))
	d.pi = append(d.pi, draw.Permutation.Int64s()...)
	return draw
}

// training trains, and writes into dir what train.py needs to do the same.
func training(dir string, steps int) (losses []float64, err error) {
	const batch, side, k = 16, 48, 128
	o := train.Options{
		Net:    nn.Config{Arch: "resnet18", Width: 0.25, Head: "mlp", FeatDim: 32, Format: torch.ChannelsLast},
		Memory: "moco", K: k, Alpha: 0.99, Temperature: 0.2, Momentum: 0.9, WeightDecay: 1e-4, Transform: contrast.PaperTransform(), Seed: 5,
	}
	// So small a network amplifies rounding, by a ReLU here and there that falls to
	// the other side: at rates below this one up to 0.8 % of the loss after 20 steps,
	// here 0.02 %, since weights grow at once and then turn more slowly.
	const rate = 0.1
	m, err := train.NewModel(o)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	err = checkpoint.Write(filepath.Join(dir, "start.pth"), checkpoint.Dict{{Key: "model", Value: statedict.Of(m.Query.State, "")}})
	if err != nil {
		return nil, err
	}
	shape, err := json.Marshal(map[string]any{"width": 16, "dim": o.Net.FeatDim, "lr": rate, "momentum": o.Momentum, "weight_decay": o.WeightDecay, "alpha": o.Alpha, "tau": o.Temperature})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "shape.json"), shape, 0o644); err != nil {
		return nil, err
	}
	queue := m.Method.Memory().Contrast[0].Tensor.Float32s()
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
		out, err := m.Step(&train.Batch{Crops: crops, Random: d, Watch: train.Watch{Statistics: true}}, rate)
		if err != nil {
			return nil, err
		}
		losses = append(losses, out.Value)
	}
	f, err := os.Create(filepath.Join(dir, "start.npz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return losses, npz.Write(f, checkpoint.Dict{
		{Key: "queue", Value: checkpoint.FromFloat32(queue, k, o.Net.FeatDim)},
		{Key: "q", Value: checkpoint.FromFloat32(q, steps, batch, 3, side, side)}, {Key: "k", Value: checkpoint.FromFloat32(keys, steps, batch, 3, side, side)},
		{Key: "order", Value: checkpoint.FromInt64(d.order, steps, batch)}, {Key: "pi", Value: checkpoint.FromInt64(d.pi, steps, k)},
		{Key: "pos", Value: checkpoint.FromFloat32(d.pos, steps)}, {Key: "neg", Value: checkpoint.FromFloat32(d.neg, steps)},
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
