package setup

import (
	"context"
	"fmt"
	"hash/fnv"
	"path"
	"path/filepath"

	"contralens/data"
	"contralens/scores/record"
	"contralens/views"
)

const (
	sampledNames  = 4096
	sampledImages = 8
)

// SampleOf returns what tells a dataset from another one of the same size: names of at most 4,096 images, and
// sizes and mean levels of eight.
func SampleOf(ctx context.Context, d data.Dataset) record.Sample {
	n := d.Len()
	names := fnv.New64a()
	for k := range min(n, sampledNames) {
		name := filepath.ToSlash(d.Path(k * n / min(n, sampledNames)))
		fmt.Fprintln(names, path.Base(path.Dir(name)), path.Base(name))
	}
	s := record.Sample{Names: fmt.Sprintf("%016x", names.Sum64())}
	var m views.Image
	for k := range min(n, sampledImages) {
		var one [3]float64
		if err := d.Image(ctx, k*n/min(n, sampledImages), &m); err == nil && len(m.Pix) > 0 {
			sum := 0
			for _, v := range m.Pix {
				sum += int(v)
			}
			one = [3]float64{float64(m.W), float64(m.H), float64(sum*100/len(m.Pix)) / 100}
		}
		s.Images = append(s.Images, one)
	}
	return s
}

// Sample returns the sample of the images.
func (r *Replay) Sample(ctx context.Context) record.Sample { return SampleOf(ctx, r.images) }
