package trial

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"contralens/data"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/internal/durable"
	"contralens/views"
)

// prepare writes the images of all trials as folders below dir, unless they are there: at most train and
// test images of the splits.
func prepare(ctx context.Context, dir string, p data.Splits, train, test int, seed uint64) error {
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return fmt.Errorf("%s: want a folder that can be written: %w", dir, err)
	}
	offset := int(seed) * 7919 // other images for other seeds
	for name, w := range map[string]writer{
		plain:  {change: func(v uint8) uint8 { return v }},
		dark:   {change: func(v uint8) uint8 { return uint8(int(v) / 255) }},
		copies: {change: func(v uint8) uint8 { return v }, each: 10},
	} {
		w.dir = filepath.Join(dir, name)
		if err := w.split(ctx, "train", p.Train, train, offset); err != nil {
			return err
		}
		w.each = 1
		if err := w.split(ctx, "test", p.Test, test, offset); err != nil {
			return err
		}
	}
	folder, err := sets.Open(ctx, sets.Options{Name: "folder", Folder: filepath.Join(dir, plain), Test: sets.TestIfSound})
	if err != nil {
		return err
	}
	o := pack.Options{Quality: 95, ShardBytes: 100 << 10, Workers: 1}
	_, err = pack.Write(ctx, filepath.Join(dir, packed), folder, o)
	if err != nil {
		return err
	}
	return durable.Write(done, func(io.Writer) error { return nil })
}

// writer writes images into class folders.
type writer struct {
	dir    string
	change func(v uint8) uint8
	each   int // copies of an image
}

// split writes n images of a split, evenly spaced from an offset on.
func (w writer) split(ctx context.Context, split string, d data.Dataset, n, offset int) error {
	var img views.Image
	n, each := min(n, d.Len()), max(1, w.each)
	for i := range n {
		at := ((i/each)*each*d.Len()/n + offset) % d.Len()
		if err := d.Image(ctx, at, &img); err != nil {
			return fmt.Errorf("image %s: %w", d.Path(at), err)
		}
		out := image.NewNRGBA(image.Rect(0, 0, img.W, img.H))
		for j := range img.W * img.H {
			p := img.Pix[3*j:]
			out.Set(j%img.W, j/img.W, color.NRGBA{w.change(p[0]), w.change(p[1]), w.change(p[2]), 255})
		}
		path := filepath.Join(w.dir, split, fmt.Sprintf("%03d", d.Label(at)), fmt.Sprintf("%06d.png", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := durable.Write(path, func(f io.Writer) error { return png.Encode(f, out) }); err != nil {
			return err
		}
	}
	return nil
}
