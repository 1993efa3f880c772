package viz

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"

	"contralens/data/sets"
	"contralens/data/store"
	"contralens/internal/durable"
	"contralens/views"
)

// WriteSheet writes a contact sheet as a PNG file.
func WriteSheet(out string, tiles []Tile, columns, side int) error {
	sheet, err := Sheet(tiles, columns, side)
	if err != nil {
		return err
	}
	return WritePicture(out, sheet)
}

// WritePicture writes a picture as a PNG file.
func WritePicture(out string, m image.Image) error {
	return durable.Write(out, func(w io.Writer) error { return png.Encode(w, m) })
}

// PhotoTile returns the tile of an image file. If the file can't be read, the title says
// so.
func PhotoTile(path, title, caption string) Tile {
	img, err := sets.ReadImage(context.Background(), store.Disk{}, path, nil)
	if err != nil {
		return Tile{Picture: image.NewGray(image.Rect(0, 0, 1, 1)), Title: title + " (unreadable)", Caption: caption}
	}
	return Tile{Picture: img.Picture(), Title: title, Caption: caption}
}

// ViewTiles returns the tile of an image, with its path, and tiles of n views of it. The
// views have their visible colors, even if the network gets transformed ones.
func ViewTiles(img *views.Image, path string, spec views.Spec, n int, seed uint64) []Tile {
	spec.Colors = views.RGB
	tiles := []Tile{{Picture: img.Picture(), Title: fmt.Sprintf("%d x %d", img.W, img.H), Caption: path, Marked: true}}
	var sc views.Scratch
	values := make([]float32, spec.Len())
	for v := range n {
		d := spec.Draw(img.W, img.H, views.NewRand(seed, 1, 0, v))
		spec.Render(values, views.Whole(img), &d, &sc)
		title := fmt.Sprintf("%d: %d x %d", v+1, d.Crop.W, d.Crop.H)
		tiles = append(tiles, Tile{Picture: ViewPicture(values, spec.Shape()), Title: title, Caption: d.String()})
	}
	return tiles
}

// ViewPicture converts a normalized view to a picture. The patches of a jigsaw are in
// their grid, with gaps.
func ViewPicture(values []float32, shape []int) image.Image {
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
