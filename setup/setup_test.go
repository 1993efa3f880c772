package setup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
	"contralens/views"
)

// A computation on a GPU leaves the processors to the workers, unless the options say
// otherwise. On the CPU, Host changes nothing.
func TestHost(t *testing.T) {
	defer torch.SetThreads(torch.Threads())
	torch.SetThreads(2)
	for _, c := range []struct {
		device                          torch.Device
		threads, workers                int
		wantThreads, wantWorkers, count int
	}{
		{torch.CPU, 0, 0, 0, 0, 2},
		{torch.CUDA(0), 2, 5, 2, 5, 2},
		{torch.CUDA(0), 0, 0, 1, max(1, machine.Processors()-2), 1},
	} {
		m := config.Machine{Threads: c.threads, Workers: c.workers}
		Host(&m, c.device)
		if m.Threads != c.wantThreads || m.Workers != c.wantWorkers || torch.Threads() != c.count {
			t.Errorf("%v, %d threads and %d workers asked: %d, %d and %d threads compute, want %d, %d and %d", c.device,
				c.threads, c.workers, m.Threads, m.Workers, torch.Threads(), c.wantThreads, c.wantWorkers, c.count)
		}
	}
}

// small is a network that differs from all defaults.
var small = nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", Head: "mlp", FeatDim: 4, Modal: "RGB"}

// encoderFile writes a checkpoint of a small encoder, with a record if it has options.
func encoderFile(t *testing.T, options checkpoint.Dict) string {
	t.Helper()
	m, err := nn.New(small, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	file := checkpoint.Dict{{Key: "epoch", Value: 7}, {Key: "model", Value: statedict.Of(m.State, "module.")}}
	if options != nil {
		file = append(file, checkpoint.Item{Key: "contralens", Value: checkpoint.Dict{{Key: "config", Value: options}}})
	}
	path := filepath.Join(t.TempDir(), "current.pth")
	if err := checkpoint.Write(path, file); err != nil {
		t.Fatal(err)
	}
	return path
}

// The record of a checkpoint, or else the shapes in it, determine the network's
// options. An option that the user set overrides them, with a note if it differs.
func TestLoadEncoder(t *testing.T) {
	record := checkpoint.Dict{
		{Key: "arch", Value: "resnet18"}, {Key: "width", Value: "0.0625"}, {Key: "stem", Value: "cifar"}, {Key: "head", Value: "mlp"},
		{Key: "feat_dim", Value: "4"}, {Key: "modal", Value: "RGB"}, {Key: "input_res", Value: "20"}, {Key: "epochs", Value: "9"},
	}
	for name, c := range map[string]struct {
		record   checkpoint.Dict
		set      []string
		inputRes int
		note     string
	}{
		"a record":            {record, nil, 20, "weights: "},
		"a record, overruled": {record, []string{"input_res"}, 32, "--input_res 32 instead of the checkpoint's 20"},
		"shapes":              {nil, nil, 32, "has no record of its options; by its shapes it is --arch resnet18 --width 0.0625 --stem cifar"},
		"shapes, in accord":   {nil, []string{"input_res"}, 32, "weights: "},
	} {
		t.Run(name, func(t *testing.T) {
			if err := torch.Run(func() error {
				k := config.DefaultKNN()
				k.InputRes, k.MemoryFormat, k.Ckpt = 32, "contiguous", encoderFile(t, c.record)
				set := map[string]bool{}
				for _, s := range c.set {
					set[s] = true
				}
				e, notes, err := LoadEncoder(&k.Net, k.Machine, k.Weights, set)
				if err != nil {
					return err
				}
				defer e.Model.Free()
				if k.Arch != "resnet18" || k.Width != 0.0625 || k.Stem != "cifar" || k.InputRes != c.inputRes {
					t.Errorf("options %+v, want those of the checkpoint and --input_res %d", k.Net, c.inputRes)
				}
				if e.Epoch != 7 || e.Path != k.Ckpt || (e.Config != nil) != (c.record != nil) || e.Model.FeatureDim() != 32 {
					t.Errorf("encoder %+v with %d features", e, e.Model.FeatureDim())
				}
				if all := strings.Join(notes, "\n"); !strings.Contains(all, c.note) || strings.Contains(all, "instead of") != (c.inputRes == 32 && c.record != nil) {
					t.Errorf("want %q in the notes\n%s", c.note, all)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The seed determines an untrained encoder's weights.
func TestUntrainedEncoder(t *testing.T) {
	if err := torch.Run(func() error {
		k := config.DefaultKNN()
		k.Arch, k.Width, k.Stem = "resnet18", 0.0625, "cifar"
		k.Settle()
		first := map[uint64][]float32{}
		for _, seed := range []uint64{1, 2, 1} {
			e, err := UntrainedEncoder(k.Net, k.Machine, seed)
			if err != nil {
				return err
			}
			weights := e.Model.State[0].Tensor.Float32s()
			e.Model.Free()
			if was, ok := first[seed]; ok != (was != nil) || ok && !slices.Equal(was, weights) {
				t.Error("the same seed gives other weights")
			}
			first[seed] = weights
		}
		if slices.Equal(first[1], first[2]) {
			t.Error("two seeds give the same weights")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDevice(t *testing.T) {
	k := config.DefaultKNN()
	k.Settle()
	k.Device = "abacus"
	if _, err := Network(k.Net, k.Machine); err == nil || !strings.HasPrefix(err.Error(), "device: want auto, cpu, cuda or cuda:N") {
		t.Errorf("got %v", err)
	}
}

// Every random crop has the parameters in the options; the jigsaw comes last.
func TestViews(t *testing.T) {
	c := config.DefaultContrast()
	c.InputRes, c.Modal, c.Decode, c.Jigsaw = 96, "CMC", "exact", true
	gray := 0.75
	c.GrayP = &gray
	specs, err := Views(c, 2)
	if err != nil || len(specs) != 3 {
		t.Fatalf("%d views, %v; want 2 crops and a jigsaw", len(specs), err)
	}
	for i, s := range specs {
		if !s.Exact || s.Colors != specs[0].CMC().Colors {
			t.Errorf("view %d: %+v", i, s)
		}
	}
	if specs[0].GrayP != 0.75 || fmt.Sprint(specs[0]) != fmt.Sprint(specs[1]) || specs[2].Kind == specs[0].Kind {
		t.Errorf("views %+v", specs)
	}
	if plain, err := Views(config.DefaultContrast(), 1); err != nil || len(plain) != 1 || plain[0].Exact || plain[0].Colors != views.RGB {
		t.Errorf("%+v, %v", plain, err)
	}
}
