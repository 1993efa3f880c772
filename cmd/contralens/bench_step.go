package main

import (
	"encoding/json"
	"fmt"
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
		Short: "Measure a training step: images per second, phases, arithmetic against the processor's peak, memory",
		Long: `Measure steps of a pre-training, run as contrast would run them with the same options, in a
temporary folder that is removed afterwards: images per second, phases, arithmetic against the
processor's peak, memory. Without --data_folder photos are generated.

Every option of contrast is accepted. Steps start from random weights: --init and --resume are not
read. Where features are transformed, they are from the first step on, whatever --mix_start,
--mix_start_epoch and --mix_start_step say. Nothing between epochs is measured (--knn_every,
--probe), and nothing is kept: --name, --model_path, --tb_path, --overwrite, --save_freq, --keep and
--epochs change nothing. --network_only measures the encoder alone, on random images: options of
data, views, loss and records change nothing. Ctrl-C stops at once, without a result (exit code 130).`,
		Args: cli.NoArguments,
		Example: `  # MoCo v2 with feature transformation, ResNet-50 at 224 px, on generated photos
  contralens bench step --amp
  # as contrast would run it with these options
  contralens bench step --method SimCLR --ft none --arch resnet18 --batch_size 64 --data_folder photos
  contralens bench step --arch resnet18 --width 0.25 --stem cifar --input_res 32 --batch_size 256 -k 4096
  # the encoder's forward and backward pass alone
  contralens bench step --network_only --batch_size 32 --json`,
	}
	given := cli.Bind(cmd, &c)
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
	result, err := profile.Step(*c, profile.Options{
		Dir: dir, Tuner: tuner(c.Retune, displayLine), Print: displayLine, Show: display, Commit: version.Commit(),
	})
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
