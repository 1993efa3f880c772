package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/eval/protocol"
	"contralens/internal/humanize"
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
		var p started
		if ended, err := p.join(&c.Dist, nil); ended || err != nil {
			return err
		}
		return extractFeatures(c, set, append(warnings, p.launch.Notes...), args[0], p)
	}
	return cmd
}

func extractFeatures(c config.Features, set map[string]bool, notes []string, dir string, p started) error {
	ctx, o, done := evaluation(set, notes, false, p)
	defer done()
	if o.Features = nil; term.IsTerminal(int(os.Stderr.Fd())) && p.launch.World().First() {
		o.Features = func(done, total int) { fmt.Fprintf(os.Stderr, "\r\033[K%d of %d images", done, total) }
		defer fmt.Fprint(os.Stderr, "\r\033[K")
	}
	made, err := protocol.Features(ctx, c, dir, o)
	if err != nil || !p.launch.World().First() {
		return err
	}
	fmt.Fprintf(cli.Out, "%s, %d features each: %s\n", humanize.Count(made.Images, "image"), made.Dim, c.Out)
	if made.Unreadable > 0 {
		printNote(fmt.Sprintf("%d images could not be read: their features are NaN", made.Unreadable))
	}
	return nil
}
