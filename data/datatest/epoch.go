package datatest

import (
	"fmt"
	"io"
	"testing"

	"contralens/data/loader"
	"contralens/views"
)

// Options are options to load views of a generated dataset.
func Options(workers int) loader.ViewOptions {
	spec, _ := views.Preset("B", 6, 0.2)
	return loader.ViewOptions{
		Dataset: Generated{N: 53, Bad: -1}, Views: []views.Spec{spec, spec}, BatchSize: 10, Workers: workers,
		Seed: 4, Epoch: 3, Shuffle: true,
	}
}

// Epoch returns the batches of an epoch as text.
func Epoch(t *testing.T, o loader.ViewOptions) []string {
	t.Helper()
	l := loader.NewViews(t.Context(), o)
	defer l.Close()
	var out []string
	for {
		b, err := l.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(b.N, b.Indices, b.Samples.Labels, b.Samples.Values, b.Samples.Pixels))
		l.Recycle(b)
	}
}

// Pixels returns memory for the given number of batches of 8-bit views; see
// loader.ViewOptions.
func Pixels(o loader.ViewOptions, batches int) [][][]uint8 {
	all := make([][][]uint8, batches)
	for i := range all {
		for _, v := range o.Views {
			all[i] = append(all[i], make([]uint8, o.BatchSize*v.Len()))
		}
	}
	return all
}
