package features

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
)

// gradients is a dataset of n images that differ in their slope.
type gradients int

func (gradients) Name() string      { return "gradients" }
func (gradients) Classes() []string { return []string{"even", "odd"} }
func (gradients) Label(i int) int   { return i % 2 }
func (gradients) Path(i int) string { return fmt.Sprint("picture ", i) }
func (g gradients) Len() int        { return int(g) }

func (gradients) Image(_ context.Context, i int, dst *views.Image) error {
	dst.Resize(12, 12)
	for p := range dst.Pix {
		dst.Pix[p] = uint8(p * (i + 1) % 251)
	}
	return nil
}

func inside(t *testing.T, f func(m *nn.Model)) {
	t.Helper()
	if err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 4}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		torch.Scoped(func() { f(m) })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// The features of an image do not depend on the other images of its batch: for any
// batch size, they are those that Embed computes.
func TestCompute(t *testing.T) {
	inside(t, func(m *nn.Model) {
		d := gradients(7)
		for _, batch := range []int{1, 3, 0} {
			o := Options{Size: 12, Batch: batch, Workers: 2}
			var progress []int
			o.Progress = func(done, total int) { progress = append(progress, done, total) }
			f, labels, err := Compute(m, d, o)
			if err != nil {
				t.Fatal(err)
			}
			dim := m.FeatureDim()
			all := f.Float32s()
			if shape := f.Shape(); len(shape) != 2 || shape[0] != 7 || shape[1] != dim || len(labels) != 7 || labels[3] != 1 {
				t.Fatalf("features %v, labels %v", shape, labels)
			}
			if n := len(progress); n < 2 || progress[n-2] != 7 || progress[n-1] != 7 {
				t.Errorf("batch %d: progress %v", batch, progress)
			}
			for i := range d.Len() {
				var img views.Image
				d.Image(context.Background(), i, &img)
				alone, err := Embed(m, &img, o)
				if err != nil {
					t.Fatal(err)
				}
				golden.Near(t, fmt.Sprintf("batch %d, image %d", batch, i), all[i*dim:(i+1)*dim], alone, 1e-5)
			}
			f.Free()
		}
	})
}

// Features that are not finite are an error that names the first image with them.
func TestNotFinite(t *testing.T) {
	inside(t, func(m *nn.Model) {
		for _, e := range m.State {
			if e.Name == "encoder.bn1.running_var" {
				torch.NoGrad(func() { e.Tensor.Copy_(torch.FromFloat32([]float32{-1, -1, -1, -1}, 4)) })
			}
		}
		_, _, err := Compute(m, gradients(3), Options{Size: 12})
		if err == nil || !strings.Contains(err.Error(), "image picture 0: want finite features, but the network gives NaN") {
			t.Errorf("error %v", err)
		}
		var img views.Image
		gradients(3).Image(context.Background(), 1, &img)
		if f, err := Embed(m, &img, Options{Size: 12}); err == nil {
			t.Errorf("features %v", f)
		}
	})
}

// On a GPU, features are used while the next batch is computed: the same features in the
// same order, and the same errors.
func TestEachBatchBehind(t *testing.T) {
	inside(t, func(m *nn.Model) {
		want, _, err := Compute(m, gradients(7), Options{Size: 12, Batch: 3})
		if err != nil {
			t.Fatal(err)
		}
		defer want.Free()
		before := behind
		behind = func(torch.Device) int { return 1 }
		defer func() { behind = before }()
		var dones []int
		got, labels, err := Compute(m, gradients(7), Options{Size: 12, Batch: 3, Progress: func(done, _ int) { dones = append(dones, done) }})
		if err != nil {
			t.Fatal(err)
		}
		defer got.Free()
		if !slices.Equal(got.Float32s(), want.Float32s()) || len(labels) != 7 || fmt.Sprint(dones) != "[3 6 7]" {
			t.Errorf("other features, labels %v, progress %v", labels, dones)
		}
		broken := errors.New("broken")
		calls := 0
		err = EachBatch(m, gradients(7), Options{Size: 12, Batch: 3}, func(*torch.Tensor, *prefetch.Batch) error { calls++; return broken })
		if !errors.Is(err, broken) || calls != 1 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	})
}

// Work can resume at any batch. The end of the context and an error of the call stop
// it.
func TestEachBatch(t *testing.T) {
	inside(t, func(m *nn.Model) {
		var indices []int
		err := EachBatch(m, gradients(7), Options{Size: 12, Batch: 3, First: 1}, func(_ *torch.Tensor, b *prefetch.Batch) error {
			indices = append(indices, b.Indices...)
			return nil
		})
		if err != nil || fmt.Sprint(indices) != "[3 4 5 6]" {
			t.Errorf("from the second batch on: %v, %v", indices, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		batches := 0
		err = EachBatch(m, gradients(7), Options{Size: 12, Batch: 3, Context: ctx}, func(*torch.Tensor, *prefetch.Batch) error {
			batches++
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || batches != 1 {
			t.Errorf("canceled: %v after %d batches", err, batches)
		}
		broken := errors.New("broken")
		if _, _, err := Compute(m, gradients(3), Options{Size: 12, Context: ctx}); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled before: %v", err)
		}
		if err := EachBatch(m, gradients(3), Options{Size: 12}, func(*torch.Tensor, *prefetch.Batch) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}
