package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/internal/durable"
	"contralens/setup"
	"contralens/viz"
)

func neighborsCommand() *cobra.Command {
	c := config.DefaultNeighbors()
	cmd := &cobra.Command{
		Use:   "neighbors IMAGE",
		Short: "Show the images whose embeddings are nearest to an image's",
		Example: `  contralens neighbors photos/cat.jpg --in photos.parquet -o grid.png
  contralens neighbors new.jpg --in photos.npy --ckpt save/run/current.pth -o grid.png`,
	}
	given := bind(cmd, &c)
	cmd.Args = arguments(1, "one image", "neighbors photos/cat.jpg --in photos.parquet -o grid.png")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, _, err := given()
		if err != nil {
			return err
		}
		if c.In == "" || (c.Out == "" && !c.JSON) {
			return usageError{errors.New("neighbors: want --in with a file of contralens features and -o with a picture to write")}
		}
		return setup.Compute(c.Threads, func() error { return neighbors(&c, set, args[0]) })
	}
	return cmd
}

func neighbors(c *config.Neighbors, set map[string]bool, path string) error {
	meta, err := features.Each(c.In, func(features.Row) error { return nil })
	if err != nil {
		return err
	}
	folder := meta["folder"]
	name := path
	if folder != "" {
		if r, err := filepath.Rel(absolute(folder), absolute(path)); err == nil {
			name = filepath.ToSlash(r)
		}
	}
	query, _, err := features.Find(c.In, name)
	if err == nil && (query == nil || set["ckpt"]) {
		query, err = embed(c, set, meta, path)
	}
	if err != nil {
		return err
	}
	found, err := features.Nearest(c.In, query, c.K, name)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			return err
		}
	}
	if c.Out == "" {
		return nil
	}
	return drawNeighbors(c.Out, path, folder, found)
}

// embed computes the query's features with the encoder that made the file's, or
// the one that was given.
func embed(c *config.Neighbors, set map[string]bool, meta map[string]string, path string) ([]float32, error) {
	if c.Ckpt == "" {
		if c.Ckpt = meta["checkpoint"]; c.Ckpt == "" {
			return nil, usageError{fmt.Errorf("%s is not in %s: want --ckpt with the encoder that made it", path, c.In)}
		}
		if res, err := strconv.Atoi(meta["input_res"]); err == nil && !set["input_res"] {
			c.InputRes = res
			set["input_res"] = true
		}
		c.UseEMA, c.Amp = meta["use_ema"] == "true", meta["amp"] == "true"
	}
	img, err := data.ReadImage(path)
	if err != nil {
		return nil, err
	}
	m, o, about, err := loadEncoder(c.Encoder, set)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	if was := meta["checkpoint_sha256"]; was != "" && was != about["checkpoint_sha256"] {
		printNote(fmt.Sprintf("%s is not the encoder that made %s (%s then, its content was another): similarities mean nothing unless you know better", c.Ckpt, c.In, meta["checkpoint"]))
	}
	return eval.Embed(m, img, o), nil
}

// drawNeighbors writes the contact sheet, the query first.
func drawNeighbors(out, query, folder string, found []features.Neighbor) error {
	img, err := data.ReadImage(query)
	if err != nil {
		return err
	}
	tiles := []viz.Tile{{Picture: img.Picture(), Title: "query", Caption: query, Marked: true}}
	for i, n := range found {
		tile := viz.Tile{Title: fmt.Sprintf("%d.  cos %.3f", i+1, n.Similarity), Caption: n.Path}
		if img, err := data.ReadImage(filepath.Join(folder, filepath.FromSlash(n.Path))); err == nil {
			tile.Picture = img.Picture()
		} else {
			tile.Picture, tile.Title = image.NewGray(image.Rect(0, 0, 1, 1)), tile.Title+" (not there)"
		}
		tiles = append(tiles, tile)
	}
	if err := writeSheet(out, tiles, 6, 150); err != nil {
		return err
	}
	fmt.Printf("%d neighbors: %s\n", len(found), out)
	return nil
}

// writeSheet writes a contact sheet of tiles that have room for a side.
func writeSheet(out string, tiles []viz.Tile, columns, side int) error {
	sheet, err := viz.Sheet(tiles, columns, side)
	if err != nil {
		return err
	}
	return durable.Write(out, func(w io.Writer) error { return png.Encode(w, sheet) })
}
