package world

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/config"
)

// python has PyTorch 1.13 on Debian 12.
const python = "/usr/bin/python3"

// A step of two processes is what the formulas of the paper's code say of two, computed by PyTorch in
// float64: shuffled batch norm, keys of all, λ and π of the whole batch, mean gradients. It is not what
// they say of one process.
func TestFormulas(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Skip("not compared: python3-torch is not on this machine")
	}
	c := options(t, photos(t, 16, 60), "MoCov2", 1, posneg, func(c *config.Contrast) {
		c.Width, c.Stem, c.InputRes, c.Head = 0.125, "imagenet", 48, "mlp"
	})
	ranks := run(t, 2, job{Config: c, Keep: true})
	var q, k []float32
	for _, r := range ranks {
		q, k = append(q, r.Kept.Crops[0]...), append(k, r.Kept.Crops[1]...)
	}
	kept, n, side := ranks[0].Kept, c.BatchSize, c.InputRes
	file := checkpoint.Dict{
		{Key: "q", Value: checkpoint.FromFloat32(q, n, 3, side, side)}, {Key: "k", Value: checkpoint.FromFloat32(k, n, 3, side, side)},
		{Key: "order", Value: checkpoint.FromInt64(kept.Order, n)}, {Key: "pi", Value: checkpoint.FromInt64(kept.Permutation, c.K)},
	}
	for when, state := range map[string]map[string][]float32{"before ": kept.Before, "after ": ranks[0].State} {
		for _, name := range slices.Sorted(maps.Keys(state)) {
			file = append(file, checkpoint.Item{Key: when + name, Value: checkpoint.FromFloat32(state[name], len(state[name]))})
		}
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "step.npz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := npz.Write(f, file); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{
		"width": 8, "dim": c.FeatDim, "lr": kept.Rate, "momentum": c.Momentum, "weight_decay": c.WeightDecay, "alpha": c.Alpha,
		"tau": c.Temperature, "lambda": kept.Lambda, "loss": ranks[0].Steps[0].Loss,
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "settings.json"), settings, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), python, "upstream.py", dir)
	program.Env = append(os.Environ(), "PYTHONPATH=../interop", "PYTHONDONTWRITEBYTECODE=1")
	program.Stderr = os.Stderr
	text, err := program.Output()
	if err != nil {
		t.Fatal(err)
	}
	var apart [2]map[string]float64 // from two processes, and from one
	if err := json.Unmarshal(text, &apart); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	t.Logf("from the formulas of two processes: %v, of one: %v", apart[0], apart[1])
	// float32 may take the other derivative of a ReLU whose argument is all but 0, which moves the
	// gradient, but no embedding.
	for name, limit := range map[string]float64{"loss": 1e-5, "queue": 1e-5, "momenta": 1e-2, "key": 1e-4} {
		if !(apart[0][name] <= limit) {
			t.Errorf("%s: %.1e from the formulas, want at most %.0e", name, apart[0][name], limit)
		}
	}
	for _, name := range []string{"loss", "queue", "momenta"} {
		if !(apart[1][name] > 10*apart[0][name] && apart[1][name] > 1e-3) {
			t.Errorf("%s: %.1e from the formulas of one process, want it to differ", name, apart[1][name])
		}
	}
}
