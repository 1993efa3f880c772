package main

import (
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/internal/version"
	"contralens/profile"
	"contralens/setup"
)

func benchStepCommand() *cobra.Command {
	c := config.DefaultBenchStep()
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Measure a training step: images per second, phases, share of peak arithmetic, memory",
		Long: `Measure steps of pre-training, exactly as contrast runs them with the same options:
images per second, the time of each phase, arithmetic as a share of the processor's
peak, and memory. The command trains in a temporary folder, which it removes. Without
--data_folder it generates photos.

It accepts all options of contrast, with these differences:
- Steps start from random weights. --init and --resume are not read.
- The feature transformation, if any, starts at the first step. --mix_start,
  --mix_start_epoch and --mix_start_step are not read.
- Work between epochs (--knn_every, --probe) is not measured.
- Nothing is kept, so the options for run directories and checkpoints have no effect,
  and neither has --epochs.
- With --network_only, the encoder alone is measured, on random images. The options
  for data, views, loss and records have no effect.

Ctrl-C stops it at once, without a result (exit code 130).`,
		Args: cli.NoArguments,
		Example: `  # MoCo v2 with the feature transformation: ResNet-50, 224 pixels, generated photos
  contralens bench step
  # other trainings, with the options of contrast
  contralens bench step --method SimCLR --ft none --arch resnet18 \
    --batch_size 64 --data_folder photos
  contralens bench step --arch resnet18 --width 0.25 --stem cifar --input_res 32 \
    --batch_size 256 -k 4096
  # only the encoder's forward and backward pass
  contralens bench step --network_only --batch_size 32 --json`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		_, warnings, err := given()
		if err != nil {
			return err
		}
		err = setup.Compute(c.Threads, func() error {
			announce(c.Machine, warnings)
			return benchStep(&c)
		})
		return setup.Explain(err, setup.PretrainingLoad(&c.Contrast))
	}
	return cmd
}

// benchStep measures a run in a temporary folder.
func benchStep(c *config.BenchStep) error {
	dir, err := profile.TempDir("bench")
	if err != nil {
		return err
	}
	remove := func() { os.RemoveAll(dir) }
	defer remove()
	defer cleanOnSignal(remove)()
	defer display("")
	result, err := profile.Step(*c, profile.Options{
		Dir: dir, Tuner: tuner(c.Retune, displayLine), Print: displayLine, Show: display, Commit: version.Commit(),
	})
	if err != nil {
		return err
	}
	display("")
	if c.JSON {
		return json.NewEncoder(cli.Out).Encode(result)
	}
	result.Print(cli.Out)
	return nil
}
