package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features/table"
	"contralens/internal/humanize"
	"contralens/setup"
	"contralens/viz"
)

func neighborsCommand() *cobra.Command {
	c := config.DefaultNeighbors()
	cmd := &cobra.Command{
		Use:   "neighbors IMAGE",
		Short: "Show the images whose features are nearest to those of an image",
		Example: `  contralens neighbors photos/cat.jpg --in photos.parquet -o grid.png
  contralens neighbors new.jpg --in photos.npy --ckpt save/run/current.pth \
    -o grid.png`,
	}
	given := cli.Bind(cmd, &c)
	cmd.Args = cli.Arguments(1, "one image", "neighbors photos/cat.jpg --in photos.parquet -o grid.png")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		printNotes(warnings)
		if c.In == "" || (c.Out == "" && !c.JSON) {
			return cli.Wrong(errors.New("neighbors: want --in with a file written by contralens features, " +
				"and -o with a PNG file to write"))
		}
		err = setup.Compute(c.Threads, func() error { return neighbors(&c, set, args[0]) })
		return setup.Explain(err, setup.EncoderLoad(c.Encoder))
	}
	return cmd
}

func neighbors(c *config.Neighbors, set map[string]bool, path string) error {
	found, folder, err := table.Search(*c, set, path, printNote)
	if errors.Is(err, table.ErrNoEncoder) {
		return cli.Wrong(fmt.Errorf("%w; name it with --ckpt", err))
	}
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(cli.Out).Encode(found); err != nil {
			return err
		}
	}
	if c.Out == "" {
		return nil
	}
	return drawNeighbors(c.Out, path, folder, found)
}

// drawNeighbors writes a contact sheet with the query first.
func drawNeighbors(out, query, folder string, found []table.Neighbor) error {
	img, err := sets.ReadImage(context.Background(), store.Disk{}, query, nil)
	if err != nil {
		return err
	}
	tiles := []viz.Tile{{Picture: img.Picture(), Title: "query", Caption: humanize.Text(query), Marked: true}}
	for i, n := range found {
		path := filepath.Join(folder, filepath.FromSlash(n.Path))
		tiles = append(tiles, viz.PhotoTile(path, fmt.Sprintf("%d.  cos %.3f", i+1, n.Similarity), humanize.Text(n.Path)))
	}
	if err := viz.WriteSheet(out, tiles, 6, 150); err != nil {
		return err
	}
	fmt.Fprintf(cli.Out, "%d neighbors: %s\n", len(found), out)
	return nil
}
