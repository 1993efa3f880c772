package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/detect/protocol"
	"contralens/setup"
)

func detectCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "detect", Short: "Train detectors on encoders, test and use them"}
	cmd.AddCommand(detectTrainCommand(), detectEvalCommand(), detectPredictCommand())
	return cmd
}

func detectTrainCommand() *cobra.Command {
	c := config.DefaultDetectTrain()
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a detector on an encoder: Faster or Mask R-CNN",
		Args:  cli.NoArguments,
		Example: `  # PASCAL VOC, as published (batches of 16 need GPUs)
  contralens detect train --config voc-r50-c4 --data_folder VOCdevkit \
    --ckpt moco_v2_800ep_pretrain.pth.tar
  # your own photos, annotated in VOC's layout, on a small machine
  contralens detect train --config bccd --data_folder BCCD --ckpt save/run/current.pth
  # the same in two processes, which share each batch
  contralens detect train --config bccd --data_folder BCCD --nproc 2 \
    --ckpt save/run/current.pth
  # the same without pre-training, to compare
  contralens detect train --config bccd --data_folder BCCD`,
	}
	given := cli.Bind(cmd, &c)
	dry := cmd.Flags().Bool("dry_run", false, "show what would be done and stop")
	cmd.RunE = func(*cobra.Command, []string) error {
		t := newTraining(!*dry)
		defer t.Close()
		set, warnings, err := given()
		if err != nil {
			return err
		}
		warnings = append(warnings, setup.IterationNotes(c.Iterating)...)
		if *dry {
			return describeDetect(c, set, warnings)
		}
		if done, err := t.join(&c.Dist, t.signals.Close); done || err != nil {
			return err
		}
		warnings = append(warnings, t.launch.Notes...)
		if c.JSON {
			t.progress.Out = os.Stderr
		}
		result, err := protocol.Train(t.signals.ctx, c, protocol.Options{
			Set: set, Progress: t.progress, Begin: t.signals.Begin, Met: t.signals.Met, Notes: warnings, Command: os.Args,
			Launch: t.launch, Timing: t.timing,
		})
		if err == nil && c.JSON && t.launch.World().First() {
			err = printJSON(result)
		}
		return err
	}
	return cmd
}

// describeDetect prints what a training would do, unless it would refuse its options or images.
func describeDetect(c config.DetectTrain, set map[string]bool, warnings []string) error {
	notes := warnings
	place, summary, err := protocol.Plan(context.Background(), c, protocol.Options{
		Set: set, Note: func(s string) { notes = append(notes, s) },
	})
	if err != nil {
		return err
	}
	fmt.Fprint(cli.Out, config.YAML(&c))
	printPlace(place, c.RunName())
	fmt.Fprintf(cli.Out, "detector:      %s\n", strings.ReplaceAll(summary, "\n", "\n               "))
	for _, w := range notes {
		fmt.Fprintf(cli.Out, "note:          %s\n", w)
	}
	return nil
}
