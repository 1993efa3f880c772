package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data/loader"
	"contralens/internal/machine"
	"contralens/methods"
	"contralens/nn"
	"contralens/setup"
	"contralens/torch"
	"contralens/train"
	"contralens/world"
)

// Options are the options of Step besides those of the run. Tuner, Print and Show must be
// set.
type Options struct {
	Dir    string          // empty folder for what the run writes
	Tuner  *autotune.Tuner // chooses what the options leave open
	Print  func(format string, args ...any)
	Show   func(what string) // receives what is being measured
	Commit string            // of the program
	// Enough, unless nil, ends the measurement after a step for which it returns true.
	Enough func() bool
	NoPeak bool // don't measure the processor's peak, which takes two seconds
}

// Step measures the training steps that c describes: phases, arithmetic compared with
// the processor's peak, and memory. Call it inside torch.Run.
func Step(c config.BenchStep, o Options) (*Result, error) {
	r, err := o.newRun(&c)
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return nil, err
	}
	result := &Result{
		Method: c.Method, Arch: c.Arch, Batch: c.BatchSize, K: c.K, NetworkOnly: c.NetworkOnly, InputRes: c.InputRes,
		Precision: c.Precision, MemoryFormat: c.MemoryFormat, Threads: torch.Threads(),
		Machine: machine.Model(), Commit: o.Commit, Torch: torch.Version(),
	}
	// The peak is measured before and after, because the machine may be busy for a
	// while.
	if !o.NoPeak {
		result.Peak = o.peak(r.Model)
	}
	steps := NewSteps(c.Warmup, c.Steps, o.Show)
	steps.Enough, steps.Lag = o.Enough, r.Model.Clock.Lag()
	if !o.NoPeak {
		torch.ResetMemoryPeak() // of a GPU, whose products were measured
	}
	perImage, err := o.measureSteps(&c, r, steps)
	if err != nil {
		return nil, err
	}
	result.Summarize(steps, perImage)
	result.PeakMB = float64(machine.PeakResident()) / (1 << 20)
	if d := r.Model.Device(); !d.IsCPU() {
		used := torch.DeviceMemory(d)
		result.DeviceMB, result.ReservedMB = float64(used.Peak)/(1<<20), float64(used.Reserved)/(1<<20)
		result.Device = setup.DeviceRecord(r.Config.Machine)
	}
	if !o.NoPeak {
		result.Peak = max(result.Peak, o.peak(r.Model))
	}
	return result, nil
}

// newRun builds the run that the options describe, and chooses what they leave open.
func (o Options) newRun(c *config.BenchStep) (*train.Run, error) {
	from := c.DataFolder
	if from == "" {
		o.Show("generating photos …")
		if err := generate(c, o.Dir); err != nil {
			return nil, err
		}
	} else if full, err := filepath.Abs(from); err == nil {
		from = full
	}
	r, err := o.build(context.Background(), &c.Contrast, from, c.NetworkOnly)
	if err != nil {
		return r, err
	}
	r.DropLast = true // measure whole batches only
	if r.Batches = loader.Batches(r.Train.Len(), c.BatchSize, true); r.Batches == 0 && !c.NetworkOnly {
		return r, fmt.Errorf("%s: want at least as many images as a batch, %d, got %d; "+
			"without a folder, photos are generated", c.DataFolder, c.BatchSize, r.Train.Len())
	}
	return r, nil
}

// build builds the run of a pre-training in a new folder below o.Dir, and chooses what c
// leaves open: c has it afterwards. from is the path of the images. The split of the
// processors stays open if the network alone is to be measured.
func (o Options) build(ctx context.Context, c *config.Contrast, from string, alone bool) (*train.Run, error) {
	dir := filepath.Join(o.Dir, "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	c.TBPath = filepath.Join(o.Dir, "tb")
	settle := func(m *config.Machine, net nn.Config) error {
		return o.report(setup.Precision(o.Tuner, m, setup.ContrastStep(c, net)))
	}
	r, err := train.NewRun(ctx, world.Single(), *c, dir, settle)
	if err != nil {
		return r, err
	}
	if !alone {
		images := autotune.Images{Dataset: r.Train, Views: r.Views, From: from}
		step := setup.ContrastStep(c, r.Model.Net)
		split, _, err := setup.SplitThreads(o.Tuner, &r.Config.Machine, c.Precision, step, images)
		if err := o.report(split, err); err != nil {
			return r, err
		}
	}
	*c = r.Config
	return r, nil
}

// report prints the description of a choice, if there is one.
func (o Options) report(described string, err error) error {
	if err == nil && described != "" {
		o.Print("%s", described)
	}
	return err
}

// generate writes photos for all steps into dir. They have the size of ImageNet's, or
// of the views if these are small.
func generate(c *config.BenchStep, dir string) error {
	width, height := 500, 375
	if c.InputRes <= 64 {
		width, height = c.InputRes, c.InputRes
	}
	n := c.BatchSize * (c.Warmup + c.Steps + 1)
	if setup.OnGPU(c.Machine) {
		n += c.BatchSize * methods.Lag
	}
	if c.NetworkOnly {
		n = 2 // they are not used
	}
	list, err := Photos(dir, n, width, height)
	c.Dataset, c.DataFolder, c.Limit, c.Imbalance = "list", list, 0, 0
	return err
}

// peak returns the rate of matrix products in a model's precision, in GFLOP/s.
func (o Options) peak(m *methods.Model) float64 {
	o.Show("measuring: matrix products …")
	dtype := torch.Float32
	if m.Precision.Half() {
		dtype = m.Precision
	}
	return Peak(dtype, m.Device(), time.Second) / 1e9
}

// measureSteps measures the steps, and returns the number of operations per image.
func (o Options) measureSteps(c *config.BenchStep, r *train.Run, steps *Steps) (perImage float64, err error) {
	if c.NetworkOnly {
		return Network(r.Model, c.BatchSize, c.InputRes, steps), nil
	}
	work := Count(r.Model)
	r.Say = o.Print
	r.Hooks = append(train.StepHooks(c.Contrast, c.TBPath), steps.Hook())
	if err := r.Do(context.Background()); !errors.Is(err, ErrDone) {
		return 0, err
	}
	return work.PerImage(), nil
}
