package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/internal/humanize"
	"contralens/setup"
)

func dataStatsCommand() *cobra.Command {
	var c config.DataStats
	cmd := &cobra.Command{
		Use:   "stats DIR",
		Short: "Count images, classes, objects, sizes and unreadable files",
		Long: `Count images, classes, sizes and unreadable files. In a folder with annotated objects,
in PASCAL VOC's layout or COCO's JSON files, count objects and damaged annotations too,
unless --dataset names another layout.`,
		Args: cli.Arguments(1, "a folder of images", "data stats photos"),
		Example: `  contralens data stats photos
  contralens data stats cifar10 --dataset cifar10 --json
  # images with annotated objects
  contralens data stats VOCdevkit --split 2007_test
  contralens data stats annotations.json --images photos`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		if c.Dataset == "" && annotated(args[0]) {
			return objectStats(args[0], c)
		}
		return stats(args[0], c)
	}
	return cmd
}

// stats decodes every image and prints the statistics of each split.
func stats(folder string, c config.DataStats) error {
	notes := []string{}
	note := func(s string) { notes = append(notes, s) }
	p, err := openRaw(context.Background(), sets.Options{
		Name: c.Dataset, Folder: folder, Imagenet100Path: c.Imagenet100Path, Limit: c.Limit, Strict: c.Strict, Note: note,
		Test: sets.TestIfSound, Remote: setup.Remote(c.Keeping),
	})
	if err != nil {
		return err
	}
	progress, erase := counter()
	var parts []pack.Stats
	for _, part := range []struct {
		name string
		d    data.Dataset
	}{{"train", p.Train}, {"test", p.Test}, {"unlabeled", p.Unlabeled}} {
		if part.d != nil {
			s, err := pack.Measure(context.Background(), part.name, part.d, c.Workers, progress)
			if err != nil {
				return err
			}
			parts = append(parts, s)
		}
	}
	erase()
	if c.JSON {
		return json.NewEncoder(cli.Out).Encode(map[string]any{
			"folder": folder, "dataset": p.Train.Name(), "parts": parts, "notes": notes,
		})
	}
	fmt.Fprintf(cli.Out, "%s: dataset %s\n", humanize.Text(folder), p.Train.Name())
	for _, s := range parts {
		printStats(s)
	}
	for _, n := range notes {
		fmt.Fprintln(cli.Out, "note:", humanize.Text(n))
	}
	return nil
}

func printStats(s pack.Stats) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(cli.Out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(cli.Out, "%s: %s\n", s.Split, humanize.Count(s.Images, "image"))
	if s.PerClass != nil {
		row("classes", "%d, of %s images", s.Classes, *s.PerClass)
		if s.PerClass.Min < s.PerClass.Max {
			row("", "fewest: %s, most: %s", humanize.Text(s.Smallest), humanize.Text(s.Largest))
		}
	} else {
		row("classes", "none")
	}
	if len(s.Formats) > 0 {
		row("width", "%s", s.Width)
		row("height", "%s", s.Height)
		row("short side", "%s", s.Short)
	}
	var formats []string
	for _, f := range slices.Sorted(maps.Keys(s.Formats)) {
		formats = append(formats, fmt.Sprintf("%d %s", s.Formats[f], f))
	}
	row("formats", "%s", cmp.Or(strings.Join(formats, ", "), "none"))
	if s.Bytes > 0 {
		row("files", "%.1f MB", float64(s.Bytes)/1e6)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Repaired)) {
		row("damaged", "%d, read all the same: %s", s.Repaired[kind], kind)
	}
	row("unreadable", "%d", len(s.Unreadable))
	const most = 20
	for i, u := range s.Unreadable {
		if i == most {
			fmt.Fprintf(cli.Out, "    … and %d more; --json lists all\n", len(s.Unreadable)-most)
			break
		}
		fmt.Fprintf(cli.Out, "    %s\n", humanize.Text(u))
	}
}
