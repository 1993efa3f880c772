package loader_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/views"
)

// Batches of pixels are the same for any number of workers and of buffers, lie in the
// given buffers, and have the labels, samples and shapes of batches of floats.
func TestLoaderWritesPixelsIntoBuffers(t *testing.T) {
	floats := datatest.Options(2)
	floats.Views = slices.Clone(floats.Views)
	var err error
	if floats.Views[1], err = views.JigsawPreset(64); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, tc := range []struct{ workers, buffers int }{{1, 4}, {3, 2}, {5, 1}, {2, 9}} {
		o := floats
		o.Workers, o.Pixels = tc.workers, datatest.Pixels(o, tc.buffers)
		l := loader.NewViews(t.Context(), o)
		var got []string
		for {
			b, err := l.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			s := b.Samples
			if s.Values != nil || len(s.Pixels) != 2 || len(s.Pixels[0]) != b.N*floats.Views[0].Len() ||
				len(s.Pixels[1]) != b.N*floats.Views[1].Len() {
				t.Fatalf("%d views of %d images, %d values of floats", len(s.Pixels), b.N, len(s.Values))
			}
			if !slices.ContainsFunc(o.Pixels, func(of [][]uint8) bool { return &of[1][0] == &s.Pixels[1][0] }) {
				t.Fatal("pixels outside the given buffers")
			}
			got = append(got, fmt.Sprint(b.N, b.Indices, s.Labels, s.Pixels))
			l.Recycle(b)
		}
		l.Close()
		if want == nil {
			want = got
		}
		if len(got) != 6 || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d workers and %d buffers: other batches than with one worker", tc.workers, tc.buffers)
		}
	}
}

// A loader with few buffers stops until a batch is recycled; Close ends the wait.
func TestLoaderWaitsForBuffers(t *testing.T) {
	o := datatest.Options(2)
	o.Pixels = datatest.Pixels(o, 2)
	l := loader.NewViews(t.Context(), o)
	var held []*loader.ViewBatch
	for range 2 {
		b, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	time.Sleep(5 * time.Millisecond)
	if l.Ready() {
		t.Error("a third batch, with two buffers")
	}
	l.Recycle(held[0])
	if _, err := l.Next(); err != nil {
		t.Error(err)
	}
	l.Close()
}

// Ready becomes true when a batch is complete, at the end of the epoch and when the
// loader stops, and takes no batch away.
func TestLoaderReady(t *testing.T) {
	l := loader.NewViews(t.Context(), datatest.Options(2))
	for i := range l.Batches() {
		for !l.Ready() {
			time.Sleep(time.Millisecond)
		}
		b, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := datatest.Options(2); b.Indices[0] != loader.Shuffled(53, want.Seed, want.Epoch)[10*i] {
			t.Errorf("batch %d is another one", i)
		}
		l.Recycle(b)
	}
	if _, err := l.Next(); !l.Ready() || err != io.EOF {
		t.Errorf("at the end: ready %v, error %v", l.Ready(), err)
	}
	l.Close()
	l = loader.NewViews(t.Context(), datatest.Options(2))
	l.Close()
	if !l.Ready() {
		t.Error("closed, but not ready")
	}
}
