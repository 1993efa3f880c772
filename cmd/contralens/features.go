package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features/table"
	"contralens/internal/humanize"
	"contralens/setup"
	"contralens/train"
)

func featuresCommand() *cobra.Command {
	c := config.DefaultFeatures()
	cmd := &cobra.Command{
		Use:   "features DIR",
		Short: "Compute an encoder's features of all images in a folder, and write them to a file",
		Example: `  contralens features photos --ckpt save/run/current.pth -o photos.parquet
  # a NumPy array, with the paths in photos.txt
  contralens features photos --ckpt resnet50-imagenet.pth -o photos.npy
  # Ctrl-C stops it (exit code 75); the same command resumes`,
	}
	given := cli.Bind(cmd, &c)
	cmd.Args = cli.Arguments(1, "a folder of images", "features photos --ckpt save/run/current.pth -o photos.parquet")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		if c.Out == "" || c.Ckpt == "" {
			return cli.Wrong(errors.New("features: want --ckpt with an encoder and -o with a file to write"))
		}
		err = setup.Compute(c.Threads, func() error {
			_, m, _ := c.Encoder.Options()
			announce(m, warnings)
			return extractFeatures(&c, set, args[0])
		})
		return setup.Explain(err, setup.EncoderLoad(c.Encoder))
	}
	return cmd
}

func extractFeatures(c *config.Features, set map[string]bool, dir string) error {
	decoder := &codec.Decoder{Note: printNote}
	d, err := sets.Images(context.Background(), store.Disk{}, dir, decoder)
	if err != nil {
		return err
	}
	e, err := table.Open(c.Encoder, set, printNote)
	if err != nil {
		return err
	}
	defer e.Model.Free()
	decoder.Gray16 = e.Gray16
	if term.IsTerminal(int(os.Stderr.Fd())) {
		e.Options.Progress = func(done, total int) { fmt.Fprintf(os.Stderr, "\r\033[K%d of %d images", done, total) }
		defer fmt.Fprint(os.Stderr, "\r\033[K")
	}
	ctx, done := interruptible(printNote)
	defer done()
	bad, err := table.Extract(ctx, e.Model, d, e.Options, table.Job{
		Out: c.Out, Root: dir, Meta: e.Meta, Fresh: c.Fresh,
		Columns: table.Columns{Neighbors: c.Near, Thumbnail: c.Thumb},
		Note:    func(format string, args ...any) { printNote(fmt.Sprintf(format, args...)) },
	})
	if errors.Is(err, table.ErrStopped) {
		printNote("the features so far are kept; the same command resumes")
		return train.ErrStopped
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(cli.Out, "%s, %d features each: %s\n", humanize.Count(d.Len(), "image"), e.Model.FeatureDim(), c.Out)
	if bad > 0 {
		printNote(fmt.Sprintf("%d images could not be read: their features are NaN", bad))
	}
	return nil
}
