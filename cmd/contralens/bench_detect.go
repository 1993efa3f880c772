package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/detect/protocol"
	"contralens/internal/humanize"
)

func benchDetectCommand() *cobra.Command {
	c := config.DefaultBenchDetect()
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "Measure a training step of a detector: images per second, phases, memory",
		Long: `Measure training steps of a detector with random weights, exactly as detect train
computes them, on images of noise in memory: their height is the first of --short, and
their width 4/3 of it. Reading and resizing images is not measured; it goes on beside
the steps of a training.`,
		Args: cli.NoArguments,
		Example: `  # Faster R-CNN R50-C4, two images of 640 x 480
  contralens bench detect --rois 128
  # what a recipe costs here
  contralens bench detect --config bccd
  contralens bench detect --config coco-r50-fpn-1x --batch_size 1 --json`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		_, warnings, err := given()
		if err != nil {
			return err
		}
		for _, note := range warnings {
			printNote(note)
		}
		defer display("")
		cost, err := protocol.Bench(c, display)
		if err != nil {
			return err
		}
		display("")
		if c.JSON {
			return json.NewEncoder(cli.Out).Encode(cost)
		}
		printCost(cost)
		return nil
	}
	return cmd
}

// printCost prints what a step costs.
func printCost(c *protocol.Cost) {
	fmt.Fprintf(cli.Out, "a step of %s on %s: %s of %d x %d, %d regions each, %s, %s\n", c.Detector, c.Arch,
		humanize.Count(c.Batch, "image"), c.Width, c.Height, c.RoIs, c.Precision, humanize.Count(c.Threads, "thread"))
	fmt.Fprintf(cli.Out, "medians over %s\n\n", humanize.Count(c.Steps, "step"))
	for _, phase := range []string{"losses", "backward", "update", "total"} {
		fmt.Fprintf(cli.Out, "%-9s %9.4f s\n", phase, c.Seconds[phase])
	}
	fmt.Fprintf(cli.Out, "\nspeed     %9.2f images/s\n", c.ImagesPerSecond)
	fmt.Fprintf(cli.Out, "compute   %9.1f GFLOP/s (%s GFLOP per image)\n", c.GFLOPPerImage*c.ImagesPerSecond,
		humanize.Number(c.GFLOPPerImage))
	fmt.Fprintf(cli.Out, "memory    %9.0f MB resident at peak\n", c.PeakMB)
	if c.Device != "" {
		fmt.Fprintf(cli.Out, "device    %9.0f MB in tensors at peak (%s)\n", c.DeviceMB, c.Device)
	}
}
