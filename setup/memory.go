package setup

import (
	"errors"
	"fmt"
	"strings"

	"contralens/config"
	"contralens/torch"
)

// Load is what a computation puts on a device.
type Load struct {
	config.Machine
	Arch        string
	Batch       int
	Accum       int  // microbatches of a batch; 0 and 1: one
	Checkpoint  bool // activations are computed again
	Pretraining bool // microbatches and checkpoints can be had
}

// OutOfMemory is the error of a GPU that does not hold a computation.
type OutOfMemory struct {
	Load
	Device torch.Device
	Used   int64 // bytes that the tensors took
	Total  int64 // bytes of the GPU
	Err    error // of libtorch
}

func (e *OutOfMemory) Unwrap() error { return e.Err }

// Error says what did not fit, and what needs less.
func (e *OutOfMemory) Error() string {
	var less []string
	if e.Pretraining {
		if parts := 2 * max(1, e.Accum); parts <= max(1, e.Batch/2) {
			less = append(less, fmt.Sprintf("--accum %d", parts))
		}
		if !e.Checkpoint {
			less = append(less, "--checkpoint_activations")
		}
	}
	smaller := "a smaller --batch_size needs less"
	if len(less) > 0 {
		smaller = strings.Join(less, ", ") + " or a smaller --batch_size need less"
	}
	what := fmt.Sprintf("batch %d of %s", e.Batch, e.Arch)
	if e.Precision != "" {
		what += " in " + e.Precision
	}
	return fmt.Sprintf("--device %s: its %.1f GB do not hold %s (%.1f GB in use by tensors); %s",
		e.Device, float64(e.Total)/1e9, what, float64(e.Used)/1e9, smaller)
}

// PretrainingLoad is the load of a pre-training.
func PretrainingLoad(c *config.Contrast) Load {
	return Load{
		Machine: c.Machine, Arch: c.Arch, Batch: c.BatchSize, Accum: c.Accum, Checkpoint: c.CheckpointActivations,
		Pretraining: true,
	}
}

// EncoderLoad is the load of an encoder alone, whose network its checkpoint tells.
func EncoderLoad(c config.Encoder) Load {
	_, m, _ := c.Options()
	return Load{Machine: m, Arch: "its network", Batch: c.BatchSize}
}

// Explain turns the error of a GPU whose memory was not enough into an *OutOfMemory, and that
// of a processor on which libtorch does not compute in bfloat16 into a *NoBF16. It returns
// other errors as they are.
func Explain(err error, l Load) error {
	var e *torch.Error
	if !errors.As(err, &e) || errors.As(err, new(*OutOfMemory)) || errors.As(err, new(*NoBF16)) {
		return err
	}
	l.Settle()
	d, failed := torch.ParseDevice(l.DeviceName())
	switch {
	case failed != nil:
		return err
	case d.IsCPU() && l.Precision == "bf16" && e.Unsupported():
		return &NoBF16{err}
	case d.IsCPU() || !e.OutOfMemory:
		return err
	}
	out := &OutOfMemory{Load: l, Device: d, Err: err}
	// A GPU that fails again leaves the numbers at 0: the first error is the one to tell.
	_ = torch.Run(func() error { out.Used = torch.DeviceMemory(d).Peak; return nil })
	if g, failed := torch.GPUInfo(d); failed == nil {
		out.Total = g.Total
	}
	return out
}
