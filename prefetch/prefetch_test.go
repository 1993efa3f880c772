package prefetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/internal/tensortest"
	"contralens/torch"
	"contralens/views"
)

// batch is what a test compares of a batch.
type batch struct {
	indices []int
	labels  []int64
	shapes  string
	values  [][]float32
}

// epoch returns all batches of an epoch. hold, if set, keeps a few batches in use until
// Next is called again.
func epoch(t *testing.T, o Options, hold bool) (all []batch) {
	t.Helper()
	tensortest.Run(t, func() {
		l := New(t.Context(), o)
		defer l.Close()
		for {
			b, err := l.Next()
			if err == io.EOF {
				if len(all) != l.Batches()-o.FirstBatch {
					t.Errorf("%d batches of %d", len(all), l.Batches())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			torch.Scoped(func() {
				one := batch{indices: b.Indices, labels: b.Labels}
				for v := range o.Views {
					x := b.View(v)
					if x.Device() != o.Device {
						t.Errorf("a view on %v, want %v", x.Device(), o.Device)
					}
					one.shapes += fmt.Sprint(x)
					one.values = append(one.values, x.Float32s())
				}
				all = append(all, one)
			})
			if !hold {
				l.Recycle(b)
			}
		}
	})
	return all
}

func same(t *testing.T, what string, got, want []batch) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d batches, want %d", what, len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if !slices.Equal(g.indices, w.indices) || !slices.Equal(g.labels, w.labels) || g.shapes != w.shapes {
			t.Errorf("%s, batch %d: %v %v %s, want %v %v %s", what, i, g.indices, g.labels, g.shapes, w.indices, w.labels, w.shapes)
		}
		for v := range w.values {
			if !slices.Equal(g.values[v], w.values[v]) {
				t.Errorf("%s, batch %d: other values in view %d", what, i, v)
			}
		}
	}
}

// Pixels that become floats on the device are the floats of the CPU's way, bit for bit:
// for every augmentation, with the colors of CMC, on the plain path, with short batches,
// and when an epoch starts in its middle.
func TestPixelsBecomeTheSameFloats(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		for _, name := range []string{"A", "B", "C", "D", "E", "NULL", "RA", "eval", "jigsaw"} {
			for _, cmc := range []bool{false, true} {
				for _, exact := range []bool{false, true} {
					spec, n, err := views.Pipeline(name, 64, 0.2)
					if err != nil {
						t.Fatal(err)
					}
					if cmc {
						spec = spec.CMC()
					}
					spec.Exact = exact
					o := Options{ViewOptions: loader.ViewOptions{
						Dataset: datatest.Generated{N: 13, Bad: -1}, Views: slices.Repeat([]views.Spec{spec}, n),
						BatchSize: 4, Workers: 2, Seed: 7, Epoch: 2, Shuffle: true, FirstBatch: len(name) % 2,
					}}
					what := fmt.Sprintf("%s, CMC %v, exact %v", name, cmc, exact)
					want := epoch(t, o, false)
					o.Device, o.asOnGPU = d, true
					same(t, what, epoch(t, o, exact), want)
				}
			}
		}
	})
}

// A network that computes in bfloat16 gets the values that it would round to itself.
func TestHalfPrecision(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		o := Options{ViewOptions: datatest.Options(2)}
		want := epoch(t, o, false)
		o.Device, o.Dtype, o.asOnGPU = d, torch.BFloat16, true
		got := epoch(t, o, false)
		tensortest.Run(t, func() {
			for i := range want {
				for v, values := range want[i].values {
					rounded := torch.FromFloat32(values, len(values)).To(torch.BFloat16).Float32s()
					if !slices.Equal(got[i].values[v], rounded) {
						t.Errorf("batch %d, view %d: other values", i, v)
					}
				}
				if !strings.Contains(got[i].shapes, "bfloat16") {
					t.Errorf("views %s, want bfloat16", got[i].shapes)
				}
			}
		})
	})
}

// Views of pixels lie in memory in the order that convolutions of a GPU prefer.
func TestChannelsLast(t *testing.T) {
	tensortest.Run(t, func() {
		o := Options{ViewOptions: datatest.Options(2), asOnGPU: true}
		l := New(t.Context(), o)
		defer l.Close()
		b, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		x := b.View(0)
		if !x.Contiguous(torch.ChannelsLast).SharesMemory(x) {
			t.Error("channels do not lie next to each other")
		}
	})
}

// Next launches the copy of the following batch, if that is loaded, before the step on the
// batch that it returns.
func TestOneBatchAhead(t *testing.T) {
	tensortest.Run(t, func() {
		l := New(t.Context(), Options{ViewOptions: datatest.Options(2), asOnGPU: true})
		defer l.Close()
		l.fetch()
		order := loader.Shuffled(53, 4, 3)
		for i := range l.Batches() - 1 {
			for !l.images.Ready() {
				time.Sleep(time.Millisecond)
			}
			if _, err := l.Next(); err != nil {
				t.Fatal(err)
			}
			if l.ahead == nil || l.ahead.Indices[0] != order[10*(i+1)] {
				t.Fatalf("batch %d: the copy of the next one is not launched", i)
			}
		}
	})
}

// An error of a batch is returned in its turn, after the batches before it.
func TestErrorInItsTurn(t *testing.T) {
	for _, asOnGPU := range []bool{false, true} {
		tensortest.Run(t, func() {
			o := Options{ViewOptions: datatest.Options(2), asOnGPU: asOnGPU}
			o.Shuffle, o.Dataset = false, datatest.Generated{N: 53, Bad: 27}
			l := New(t.Context(), o)
			defer l.Close()
			for i := range 3 {
				b, err := l.Next()
				if i == 2 {
					if err == nil || !strings.Contains(err.Error(), "image 27") {
						t.Errorf("error %v, want one that names image 27", err)
					}
					return
				}
				if err != nil || b.Indices[0] != 10*i {
					t.Fatalf("batch %d: %v", i, err)
				}
			}
		})
	}
}

// After the end of the context, Next returns its error, even if a batch has arrived; but
// the end of the epoch stays the end of the epoch.
func TestStops(t *testing.T) {
	for _, asOnGPU := range []bool{false, true} {
		tensortest.Run(t, func() {
			for _, batches := range []int{1, 6} {
				ctx, stop := context.WithCancel(t.Context())
				l := New(ctx, Options{ViewOptions: datatest.Options(2), asOnGPU: asOnGPU})
				for range batches {
					if _, err := l.Next(); err != nil {
						t.Fatal(err)
					}
				}
				stop()
				want := context.Canceled
				if batches == 6 {
					want = io.EOF
				}
				if _, err := l.Next(); !errors.Is(err, want) {
					t.Errorf("after %d batches: %v, want %v", batches, err, want)
				}
				l.Close()
				l.Close()
			}
		})
	}
}
