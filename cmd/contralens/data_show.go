package main

import (
	"context"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/views"
	"contralens/viz"
)

func dataShowCommand() *cobra.Command {
	c := config.DefaultDataShow()
	cmd := &cobra.Command{
		Use:   "show IMAGE",
		Short: "Draw views of an image, as the network sees them in training, or annotated objects",
		Long: `Draw views of an image, as the network sees them in training. For a folder with
annotated objects, in PASCAL VOC's layout or COCO's JSON files, draw images with their
boxes, masks and classes.`,
		Args: cli.Arguments(1, "an image", "data show photo.jpg --aug B -n 16 -o grid.png"),
		Example: `  contralens data show photo.jpg --aug B -n 16 -o grid.png
  contralens data show photo.jpg --aug jigsaw -n 4
  # images with annotated objects
  contralens data show VOCdevkit --split 2007_test -n 9 -o objects.png`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		if annotated(args[0]) {
			return showObjects(args[0], &c)
		}
		return showViews(args[0], &c)
	}
	return cmd
}

// showSide is the smallest side of a picture on the sheet, in pixels; its title needs the
// room.
const showSide = 150

// showViews writes a contact sheet of the image and its views.
func showViews(path string, c *config.DataShow) error {
	spec, _, err := views.Pipeline(c.Aug, c.InputRes, c.Crop)
	if err != nil {
		return cli.Wrong(err)
	}
	n := c.N
	if spec.Kind == views.CenterCrop {
		n = 1 // nothing in it is random
	}
	if c.Modal == "CMC" {
		spec = spec.CMC()
	}
	spec.Exact = c.Decode == "exact"
	img, err := sets.ReadImage(context.Background(), store.Disk{}, path, nil)
	if err != nil {
		return err
	}
	tiles := viz.ViewTiles(img, path, spec, n, c.Seed)
	columns := int(math.Ceil(math.Sqrt(float64(len(tiles)))))
	if err := viz.WriteSheet(c.Out, tiles, columns, min(max(c.InputRes, showSide), 224)); err != nil {
		return err
	}
	fmt.Fprintf(cli.Out, "%d views of %s: %s\n", n, path, c.Out)
	return nil
}
