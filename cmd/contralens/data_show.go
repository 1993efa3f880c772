package main

import (
	"fmt"
	"image"
	"math"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data"
	"contralens/views"
	"contralens/viz"
)

func dataShowCommand() *cobra.Command {
	c := config.DefaultDataShow()
	cmd := &cobra.Command{
		Use:   "show IMAGE",
		Short: "Draw views of an image, as a network in training sees it",
		Args:  arguments(1, "1 argument, an image", "data show photo.jpg --aug B -n 16 -o grid.png"),
		Example: `  contralens data show photo.jpg --aug B -n 16 -o grid.png
  contralens data show photo.jpg --aug jigsaw -n 4`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return showViews(args[0], &c)
	}
	return cmd
}

// showSide is the smallest side of a picture on the sheet, with room for words.
const showSide = 150

// showViews writes a contact sheet: the image, then its views.
func showViews(path string, c *config.DataShow) error {
	spec, _, err := views.Pipeline(c.Aug, c.InputRes, c.Crop)
	if err != nil {
		return usageError{err}
	}
	n := c.N
	if spec.Kind == views.CenterCrop {
		n = 1 // nothing in it is random
	}
	if c.Modal == "CMC" {
		spec = spec.CMC()
	}
	spec.Exact = c.Decode == "exact"
	spec.Colors = views.RGB // a picture for people, whatever the network gets
	img, err := data.ReadImage(path)
	if err != nil {
		return err
	}
	tiles := []viz.Tile{{Picture: img.Picture(), Title: fmt.Sprintf("%d x %d", img.W, img.H), Caption: path, Marked: true}}
	var sc views.Scratch
	values := make([]float32, spec.Len())
	for v := range n {
		d := spec.Draw(img.W, img.H, views.NewRand(c.Seed, 1, 0, v))
		spec.Render(values, views.Whole(img), &d, &sc)
		tiles = append(tiles, viz.Tile{Picture: viewPicture(values, spec.Shape()), Title: fmt.Sprintf("%d: %d x %d", v+1, d.Crop.W, d.Crop.H), Caption: d.String()})
	}
	columns := int(math.Ceil(math.Sqrt(float64(len(tiles)))))
	if err := writeSheet(c.Out, tiles, columns, min(max(c.InputRes, showSide), 224)); err != nil {
		return err
	}
	fmt.Printf("%d views of %s: %s\n", n, path, c.Out)
	return nil
}

// viewPicture is a normalized view as a picture; a jigsaw's patches lie in their
// grid, a little apart.
func viewPicture(values []float32, shape []int) image.Image {
	side := shape[len(shape)-1]
	n, columns := 1, 1
	if len(shape) == 4 {
		n, columns = shape[0], 3
	}
	gap := 2 * (columns - 1) / 2
	out := image.NewNRGBA(image.Rect(0, 0, columns*(side+gap)-gap, columns*(side+gap)-gap))
	for i := range n {
		left, top := i%columns*(side+gap), i/columns*(side+gap)
		for y := range side {
			for x := range side {
				at := out.PixOffset(left+x, top+y)
				for c := range 3 {
					v := float64(values[((i*3+c)*side+y)*side+x])*views.RGB.Std[c] + views.RGB.Mean[c]
					out.Pix[at+c] = uint8(min(max(math.Round(v*255), 0), 255))
				}
				out.Pix[at+3] = 255
			}
		}
	}
	return out
}
