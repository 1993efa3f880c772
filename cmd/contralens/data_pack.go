package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/codec"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/setup"
)

func dataPackCommand() *cobra.Command {
	c := config.DefaultDataPack()
	cmd := &cobra.Command{
		Use:   "pack SRC DST",
		Short: "Pack images into tar files (WebDataset), resized if asked",
		Args:  cli.Arguments(2, "a folder of images and a new folder", "data pack photos packed"),
		Long: `Pack images into tar files in WebDataset's layout. Images whose shorter side is longer
than --short pixels are resized.

Ctrl-C stops it and removes what was packed so far (exit code 130).`,
		Example: `  contralens data pack imagenet imagenet-packed
  contralens contrast --dataset imagenet --data_folder imagenet-packed
  # without changing the images
  contralens data pack photos packed --short 0`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return packImages(args[0], args[1], c)
	}
	return cmd
}

func packImages(src, dst string, c config.DataPack) error {
	ctx, done := interruptible(func(string) { displayLine("contralens: stopping and removing what was packed so far") })
	defer done()
	p, err := openRaw(ctx, sets.Options{
		Name: c.Dataset, Folder: src, Imagenet100Path: c.Imagenet100Path, Limit: c.Limit,
		Remote: setup.Remote(c.Keeping),
		Strict: c.Strict, Gray16: codec.Gray16(c.Gray16), Note: printNote, Test: sets.TestIfSound,
	})
	if err != nil {
		return err
	}
	progress, erase := counter()
	packed, err := pack.Write(ctx, dst, p, pack.Options{
		Short: c.Short, Quality: c.Quality, ShardBytes: int64(c.ShardMB) << 20, Workers: c.Workers,
		MaxBad: c.MaxBad, Note: printNote, Progress: progress,
	})
	erase()
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(cli.Out).Encode(map[string]any{"source": src, "packed": dst, "parts": packed})
	}
	for _, r := range packed {
		fmt.Fprintf(cli.Out, "%s: %d images in %d shards, %.1f MB; %d files as they were, %d left out\n",
			r.Split, r.Images, r.Shards, float64(r.Bytes)/1e6, r.Kept, r.Bad)
	}
	fmt.Fprintf(cli.Out, "train on it with --data_folder %s\n", dst)
	return nil
}
