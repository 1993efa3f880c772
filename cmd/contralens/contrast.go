package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/recipes"
	"contralens/setup"
)

func contrastCommand() *cobra.Command {
	c := config.DefaultContrast()
	cmd := &cobra.Command{
		Use:        "contrast",
		SuggestFor: []string{"train", "pretrain"},
		Short:      "Pre-train an encoder by contrastive learning",
		Long: `Pre-train an encoder by contrastive learning. Images need no labels.

With --method or --config, the defaults below hold. Without them, method,
network, batch, epochs and other options that are not given are chosen to suit
the images and the machine; --dry_run shows them (docs/runs.md has the rule).`,
		Args: serveAddress,
		Example: `  # what suits the images and the machine
  contralens contrast --data_folder photos --serve
  # MoCo v2 with the paper's feature transformation, on your own photos
  contralens contrast --method MoCov2 --ft posneg --mix_start_epoch 2 \
    --data_folder photos --arch resnet18 --batch_size 64 -k 4096 \
    --epochs 50 --cosine
  # small images, with a k-NN evaluation every 5 epochs
  contralens contrast --method MoCov2 --dataset fashion-mnist \
    --arch resnet18 --width 0.25 --stem cifar --input_res 28 \
    --batch_size 256 -k 4096 --epochs 10 --cosine --knn_every 5
  # negatives from the batch, and no negatives (docs/methods.md has all methods)
  contralens contrast --method SimCLR --data_folder photos --arch resnet18 \
    --batch_size 256 --epochs 50 --cosine
  contralens contrast --method BYOL --ft pos --mix_start auto \
    --data_folder photos --arch resnet18 --batch_size 256 --epochs 50 --cosine
  # show what a command line would do
  contralens contrast --method MoCov2 --epochs 100 --dry-run`,
	}
	var dry *bool
	given := cli.BindSized(cmd, &c, func(l cli.Line) ([]string, error) {
		l.Shows = l.Shows || *dry
		return chooseSizes(&c, l)
	})
	dry = cmd.Flags().Bool("dry_run", false, "show what would be done and stop")
	serve := serveFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		t := newTraining(!*dry)
		defer t.Close()
		// The address is taken before anything else is looked at, unless another process may be the
		// one that serves.
		listens := !launched()
		if listens {
			if err := serve.Listen(args); err != nil {
				return err
			}
		}
		defer serve.Close()
		_, warnings, err := given()
		if err != nil {
			return err
		}
		if !*dry {
			if c.Dist.NProc > 1 || c.Dist.Multiproc || c.Dist.WorldSize > 1 {
				serve.Close()
				listens = false
			}
			if done, err := t.join(&c.Dist, t.signals.Close); done || err != nil {
				return err
			}
			warnings = append(warnings, t.launch.Notes...)
		}
		if !listens && t.launch.World().First() {
			if err := serve.Listen(args); err != nil {
				return err
			}
		}
		warnings = append(warnings, setup.ScheduleNotes(c.Optim, c.Warm, c.BatchSize > 256)...)
		if *dry {
			return describeContrast(c, warnings)
		}
		stop, err := serve.Serve(c.ModelPath)
		if err != nil {
			return err
		}
		defer stop()
		if err := t.pretrain(c, warnings); err != nil {
			return err
		}
		t.signals.Close() // nothing is left to save
		serve.Linger(t.progress.Print)
		return nil
	}
	return cmd
}

// chooseSizes chooses the options of a training that the command line does not describe, or
// the length of the queue if a recipe's does not fit the images. If the options are only
// shown, images that cannot be opened are not an error.
func chooseSizes(c *config.Contrast, l cli.Line) (notes []string, err error) {
	var said string
	switch _, recipe := recipes.Get(l.File); {
	case l.File == "" && !config.Described(l.Set):
		said, err = setup.Size(context.Background(), c, l.Set)
	case recipe && c.Dataset == "" && c.Memory == "moco" && !l.Typed["nce_k"]:
		said, err = setup.FitQueue(context.Background(), c)
	}
	if err != nil && l.Shows {
		note := fmt.Sprintf("a training chooses some of these options by its images, which cannot be opened: %v", err)
		return []string{note}, nil
	}
	if err != nil || said == "" {
		return nil, err
	}
	return []string{said}, nil
}

// describeContrast prints what a run would do, unless the run would refuse its options.
func describeContrast(c config.Contrast, warnings []string) error {
	place, err := setup.FindPlace(&c, c.Output, c.RunName())
	if err == nil {
		err = setup.Compute(c.Threads, func() error { return setup.Preflight(c, place) })
	}
	if err != nil {
		return err
	}
	fmt.Fprint(cli.Out, config.YAML(&c))
	printPlace(place, c.RunName())
	fmt.Fprintf(cli.Out, "method:        %s: %s, augmentation %s, head %s, memory %s, τ %v\n",
		c.Method, c.Modal, c.Aug, c.Head, c.Memory, c.Temperature)
	fmt.Fprintf(cli.Out, "features:      %s\n", c.FeatureTransform.Describe())
	for _, w := range warnings {
		fmt.Fprintf(cli.Out, "note:          %s\n", w)
	}
	return nil
}

// printPlace prints where a run would write.
func printPlace(place setup.Place, name config.RunName) {
	fmt.Fprintf(cli.Out, "\nrun directory: %s\nTensorBoard:   %s\n", place.Dir, place.Events)
	if name.Upstream != filepath.Base(place.Dir) {
		fmt.Fprintf(cli.Out, "upstream name: %s\n", name.Upstream)
	}
}
