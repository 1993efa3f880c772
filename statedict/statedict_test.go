package statedict

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
)

// written returns the tree that is read back from a file.
func written(t *testing.T, d checkpoint.Dict) checkpoint.Dict {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.pth")
	if err := checkpoint.Write(path, d); err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A state with a value that is not finite is refused, and nothing of it is copied.
func TestNotFinite(t *testing.T) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			to := nn.State{{Name: "a", Tensor: torch.Ones([]int{2})}, {Name: "b", Tensor: torch.Ones([]int{2})}}
			d := checkpoint.Dict{
				{Key: "module.a", Value: checkpoint.FromFloat32([]float32{5, 6}, 2)},
				{Key: "module.b", Value: checkpoint.FromFloat32([]float32{5, float32(math.Inf(1))}, 2)},
			}
			err := Load("a.pth", to, d, "module.")
			if want := "a.pth: want finite weights, but 1 of the 2 values of module.b"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
			if to[0].Tensor.Float32s()[0] != 1 {
				t.Error("a refused file was copied")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Momenta are restored exactly. Those of other parameters are an error and change nothing.
func TestLoadSGD(t *testing.T) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			a, b := torch.Ones([]int{2, 3}), torch.Ones([]int{4})
			from, to := optim.NewSGD([]*torch.Tensor{a, b}, 0.9, 0), optim.NewSGD([]*torch.Tensor{a, b}, 0.9, 0)
			defer from.Free()
			defer to.Free()
			from.Buffers[0].Copy_(torch.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3))
			if err := LoadSGD("a.pth", to, written(t, SGD(from, 0.1))); err != nil || !slices.Equal(to.Buffers[0].Float32s(), []float32{1, 2, 3, 4, 5, 6}) {
				t.Errorf("%v, momentum %v", err, to.Buffers[0].Float32s())
			}
			other := optim.NewSGD([]*torch.Tensor{b, a}, 0.9, 0)
			defer other.Free()
			err := LoadSGD("a.pth", to, written(t, SGD(other, 0.1)))
			if want := "checkpoint a.pth: optimizer: momentum of parameter 0: want [2 3], got [4]"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
			if to.Buffers[0].Float32s()[5] != 6 {
				t.Error("a refused file was copied")
			}
			// A file without momenta, as before the first step, changes nothing.
			if err := LoadSGD("a.pth", to, checkpoint.Dict{}); err != nil || to.Buffers[0].Float32s()[5] != 6 {
				t.Errorf("without momenta: %v", err)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The state of AdamW is restored exactly, under PyTorch's names. That of another optimizer, or
// of other parameters, is an error.
func TestLoadAdamW(t *testing.T) {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			a, b := torch.Ones([]int{2, 3}), torch.Ones([]int{4})
			from, to := optim.NewAdamW([]*torch.Tensor{a, b}, 0.9, 0.99, 0), optim.NewAdamW([]*torch.Tensor{a, b}, 0.9, 0.99, 0)
			plain, other := optim.NewSGD([]*torch.Tensor{a, b}, 0.9, 0), optim.NewAdamW([]*torch.Tensor{b, a}, 0.9, 0.99, 0)
			for _, s := range []*optim.SGD{from, to, plain, other} {
				defer s.Free()
			}
			for i, s := range from.State() {
				s.Fill_(float64(i + 1))
			}
			d := written(t, SGD(from, 0.1))
			if first := d.Dict("state").Dict(1); first.Tensor("exp_avg_sq") == nil || first.Tensor("step") == nil {
				t.Errorf("not the names of PyTorch: %v", first)
			}
			if err := LoadSGD("a.pth", to, d); err != nil {
				t.Error(err)
			}
			for i, s := range to.State() {
				if got := s.Float64s()[0]; got != float64(i+1) {
					t.Errorf("state %d is %v, want %d", i, got, i+1)
				}
			}
			for want, err := range map[string]error{
				"want the state of SGD or LARS": LoadSGD("a.pth", plain, d),
				"want the state of AdamW":       LoadSGD("a.pth", to, written(t, SGD(plain, 0.1))),
				"of parameter 0: want [4]":      LoadSGD("a.pth", other, d),
			} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
