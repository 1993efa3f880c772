package gpu

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/train"
)

// small is a run in fp32 of 8 steps.
func small(t *testing.T, folder string) config.Contrast {
	t.Helper()
	c := pretraining(t, 16)
	if folder != "" {
		c.DataFolder = folder
	}
	c.Method, c.FT, c.Arch, c.Stem, c.Precision = "MoCov2", "posneg", "resnet18", "cifar", "fp32"
	c.Width, c.FeatDim = 0.25, 32
	c.MemoryFormat, c.InputRes, c.K, c.BatchSize, c.Epochs, c.Probe, c.Seed = "channels_last", 32, 32, 8, 4, 0, 5
	resolve(t, &c)
	return c
}

// losses trains and returns the loss of each step, and the checkpoint. It stops after the
// step stop, unless that is 0.
func losses(t *testing.T, c config.Contrast, stop int) ([]float64, string) {
	t.Helper()
	var all []float64
	hook := train.Hook{Order: train.Display, EveryRank: true, Step: func(r *train.Run, s train.Step) error {
		if all = append(all, s.Loss); len(all) == stop {
			return train.ErrStopped
		}
		return nil
	}}
	r, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{hook}})
	if err != nil && !(stop > 0 && errors.Is(err, train.ErrStopped)) {
		t.Fatal(err)
	}
	return all, r.Checkpoint
}

// bytesOf joins the tensors of a part of a checkpoint.
func bytesOf(v any) (all []byte) {
	switch v := v.(type) {
	case checkpoint.Dict:
		for _, i := range v {
			all = append(all, bytesOf(i.Value)...)
		}
	case checkpoint.OrderedDict:
		return bytesOf(checkpoint.Dict(v))
	case *checkpoint.Tensor:
		return v.Data
	}
	return all
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := checkpoint.Read(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := checkpoint.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"model", "model_ema", "contrast", "optimizer"} {
		if p, q := bytesOf(x.Get(key)), bytesOf(y.Get(key)); len(p) == 0 || !bytes.Equal(p, q) {
			t.Errorf("%s differs, or is empty (%d and %d bytes)", key, len(p), len(q))
		}
	}
}

// In fp32 a seed gives the same weights on a GPU again, and so does a run that was stopped and
// resumed, bit for bit.
func TestRepeats(t *testing.T) {
	needArithmetic(t)
	c := small(t, "")
	_, first := losses(t, c, 0)
	again := small(t, c.DataFolder)
	_, second := losses(t, again, 0)
	same(t, first, second)

	stopped := small(t, c.DataFolder)
	losses(t, stopped, 3)
	stopped.Resume = "auto"
	_, third := losses(t, stopped, 0)
	same(t, first, third)
}

// In fp32 the losses of a training are those of the CPU. Rounding differs and grows from step
// to step.
func TestLossesAsOnCPU(t *testing.T) {
	needArithmetic(t)
	c := small(t, "")
	gpu, _ := losses(t, c, 0)
	onCPU := small(t, c.DataFolder)
	onCPU.Device = "cpu"
	cpu, _ := losses(t, onCPU, 0)
	if len(gpu) != 8 || len(cpu) != 8 {
		t.Fatalf("want 8 steps, got %d and %d", len(gpu), len(cpu))
	}
	for i := range gpu {
		if allowed := 1e-5 * math.Pow(4, float64(i)); !(math.Abs(gpu[i]-cpu[i]) <= math.Min(allowed, 1e-2)*math.Abs(cpu[i])) {
			t.Errorf("step %d: loss %.6f, want %.6f as on the CPU", i+1, gpu[i], cpu[i])
		}
	}
}
