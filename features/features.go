// Package features computes the features of images: the output of an encoder before its
// projection head. Compute returns those of a whole dataset, EachBatch one batch at a
// time, and Embed those of one image.
//
// Package table stores the features of many images in a file and searches it. Package
// probe stores those of a fixed set of images after every epoch.
package features

import (
	"context"
	"fmt"
	"io"
	"math"

	"contralens/data"
	"contralens/data/loader"
	"contralens/nn"
	"contralens/peers"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
)

// Options describe how features are computed.
type Options struct {
	Size    int // side of the evaluation view in pixels
	Batch   int // images per batch; 0: 256
	Workers int // goroutines that load images; 0: one per processor
	First   int // index of the first batch of EachBatch, to resume
	// Precision of the network: BFloat16, Float16, or Float32, also as the zero value.
	Precision torch.Dtype
	// Progress, if set, receives the number of images that are done.
	Progress func(done, total int)
	// Context, if set, stops the work when it ends; the error is the context's.
	Context context.Context
	// Missing, if set, reports whether an image that was loaded turned out to have no features: its
	// row becomes NaN.
	Missing func(i int) bool
	// Peers are the processes that share the work. All get all features.
	Peers *peers.Peers
}

// Compute computes the features of every image of a dataset, in order and without
// augmentation. It returns them as float32 [N, D] in main memory, which the caller
// frees, and the labels. Batch norm uses its running statistics, which do not change.
// Call it inside torch.Run.
func Compute(m *nn.Model, d data.Dataset, o Options) (features *torch.Tensor, labels []int64, err error) {
	torch.Scoped(func() {
		features = torch.Zeros([]int{d.Len(), m.FeatureDim()})
		err = EachBatch(m, d, o, func(f *torch.Tensor, b *prefetch.Batch) error {
			features.Narrow(0, len(labels), b.N).Copy_(f)
			labels = append(labels, b.Labels...)
			return nil
		})
		features.Keep()
	})
	if err != nil {
		features.Free()
		return nil, nil, err
	}
	return features, labels, nil
}

// EachBatch computes features as Compute does and calls use with each batch of them,
// [n, D] on the network's device. Several processes share the batches, and every one of them
// calls use with all, in order. The features and the batch are valid during the call
// only. An error of the call stops the work, as do features that are NaN or infinite.
func EachBatch(
	m *nn.Model, d data.Dataset, o Options, each func(features *torch.Tensor, b *prefetch.Batch) error,
) error {
	if o.Batch == 0 {
		o.Batch = 256
	}
	if !o.Peers.One() {
		return eachTogether(m, d, o, each)
	}
	spec := View(m, views.Evaluation(o.Size))
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	l := prefetch.New(ctx, prefetch.Options{
		Device: m.Config.Device, Dtype: o.Precision, ViewOptions: loader.ViewOptions{
			Dataset: d, Views: []views.Spec{spec}, BatchSize: o.Batch, Workers: o.Workers, FirstBatch: o.First,
		},
	})
	defer l.Close()
	done := min(o.First*o.Batch, d.Len())
	var launched []*computed // oldest first
	defer func() {
		for _, c := range launched {
			c.free()
		}
	}()
	finish := func(most int) error { // uses features until at most most batches are left
		for len(launched) > most {
			c := launched[0]
			if err := c.use(d, o.Missing, each); err != nil {
				return err
			}
			c.free()
			launched, done = launched[1:], done+c.batch.N
			if o.Progress != nil {
				o.Progress(done, d.Len())
			}
		}
		return nil
	}
	for {
		b, err := l.Next()
		if err != nil {
			if err := finish(0); err != nil {
				return err
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		launched = append(launched, compute(m, b, o.Precision))
		l.Recycle(b)
		if err := finish(behind(m.Config.Device)); err != nil {
			return err
		}
	}
}

// behind is the number of batches that a device computes while the host uses the features
// of the one before. Tests replace it.
var behind = func(d torch.Device) int {
	if d.IsCPU() {
		return 0
	}
	return 1
}

// computed are the features of a batch, on a GPU once it has computed them.
type computed struct {
	batch    *prefetch.Batch
	features *torch.Tensor
	readback *torch.Readback
	sum      float64 // of the features
}

// compute launches the work on a batch.
func compute(m *nn.Model, b *prefetch.Batch, precision torch.Dtype) *computed {
	c := &computed{batch: b, readback: torch.NewReadback(m.Config.Device)}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			c.features = Frozen(m, precision)(b.View(0)).Keep()
			c.readback.Values(c.features.Sum(), func(v []float64) { c.sum = v[0] })
		})
	})
	c.readback.Start()
	return c
}

// use calls each with the features, if they are finite.
func (c *computed) use(
	d data.Dataset, missing func(int) bool, each func(*torch.Tensor, *prefetch.Batch) error,
) (err error) {
	c.readback.Wait()
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if err = finite(c.features, c.sum, func(row int) string { return d.Path(c.batch.Indices[row]) }); err == nil {
				omit(c.features, c.batch.Indices, missing)
				err = each(c.features, c.batch)
			}
		})
	})
	return err
}

// omit makes the rows of missing images NaN.
func omit(features *torch.Tensor, indices []int, missing func(i int) bool) {
	for row, i := range indices {
		if missing != nil && missing(i) {
			features.Narrow(0, row, 1).Fill_(math.NaN())
		}
	}
}

func (c *computed) free() {
	c.features.Free()
	c.readback.Free()
}

// finite returns an error that names the first image whose row of features f [n, D] is NaN
// or infinite. sum is their sum, which such a value makes NaN or infinite.
func finite(f *torch.Tensor, sum float64, path func(row int) string) error {
	if !math.IsNaN(sum) && !math.IsInf(sum, 0) {
		return nil
	}
	dim := f.Shape()[1]
	for i, v := range f.Float32s() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("image %s: want finite features, but the network gives %v (first in feature %d): its weights are "+
				"too large, or running variances of its batch norm are below 0; use an earlier checkpoint", path(i/dim), v, i%dim)
		}
	}
	return nil // a sum that overflows
}

// View converts a view to the network's colors: YDbDr for the two encoders of CMC.
func View(m *nn.Model, s views.Spec) views.Spec {
	if m.Branches() > 1 {
		return s.CMC()
	}
	return s
}

// Frozen returns a function from images [N, 3, H, W] to the encoder's features, float32
// [N, D], without gradients. Batch norm uses its running statistics, which do not
// change.
func Frozen(m *nn.Model, precision torch.Dtype) func(x *torch.Tensor) *torch.Tensor {
	return func(x *torch.Tensor) (f *torch.Tensor) {
		torch.NoGrad(func() { m.Evaluating(func() { f = Trained(m, precision)(x) }) })
		return f
	}
}

// Trained returns a function from images [N, 3, H, W] to the encoder's features,
// float32 [N, D], with gradients. Batch norm is in the mode of the network's stages.
func Trained(m *nn.Model, precision torch.Dtype) func(x *torch.Tensor) *torch.Tensor {
	return func(x *torch.Tensor) *torch.Tensor {
		if !precision.Half() {
			return m.Features(x)
		}
		return torch.Scoped1(func() (f *torch.Tensor) {
			torch.Autocast(m.Config.Device, precision, func() { f = m.Features(x) })
			return f.To(torch.Float32)
		})
	}
}
