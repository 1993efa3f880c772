package loader_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"contralens/data/datatest"
	"contralens/data/loader"
)

// BenchmarkPixels loads two views of photos as floats and as pixels, in turn, and reports
// the speed of the latter in units of the former.
func BenchmarkPixels(b *testing.B) {
	o := loader.ViewOptions{Dataset: photos(b, 300), BatchSize: 20, Views: specs(224, false)[:2], Shuffle: true}
	pixels := o
	pixels.Pixels = datatest.Pixels(o, 4)
	epoch := func(o loader.ViewOptions) time.Duration {
		start := time.Now()
		l := loader.NewViews(b.Context(), o)
		defer l.Close()
		for {
			batch, err := l.Next()
			if err == io.EOF {
				return time.Since(start)
			}
			if err != nil {
				b.Fatal(err)
			}
			l.Recycle(batch)
		}
	}
	epoch(o) // files are in memory afterwards
	var ratios []float64
	for b.Loop() {
		floats, first := epoch(o), epoch(pixels)
		second, back := epoch(pixels), epoch(o)
		ratios = append(ratios, float64(floats+back)/float64(first+second))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "pixels/floats")
}
