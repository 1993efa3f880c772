package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/config"
	"contralens/data"
	"contralens/measure"
	"contralens/nn"
	"contralens/torch"
	"contralens/train"
)

func benchStepCommand() *cobra.Command {
	c := config.DefaultBenchStep()
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Measure a training step: images a second, phases, arithmetic against the processor's peak, memory",
		Args:  noArguments,
		Example: `  # MoCo v2 with feature transformation, ResNet-50 at 224 px, on generated photos
  contralens bench step --amp
  # as contrast would run it with these options
  contralens bench step --method SimCLR --ft none --arch resnet18 --batch_size 64 --data_folder photos
  contralens bench step --arch resnet18 --width 0.25 --stem cifar --input_res 32 --batch_size 256 -k 4096
  # the encoder's forward and backward pass alone
  contralens bench step --network_only --batch_size 32 --json`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		_, warnings, err := given()
		if err != nil {
			return err
		}
		for _, w := range warnings {
			printNote(w)
		}
		return compute(c.Threads, func() error { return benchStep(&c) })
	}
	return cmd
}

// benchStep measures a run in a folder of its own, which is removed afterwards.
func benchStep(c *config.BenchStep) error {
	dir, err := os.MkdirTemp("", "contralens-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &train.Progress{Out: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())), PrintFreq: c.PrintFreq}
	signals := listen(func(s string) { p.Print("%s", s) })
	defer signals.Close()
	signals.Begin()
	if c.DataFolder == "" {
		if err := generate(c, dir); err != nil {
			return err
		}
	}
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		return err
	}
	c.TBPath = filepath.Join(dir, "tb")
	r, err := train.NewRun(c.Contrast, run, func(s *config.Shared, net nn.Config) error {
		chosen, err := choose(s, net, c.Accum, p.Print)
		if chosen != "" {
			p.Print("%s", chosen)
		}
		return err
	})
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return err
	}
	c.Contrast = r.Config
	result := measured(c)
	dtype := torch.Float32
	if r.Model.BF16 {
		dtype = torch.BFloat16
	}
	// Before and after: the machine may be busier for a while.
	peak := func() { result.Peak = max(result.Peak, measure.Peak(dtype, r.Model.Device(), time.Second)/1e9) }
	peak()
	steps := measure.NewSteps(c.Warmup, c.Steps)
	if c.NetworkOnly {
		result.Take(steps, measure.Network(r.Model, c.BatchSize, c.InputRes, steps))
	} else {
		// Whole batches alone are measured.
		r.DropLast = true
		if r.Batches = data.Batches(r.Train.Len(), c.BatchSize, true); r.Batches == 0 {
			return fmt.Errorf("--data_folder %s: want at least as many images as a batch, %d, got %d; without --data_folder they are generated", c.DataFolder, c.BatchSize, r.Train.Len())
		}
		work := measure.Count(r.Model)
		r.Hooks = append(stepHooks(c.Contrast, c.TBPath, p), steps.Hook())
		err := r.Do(signals.ctx)
		p.Close()
		if !errors.Is(err, measure.ErrDone) {
			return err
		}
		result.Take(steps, work.PerImage())
	}
	result.PeakMB = float64(measure.PeakResident()) / (1 << 20)
	peak()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	result.Print(os.Stdout)
	return nil
}

// generate makes photos for all steps, of the size of ImageNet's, or of the
// views' where these are small.
func generate(c *config.BenchStep, dir string) error {
	width, height := 500, 375
	if c.InputRes <= 64 {
		width, height = c.InputRes, c.InputRes
	}
	n := c.BatchSize * (c.Warmup + c.Steps + 1)
	if c.NetworkOnly {
		n = 2 // none is looked at
	}
	list, err := measure.Photos(dir, n, width, height)
	c.Dataset, c.DataFolder = "list", list
	return err
}

// measured is a result that says what is measured, by options that are settled.
func measured(c *config.BenchStep) *measure.Result {
	return &measure.Result{
		Method: c.Method, Arch: c.Arch, Batch: c.BatchSize, K: c.K, Precision: c.Precision, NetworkOnly: c.NetworkOnly, InputRes: c.InputRes,
		MemoryFormat: c.MemoryFormat, Threads: torch.Threads(), Machine: train.Processor(), Commit: train.Commit(), Torch: torch.Version(),
	}
}
