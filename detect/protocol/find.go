package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"contralens/data/codec"
	"contralens/detect"
	objects "contralens/detect/loader"
	"contralens/detect/rcnn"
	"contralens/internal/humanize"
)

// finding are the settings of a test.
type finding struct {
	set            *detect.Set
	short, maxSide int
	batch, workers int
	maxBad         float64
	gray16         string
	note           func(string)
	show           func(line string, due bool) // may be nil
}

// find returns what a detector finds in each image of a set. Unreadable images have nil.
func (d *detector) find(ctx context.Context, f finding) ([][]detect.Detection, error) {
	l, err := objects.New(ctx, objects.Options{
		Set: f.set, BatchSize: max(1, f.batch), Short: []int{f.short}, MaxSide: f.maxSide, Divisor: d.SizeDivisor(),
		Workers: f.workers, MaxBad: f.maxBad, Note: f.note, Pixels: !d.Device().IsCPU(),
		Gray16: codec.Gray16(f.gray16),
	})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	d.Train(false)
	defer d.Train(true)
	all, done, begin := make([][]detect.Detection, len(f.set.Images)), 0, time.Now()
	for {
		b, err := l.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		sizes := make([]rcnn.Size, len(b.Samples))
		for i, s := range b.Samples {
			m := f.set.Images[s.Index]
			sizes[i] = rcnn.Size{Width: m.Width, Height: m.Height}
		}
		var found [][]detect.Detection
		d.autocast(func() { found = d.Detect(b.Batch, sizes) })
		for i, s := range b.Samples {
			if !s.Unreadable {
				all[s.Index] = found[i]
			}
		}
		done += len(b.Samples)
		l.Recycle(b)
		if f.show != nil {
			f.show(fmt.Sprintf("tested %d of %s, %s img/s", done, humanize.Count(len(all), "image"),
				humanize.Number(float64(done)/time.Since(begin).Seconds())), false)
		}
	}
}
