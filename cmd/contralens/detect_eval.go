package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/detect/protocol"
)

func detectEvalCommand() *cobra.Command {
	c := config.DefaultDetectEval()
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Test a detector by PASCAL VOC's or COCO's average precision",
		Args:  cli.NoArguments,
		Example: `  contralens detect eval --ckpt save/run_detect/current.pth --data_folder BCCD -o report
  # detections of another program, in COCO's result format
  contralens detect eval --results coco_instances_results.json --data_folder coco`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		t := newTraining(false)
		defer t.Close()
		set, warnings, err := given()
		if err != nil {
			return err
		}
		if c.JSON {
			t.progress.Out = os.Stderr
		}
		ctx, done := interruptible(printNote)
		defer done()
		result, err := protocol.Eval(ctx, c, protocol.Options{
			Set: set, Progress: t.progress, Note: printNote, Notes: warnings, Command: os.Args,
		})
		if err == nil && c.JSON {
			err = printJSON(result)
		}
		return err
	}
	return cmd
}

func detectPredictCommand() *cobra.Command {
	c := config.DefaultDetectPredict()
	cmd := &cobra.Command{
		Use:   "predict IMAGE...",
		Short: "Draw what a detector finds in images",
		Example: `  contralens detect predict photo.jpg --ckpt save/run_detect/current.pth -o found.png
  contralens detect predict photos/ --ckpt save/run_detect/current.pth -o found/`,
		Args: cobra.ArbitraryArgs,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, _, err := given()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return cli.Wrong(fmt.Errorf("detect predict: want images or folders of images, got none; "+
				"for example contralens detect predict photo.jpg --ckpt %s", c.Ckpt))
		}
		ctx, done := interruptible(printNote)
		defer done()
		return protocol.Predict(ctx, c, args, protocol.Options{Set: set, Note: printNote}, func(p protocol.Found) error {
			return printFound(p, c.JSON)
		})
	}
	return cmd
}
