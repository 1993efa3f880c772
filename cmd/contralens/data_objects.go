package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/draw"
	"contralens/detect/sets"
	"contralens/internal/humanize"
	"contralens/views"
	"contralens/viz"
)

// annotated reports whether a folder or file has annotated objects.
func annotated(name string) bool {
	return sets.IsAnnotated(context.Background(), store.Disk{}, name)
}

// objectStats decodes every image with annotated objects and prints the statistics of each
// split.
func objectStats(folder string, c config.DataStats) error {
	ctx := context.Background()
	// Damage is what is looked for, so any amount of it is allowed.
	o := sets.Options{Folder: folder, Split: c.Split, Images: c.Images, MaxBad: 1, Workers: c.Workers}
	splits := []string{c.Split}
	if c.Split == "" {
		all, err := sets.Splits(ctx, o)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			splits = all
		}
	}
	progress, erase := counter()
	decoder := &codec.Decoder{Strict: c.Strict}
	var parts []*sets.Stats
	for _, split := range splits {
		o.Split = split
		set, report, err := sets.Open(ctx, o)
		if err != nil {
			return err
		}
		s, err := sets.Measure(ctx, sets.Limit(set, c.Limit, 0), report, store.Disk{}, decoder, c.Workers,
			func(done, total int) { progress(set.Name, done, total) })
		if err != nil {
			return err
		}
		parts = append(parts, s)
	}
	erase()
	if c.JSON {
		return json.NewEncoder(cli.Out).Encode(map[string]any{"folder": folder, "parts": parts})
	}
	fmt.Fprintf(cli.Out, "%s: images with annotated objects, in %s's format\n", humanize.Text(folder),
		strings.ToUpper(parts[0].Format))
	for _, s := range parts {
		printObjects(s)
	}
	return nil
}

func printObjects(s *sets.Stats) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(cli.Out, "  %-12s %s\n", humanize.Text(name), fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(cli.Out, "%s: %s, %s\n", humanize.Text(s.Split), humanize.Count(s.Images, "image"),
		humanize.Count(s.Objects, "object"))
	row("objects", "%s per image; %s without any", s.PerImage, humanize.Count(s.Without, "image"))
	for _, c := range s.Classes {
		row(c.Name, "%s in %s; sides of %s px",
			humanize.Count(c.Objects, "object"), humanize.Count(c.Images, "image"), c.Sides)
	}
	row("sizes", "%d small, %d medium, %d large (COCO: areas up to 32² px, up to 96² px, and above)",
		s.Small, s.Medium, s.Large)
	if s.Difficult > 0 {
		row("difficult", "%d", s.Difficult)
	}
	if s.Crowds > 0 {
		row("crowds", "%d", s.Crowds)
	}
	if s.Polygons+s.Masks > 0 {
		row("masks", "%d as polygons, %d as run lengths", s.Polygons, s.Masks)
	} else {
		row("masks", "none")
	}
	if s.Beyond > 0 {
		row("beyond", "%s more than a pixel out of the image, where training cuts it", humanize.Count(s.Beyond, "box"))
	}
	row("width", "%s", s.Width)
	row("height", "%s", s.Height)
	row("damaged", "annotations of %d of %s", s.Damaged, humanize.Count(s.Listed, "image"))
	if s.Foreign > 0 {
		row("foreign", "%s of images that the file does not have", humanize.Count(s.Foreign, "annotation"))
	}
	printSome(s.Problems)
	row("unreadable", "%d", len(s.Unreadable))
	printSome(s.Unreadable)
}

// printSome prints the first sentences of a list.
func printSome(all []string) {
	const most = 20
	for i, s := range all {
		if i == most {
			fmt.Fprintf(cli.Out, "    … and %d more; --json lists all\n", len(all)-most)
			break
		}
		fmt.Fprintf(cli.Out, "    %s\n", humanize.Text(s))
	}
}

// showObjects writes a picture of images with annotated objects.
func showObjects(folder string, c *config.DataShow) error {
	ctx := context.Background()
	set, _, err := sets.Open(ctx, sets.Options{
		Folder: folder, Split: c.Split, Images: c.Images, MaxBad: 1, Note: printNote,
	})
	if err != nil {
		return err
	}
	images, err := chosenImages(set, c)
	if err != nil {
		return err
	}
	side := 0
	if len(images) > 1 {
		side = 480
	}
	var tiles []viz.Tile
	for i := range images {
		tiles = append(tiles, objectTile(ctx, &images[i], set.Classes, side))
	}
	if len(tiles) == 1 {
		err = viz.WritePicture(c.Out, tiles[0].Picture)
	} else {
		err = viz.WriteSheet(c.Out, tiles, int(math.Ceil(math.Sqrt(float64(len(tiles))))), side)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(cli.Out, "%s of %s: %s\n", humanize.Count(len(tiles), "image"), humanize.Text(set.Name), c.Out)
	return nil
}

// chosenImages returns the images to draw.
func chosenImages(set *detect.Set, c *config.DataShow) ([]detect.Image, error) {
	if c.Only == "" {
		return sets.Limit(set, c.N, c.Seed).Images, nil
	}
	var images []detect.Image
	for name := range strings.SplitSeq(c.Only, ",") {
		at := slices.IndexFunc(set.Images, func(m detect.Image) bool { return m.ID == strings.TrimSpace(name) })
		if at < 0 {
			return nil, cli.Wrong(&config.ValueError{
				Option: "only", Want: "names of images in " + humanize.Text(set.Name), Got: name,
				Hint: "the first one is " + humanize.Text(set.Images[0].ID),
			})
		}
		images = append(images, set.Images[at])
	}
	return images, nil
}

// objectTile draws an image with its objects. If the image cannot be read, the title says so.
func objectTile(ctx context.Context, m *detect.Image, classes []string, side int) viz.Tile {
	tile := viz.Tile{
		Title:   m.ID,
		Caption: fmt.Sprintf("%d x %d, %s", m.Width, m.Height, humanize.Count(len(m.Objects), "object")),
	}
	var pixels views.Image
	err := sets.Decode(ctx, m, store.Disk{}, nil, &pixels)
	if err == nil {
		tile.Picture, err = draw.Picture(&pixels, draw.Objects(m, classes), side)
	}
	if err != nil {
		printNote(err.Error())
		tile.Picture, tile.Title = image.NewGray(image.Rect(0, 0, 1, 1)), m.ID+" (unreadable)"
	}
	return tile
}
