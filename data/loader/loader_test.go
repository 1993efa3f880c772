package loader_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"contralens/data/codec"
	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/views"
)

func TestLoaderIsTheSameForAnyWorkers(t *testing.T) {
	want := datatest.Epoch(t, datatest.Options(1))
	if len(want) != 6 {
		t.Fatalf("%d batches, want 6", len(want))
	}
	for _, j := range []int{2, 5, 16} {
		if got := datatest.Epoch(t, datatest.Options(j)); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d workers give other batches than one", j)
		}
	}
	o := datatest.Options(3)
	o.FirstBatch = 4
	if got := datatest.Epoch(t, o); strings.Join(got, "\n") != strings.Join(want[4:], "\n") {
		t.Error("starting at batch 4 gives other batches")
	}
	o = datatest.Options(3)
	o.DropLast = true
	if got := datatest.Epoch(t, o); len(got) != 5 {
		t.Errorf("%d full batches, want 5", len(got))
	}
	o.Epoch = 4
	if got := datatest.Epoch(t, o); got[0] == want[0] {
		t.Error("another epoch has the same first batch")
	}
}

func TestLoaderStopsEarly(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		l := loader.NewViews(t.Context(), datatest.Options(4))
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l.Close()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines more than before", runtime.NumGoroutine()-before)
}

func TestLoaderNamesABrokenImage(t *testing.T) {
	o := datatest.Options(3)
	o.Dataset = datatest.Generated{N: 53, Bad: 17}
	l := loader.NewViews(t.Context(), o)
	defer l.Close()
	for {
		_, err := l.Next()
		if err == io.EOF {
			t.Fatal("no error")
		}
		if err != nil {
			if !strings.Contains(err.Error(), "image 17") {
				t.Errorf("error %v", err)
			}
			return
		}
	}
}

// waiting is a dataset whose images arrive only when the context ends.
type waiting struct{ datatest.Generated }

func (waiting) Image(ctx context.Context, _ int, _ *views.Image) error {
	<-ctx.Done()
	return ctx.Err()
}

// The end of the context ends the wait for a batch and the reads; so does Close.
func TestLoaderStopsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	o := datatest.Options(3)
	o.Dataset = waiting{datatest.Generated{N: 53, Bad: -1}}
	l := loader.NewViews(ctx, o)
	time.AfterFunc(10*time.Millisecond, stop)
	if _, err := l.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	l.Close()
	loader.NewViews(t.Context(), o).Close()
}

// After the end of the context, Next returns no batch, not even one that is ready.
func TestNoBatchAfterStop(t *testing.T) {
	for range 50 {
		ctx, stop := context.WithCancel(t.Context())
		l := loader.NewViews(ctx, datatest.Options(2))
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // the next batches are made meanwhile
		stop()
		if _, err := l.Next(); err != context.Canceled {
			t.Fatalf("error %v, want that of the context", err)
		}
		l.Close()
	}
}

// stopping is a dataset that ends the context and reports what a store does then.
type stopping struct {
	datatest.Generated
	stop context.CancelFunc
}

func (s stopping) Image(ctx context.Context, _ int, _ *views.Image) error {
	s.stop()
	return codec.NotAnImage("x.jpg", ctx.Err())
}

// An image that is not read because the context ended is not called broken.
func TestStopIsNotABrokenImage(t *testing.T) {
	for range 500 {
		ctx, stop := context.WithCancel(t.Context())
		o := datatest.Options(1)
		o.BatchSize = 1 // complete with its first error
		o.Dataset = stopping{datatest.Generated{N: 53, Bad: -1}, stop}
		l := loader.NewViews(ctx, o)
		if _, err := l.Next(); err != context.Canceled {
			t.Fatalf("error %v, want that of the context", err)
		}
		l.Close()
	}
}

// The end of the context during the last step does not keep the epoch from being
// complete.
func TestEndOfEpochAfterStop(t *testing.T) {
	for range 50 {
		ctx, stop := context.WithCancel(t.Context())
		l := loader.NewViews(ctx, datatest.Options(2))
		for range l.Batches() {
			b, err := l.Next()
			if err != nil {
				t.Fatal(err)
			}
			l.Recycle(b)
		}
		stop()
		if _, err := l.Next(); err != io.EOF {
			t.Fatalf("error %v, want io.EOF", err)
		}
		l.Close()
	}
}
