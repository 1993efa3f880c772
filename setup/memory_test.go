package setup

import (
	"errors"
	"strings"
	"testing"

	"contralens/config"
	"contralens/torch"
)

// What does not fit is named with what needs less and has not been tried.
func TestOutOfMemory(t *testing.T) {
	for _, c := range []struct {
		load Load
		want string
	}{
		{Load{Batch: 1024, Pretraining: true}, "; --accum 2, --checkpoint_activations or a smaller --batch_size need less"},
		{Load{Batch: 1024, Accum: 4, Checkpoint: true, Pretraining: true}, "; --accum 8 or a smaller --batch_size need less"},
		{Load{Batch: 2, Accum: 1, Checkpoint: true, Pretraining: true}, "; a smaller --batch_size needs less"},
		{Load{Batch: 64}, "; a smaller --batch_size needs less"},
	} {
		c.load.Arch, c.load.Machine = "resnet50", config.Machine{Precision: "bf16"}
		e := &OutOfMemory{Load: c.load, Device: torch.CUDA(0), Used: 77.9e9, Total: 80e9}
		begin := "--device cuda:0: its 80.0 GB do not hold batch "
		if got := e.Error(); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, "(77.9 GB in use by tensors)"+c.want) {
			t.Errorf("%s; want %s", got, c.want)
		}
	}
	// The CPU's errors, and others, stay as they are.
	for _, err := range []error{nil, errors.New("other"), &torch.Error{Message: "full", OutOfMemory: true}} {
		if got := Explain(err, Load{Machine: config.Machine{Device: "cpu"}}); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// A run moves between devices whose precisions keep the same state, and no others.
func TestPrecisionsOfDevices(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"fp32", "tf32", true}, {"fp16", "fp32", true}, {"bf16", "bf16", true}, {"bf16", "fp32", false}, {"bf16", "fp16", false}} {
		if SameState(c.a, c.b) != c.want || SameState(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
	for _, precision := range []string{"fp16", "tf32"} {
		m := config.Machine{Device: "cpu", Precision: precision}
		if _, err := Device(m); err == nil || !strings.Contains(err.Error(), "want auto, fp32 or bf16 on the CPU") {
			t.Errorf("%s on the CPU: %v", precision, err)
		}
		if AdoptPrecision(&m); m.Precision != "fp32" {
			t.Errorf("%s becomes %s on the CPU", precision, m.Precision)
		}
	}
	m := config.Machine{Device: "cpu"}
	if Host(&m, torch.CPU); m.Threads != 0 || m.Workers != 0 {
		t.Errorf("the CPU has %d threads and %d workers", m.Threads, m.Workers)
	}
	threads := torch.Threads()
	defer torch.SetThreads(threads)
	if Host(&m, torch.CUDA(0)); m.Threads != 1 || m.Workers < 1 || torch.Threads() != 1 {
		t.Errorf("a GPU has %d threads and %d workers, %d compute", m.Threads, m.Workers, torch.Threads())
	}
}
