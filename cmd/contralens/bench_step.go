package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"contralens/autotune"
	"contralens/config"
	"contralens/data"
	"contralens/internal/machine"
	"contralens/internal/version"
	"contralens/nn"
	"contralens/profile"
	"contralens/setup"
	"contralens/torch"
	"contralens/train"
)

func benchStepCommand() *cobra.Command {
	c := config.DefaultBenchStep()
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Measure a training step: images a second, phases, arithmetic against the processor's peak, memory",
		Long: `Measure steps of a pre-training, run as contrast would run them with the same options, in a temporary folder that is removed afterwards:
images a second, phases, arithmetic against the processor's peak, memory. Without --data_folder photos are generated.

Every option of contrast is taken. Steps start from random weights (--init and --resume are not read). Where features are transformed, they
are from the first step on, whatever --mix_start, --mix_start_epoch and --mix_start_step say. Nothing between epochs is measured
(--knn_every, --probe), and nothing stays: --name, --model_path, --tb_path, --overwrite, --save_freq and --keep change nothing, nor does
--epochs. With --network_only the encoder alone is measured, on random images: options of data, views, loss and records change nothing.
Ctrl-C stops at once, without a result (exit code 130).`,
		Args: noArguments,
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
		return setup.Compute(c.Threads, func() error { return benchStep(&c) })
	}
	return cmd
}

// benchStep measures a run in a folder of its own, which is removed afterwards.
func benchStep(c *config.BenchStep) error {
	dir, err := os.MkdirTemp("", "contralens-bench-")
	if err != nil {
		return fmt.Errorf("temporary folder: want one that can be made, but %w; TMPDIR says where it is made", err)
	}
	remove := func() { os.RemoveAll(dir) }
	defer remove()
	defer cleanOnSignal(remove)()
	defer display("")
	r, err := benchRun(c, dir)
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return err
	}
	result, err := measureRun(c, r)
	if err != nil {
		return err
	}
	display("")
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	result.Print(os.Stdout)
	return nil
}

// benchRun makes the run that the options describe, below dir, and settles them.
func benchRun(c *config.BenchStep, dir string) (*train.Run, error) {
	from := absolute(c.DataFolder)
	if c.DataFolder == "" {
		display("generating photos …")
		if err := generate(c, dir); err != nil {
			return nil, err
		}
	}
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		return nil, err
	}
	c.TBPath = filepath.Join(dir, "tb")
	r, err := train.NewRun(c.Contrast, run, func(s *config.Shared, net nn.Config) error {
		chosen, err := choose(s, net, c.Accum, displayLine)
		if chosen != "" {
			displayLine("%s", chosen)
		}
		return err
	})
	if err != nil {
		return r, err
	}
	// Whole batches alone are measured.
	r.DropLast = true
	if r.Batches = data.Batches(r.Train.Len(), c.BatchSize, true); r.Batches == 0 && !c.NetworkOnly {
		return r, fmt.Errorf("--data_folder %s: want at least as many images as a batch, %d, got %d; without --data_folder they are generated", c.DataFolder, c.BatchSize, r.Train.Len())
	}
	if !c.NetworkOnly {
		split, err := share(&r.Config.Shared, c.Precision, r.Model.Net, c.Accum, autotune.Images{Dataset: r.Train, Views: r.Views, From: from}, displayLine)
		if err != nil {
			return r, err
		}
		if split != "" {
			displayLine("%s", split)
		}
	}
	c.Contrast = r.Config
	return r, nil
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
	list, err := profile.Photos(dir, n, width, height)
	c.Dataset, c.DataFolder, c.Limit, c.Imbalance = "list", list, 0, 0
	return err
}

// measureRun measures what the processor can do, and steps of a run.
func measureRun(c *config.BenchStep, r *train.Run) (*profile.Result, error) {
	result := &profile.Result{
		Method: c.Method, Arch: c.Arch, Batch: c.BatchSize, K: c.K, Precision: c.Precision, NetworkOnly: c.NetworkOnly, InputRes: c.InputRes,
		MemoryFormat: c.MemoryFormat, Threads: torch.Threads(), Machine: machine.Model(), Commit: version.Commit(), Torch: torch.Version(),
	}
	// Before and after: the machine may be busier for a while.
	result.Peak = peak(r.Model)
	steps := profile.NewSteps(c.Warmup, c.Steps, display)
	perImage, err := take(c, r, steps)
	if err != nil {
		return nil, err
	}
	result.Take(steps, perImage)
	result.PeakMB = float64(machine.PeakResident()) / (1 << 20)
	result.Peak = max(result.Peak, peak(r.Model))
	return result, nil
}

// peak is the rate of matrix products in a model's precision, in GFLOP/s.
func peak(m *train.Model) float64 {
	display("measuring: matrix products …")
	dtype := torch.Float32
	if m.BF16 {
		dtype = torch.BFloat16
	}
	return profile.Peak(dtype, m.Device(), time.Second) / 1e9
}

// take takes the steps, and tells how many operations an image they need.
func take(c *config.BenchStep, r *train.Run, steps *profile.Steps) (perImage float64, err error) {
	if c.NetworkOnly {
		return profile.Network(r.Model, c.BatchSize, c.InputRes, steps), nil
	}
	work := profile.Count(r.Model)
	r.Hooks = append(stepHooks(c.Contrast, c.TBPath, displayLine), steps.Hook())
	if err := r.Do(context.Background()); !errors.Is(err, profile.ErrDone) {
		return 0, err
	}
	return work.PerImage(), nil
}
