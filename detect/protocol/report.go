package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"contralens/data/codec"
	"contralens/detect"
	"contralens/detect/draw"
	"contralens/detect/score"
	"contralens/internal/durable"
	"contralens/internal/humanize"
	"contralens/viz"
)

// Names of the files that a test writes, besides foundFile and VOC's.
const (
	tableFile  = "result.txt"
	missesFile = "misses.png"
)

// missSide is the side of a picture on the sheet of misses, in pixels.
const missSide = 400

// write writes the files of a test: detections, the table, the curves, and the worst misses.
func (e *evaluation) write(ctx context.Context, found [][]detect.Detection, j *judgment) error {
	out := e.c.Out
	if out == "" {
		return nil
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("--out %s: want a folder that can be created, but %w", out, err)
	}
	if err := writeFound(out, e.set, found); err != nil {
		return err
	}
	if e.set.Format == detect.VOC {
		if err := score.WriteVOC(out, e.set, found); err != nil {
			return err
		}
	}
	text := strings.Join(j.lines(), "\n") + "\n"
	err := durable.Write(filepath.Join(out, tableFile), func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return err
	}
	if err := writeCurves(out, "boxes", j.boxes); err != nil {
		return err
	}
	if err := writeCurves(out, "masks", j.masks); err != nil {
		return err
	}
	if err := e.sheet(ctx, filepath.Join(out, missesFile), found); err != nil {
		return err
	}
	e.Progress.Print("files: %s", out)
	return nil
}

// writeCurves draws the precision over the recall of each class, a picture for each threshold.
func writeCurves(out, what string, r *score.Result) error {
	if r == nil {
		return nil
	}
	byIoU := map[float64][]viz.PrecisionCurve{}
	for _, c := range r.Curves {
		byIoU[c.IoU] = append(byIoU[c.IoU], viz.PrecisionCurve{Label: c.Class, Recall: c.Recall, Precision: c.Precision})
	}
	for iou, curves := range byIoU {
		name := fmt.Sprintf("precision_%s_%.0f.png", what, 100*iou)
		title := fmt.Sprintf("Precision of %s at IoU %.2f", what, iou)
		if err := viz.WritePrecision(filepath.Join(out, name), title, curves); err != nil {
			return err
		}
	}
	return nil
}

// sheet draws the images with the most misses, with their objects and what was found.
func (e *evaluation) sheet(ctx context.Context, path string, found [][]detect.Detection) error {
	worst := misses(e.set, found, e.c.MinScore)
	if worst = worst[:min(len(worst), e.c.Misses)]; len(worst) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // the sheet of an earlier test
			return err
		}
		return nil
	}
	decoder := &codec.Decoder{Gray16: codec.Gray16(e.c.Gray16)}
	var tiles []viz.Tile
	for _, m := range worst {
		image := e.set.Images[m.index]
		title := fmt.Sprintf("%d of %s missed, %d wrong", m.missed, humanize.Count(m.total, "object"), m.wrong)
		img, err := read(ctx, image.Path, decoder)
		if ctx.Err() != nil {
			return ctx.Err() // the photo itself may be fine
		}
		if err != nil {
			tiles = append(tiles, viz.PhotoTile(image.Path, title, image.ID))
			continue
		}
		marks := append(draw.Truth(&image), draw.Found(found[m.index], e.set.Classes, float32(e.c.MinScore))...)
		picture, err := draw.Picture(img, marks, missSide)
		if err != nil {
			return err
		}
		tiles = append(tiles, viz.Tile{Picture: picture, Title: title, Caption: image.ID})
	}
	return viz.WriteSheet(path, tiles, min(4, len(tiles)), missSide)
}
