package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/dashboard"
	"contralens/data/codec"
	"contralens/internal/durable"
	"contralens/look"
)

func lookCommand() *cobra.Command {
	c := config.DefaultLook()
	cmd := &cobra.Command{
		Use:   "look FOLDER",
		Short: "Look at your images before a training: what is there, what is broken, what to do",
		Long: `Look at a folder of images for at most --minutes, and write one HTML page: sizes and
formats, broken files, duplicates and leaks between splits, what the augmentations
do to the images, nearest neighbors, the settings that suit them, and how long a
training takes on this machine. The folder may also be a list or another dataset
(see docs/data.md). Labels are not needed, and no file of the folder is changed.

Ctrl-C stops it at once, without a page (exit code 130).`,
		Args: cli.Arguments(1, "a folder of images", "look photos"),
		Example: `  contralens look photos
  contralens look photos --minutes 1 -o page.html --recipe photos.yaml
  # neighbors by a trained encoder
  contralens look photos --ckpt save/run/current.pth`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return lookAt(args[0], c)
	}
	return cmd
}

// lookAt writes the page about a folder, and prints the summary.
func lookAt(folder string, c config.Look) error {
	if c.Out == "" {
		c.Out = pageName(folder)
	}
	for _, path := range []string{c.Out, c.Recipe} {
		if path != "" {
			if err := durable.Possible(path); err != nil {
				return err
			}
		}
	}
	var temporary atomic.Value
	defer cleanOnSignal(func() {
		if dir, ok := temporary.Load().(string); ok {
			os.RemoveAll(dir)
		}
	})()
	o := look.Options{
		Dataset: c.Dataset, Classes: c.Imagenet100Path, Gray16: codec.Gray16(c.Gray16),
		Time: time.Duration(c.Minutes * float64(time.Minute)),
		Seed: c.Seed, Workers: c.Workers, Device: c.Device, Show: display,
		Measure: look.MeasureSteps(tuner(false, displayLine), func(dir string) { temporary.Store(dir) }),
	}
	o.Encoder.Weights = config.Weights{Ckpt: c.Ckpt, UseEMA: c.UseEMA}
	config.Defaults(&o.Encoder.Net)
	r, err := look.Look(context.Background(), folder, o)
	if err != nil {
		return err
	}
	if err := durable.Write(c.Out, r.WritePage); err != nil {
		return fmt.Errorf("%s: %w", c.Out, err)
	}
	if c.Recipe != "" {
		err := durable.Write(c.Recipe, func(w io.Writer) error { _, err := io.WriteString(w, r.Advice.YAML); return err })
		if err != nil {
			return fmt.Errorf("%s: %w", c.Recipe, err)
		}
	}
	if err := r.WriteSummary(cli.Out); err != nil {
		return err
	}
	if c.Recipe != "" {
		fmt.Fprintln(cli.Out, "recipe:", c.Recipe)
	}
	fmt.Fprintln(cli.Out, "page:", c.Out)
	if c.Open {
		dashboard.Browse(c.Out)
	}
	return nil
}

// pageName returns the name of the page about a folder or a list.
func pageName(folder string) string {
	if full, err := filepath.Abs(folder); err == nil {
		folder = full
	}
	name := filepath.Base(folder)
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		name = name[:len(name)-len(filepath.Ext(name))]
	}
	if name == string(filepath.Separator) {
		name = "images"
	}
	return name + "-look.html"
}
