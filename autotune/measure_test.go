package autotune

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"contralens/data"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

var small = Workload{Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Groups: 4, Jigsaw: true}, Batch: 8, Side: 16, Threads: 1, Given: way(Auto, Auto)}

// Every setting is measured, with separate networks, which are freed.
func TestMeasure(t *testing.T) {
	err := torch.Run(func() error {
		torch.SetThreads(1) // such small tensors gain nothing from more
		before := torch.MemoryInUse()
		var seen []Setting
		all, err := Measure(small, true, Reports{First: func(m Trial) { seen = append(seen, m.Setting) }})
		if err != nil {
			return err
		}
		want := candidates(small.Given, true)
		for i, m := range all {
			if m.Setting != want[i] || !(m.Rate > 0) {
				t.Errorf("measured %v, want %v", m, want[i])
			}
		}
		if len(all) != len(want) || !slices.Equal(seen, want) {
			t.Errorf("measured %v and told of %v, want %v", all, seen, want)
		}
		if left := torch.MemoryInUse() - before; left > 1<<20 {
			t.Errorf("%d bytes are still in use", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A setting that fails is left out and told of. If all fail, that is the error.
func TestFailingSettings(t *testing.T) {
	broken := errors.New("could not create a primitive descriptor iterator")
	settings := candidates(way(Auto, Auto), true)
	for name, works := range map[string]func(Setting) bool{
		"bf16 fails":      func(s Setting) bool { return s.Precision != "bf16" },
		"the first fails": func(s Setting) bool { return s != settings[0] },
		"all fail":        func(Setting) bool { return false },
	} {
		step := func(s Setting, _ int) (time.Duration, error) {
			if !works(s) {
				return 0, broken
			}
			return time.Millisecond, nil
		}
		var failed []Setting
		all, err := timeSettings(settings, 8, step, Reports{Failed: func(s Setting, err error) {
			if err != broken {
				t.Errorf("%s: told %v", name, err)
			}
			failed = append(failed, s)
		}})
		if (err == broken) != (name == "all fail") {
			t.Errorf("%s: error %v", name, err)
		}
		if len(all)+len(failed) != len(settings) {
			t.Errorf("%s: measured %v, told of %v", name, all, failed)
		}
		for _, m := range all {
			if !works(m.Setting) || !(m.Rate > 0) {
				t.Errorf("%s: measured %v", name, m)
			}
		}
	}
}

// pictures are noise that takes a moment to load.
type pictures struct {
	data.Dataset
	loaded atomic.Int64
}

func (*pictures) Len() int      { return 3 }
func (*pictures) Name() string  { return "pictures" }
func (*pictures) Label(int) int { return -1 }
func (p *pictures) Image(_ context.Context, _ int, m *views.Image) error {
	p.loaded.Add(1)
	m.W, m.H, m.Pix = 20, 20, make([]byte, 3*20*20)
	return nil
}

// Splits are measured while images are loaded, even beyond the end of a small dataset.
// The number of threads does not change.
func TestMeasureSplits(t *testing.T) {
	err := torch.Run(func() error {
		torch.SetThreads(1)
		before := torch.MemoryInUse()
		images, w := &pictures{}, small
		w.Net.Head = "mlp_bn" // a last batch of one image cannot be trained on, such as that of 3 images in batches of 2
		w.Given = Setting{Precision: "fp32", Format: "contiguous"}
		w.Images = &Images{Dataset: images, Views: []views.Spec{views.Evaluation(w.Side)}}
		want := splits(machine.Processors(), w.Given)
		all, err := Measure(w, false, Reports{})
		if err != nil {
			return err
		}
		for i, m := range all {
			if m.Setting != want[i] || !(m.Rate > 0) {
				t.Errorf("measured %v, want %v", m, want[i])
			}
		}
		if len(all) != len(want) || w.Open() != (len(want) > 1) {
			t.Errorf("measured %v, want %v", all, want)
		}
		if n := images.loaded.Load(); n <= 3 {
			t.Errorf("%d images were loaded", n)
		}
		if torch.Threads() != 1 {
			t.Errorf("%d threads are left", torch.Threads())
		}
		if left := torch.MemoryInUse() - before; left > 1<<20 {
			t.Errorf("%d bytes are still in use", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
