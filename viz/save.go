package viz

import (
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"contralens/internal/durable"
	"contralens/internal/option"
)

// Formats are the file formats of figures.
var Formats = []string{"png", "svg", "pdf"}

// figure is a picture that can be drawn on any canvas.
type figure struct {
	name          string
	width, height vg.Length
	paint         func(c draw.Canvas) error
}

// save writes a figure to dir in each of the formats, which must have passed checkFormats,
// and returns the paths.
func save(dir string, f figure, formats []string, dpi int) ([]string, error) {
	var files []string
	for _, format := range formats {
		var canvas vg.CanvasSizer
		var from io.WriterTo
		switch format {
		case "png":
			img := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dpi))
			canvas, from = img, densePNG{img, dpi}
		case "svg":
			svg := vgsvg.New(f.width, f.height)
			canvas, from = svg, titled{svg, f.name}
		case "pdf":
			pdf := vgpdf.New(f.width, f.height)
			canvas, from = &outlined{Canvas: pdf}, pdf
		}
		c := draw.New(canvas)
		c.SetColor(color.White)
		c.Fill(c.Rectangle.Path())
		margin := vg.Points(6)
		if err := f.paint(draw.Crop(c, margin, -margin, margin, -margin)); err != nil {
			return files, fmt.Errorf("%s: %w", f.name, err)
		}
		path := filepath.Join(dir, f.name+"."+format)
		if err := write(path, from); err != nil {
			return files, err
		}
		files = append(files, path)
	}
	return files, nil
}

func write(path string, from io.WriterTo) error {
	return durable.Write(path, func(w io.Writer) error {
		_, err := from.WriteTo(w)
		return err
	})
}

// checkFormats returns an error if a format is not one of Formats.
func checkFormats(formats []string) error {
	for _, f := range formats {
		if !slices.Contains(Formats, f) {
			return option.Text("format", strings.Join(Formats, ", "), f)
		}
	}
	return nil
}
