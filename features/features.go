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
	"contralens/torch"
	"contralens/views"
)

// Options describe how features are computed.
type Options struct {
	Size    int // side of the evaluation view in pixels
	Batch   int // images per batch; 0: 256
	Workers int // goroutines that load images; 0: one per processor
	First   int // index of the first batch of EachBatch, to resume
	BF16    bool
	// Progress, if set, receives the number of images that are done.
	Progress func(done, total int)
	// Context, if set, stops the work when it ends; the error is the context's.
	Context context.Context
}

// Compute computes the features of every image of a dataset, in order and without
// augmentation. It returns them as float32 [N, D] in main memory, which the caller
// frees, and the labels. Batch norm uses its running statistics, which do not change.
// Call it inside torch.Run.
func Compute(m *nn.Model, d data.Dataset, o Options) (features *torch.Tensor, labels []int64, err error) {
	torch.Scoped(func() {
		features = torch.Zeros([]int{d.Len(), m.FeatureDim()})
		err = EachBatch(m, d, o, func(f *torch.Tensor, b *loader.ViewBatch) error {
			features.Narrow(0, len(labels), b.N).Copy_(f)
			labels = append(labels, b.Samples.Labels...)
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
// [n, D] on the network's device. The features and the batch are valid during the call
// only. An error of the call stops the work, as do features that are NaN or infinite.
func EachBatch(
	m *nn.Model, d data.Dataset, o Options, each func(features *torch.Tensor, b *loader.ViewBatch) error,
) error {
	if o.Batch == 0 {
		o.Batch = 256
	}
	spec := View(m, views.Evaluation(o.Size))
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	l := loader.NewViews(ctx, loader.ViewOptions{
		Dataset: d, Views: []views.Spec{spec}, BatchSize: o.Batch, Workers: o.Workers, FirstBatch: o.First,
	})
	defer l.Close()
	for done := min(o.First*o.Batch, d.Len()); ; {
		b, err := l.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		torch.NoGrad(func() {
			torch.Scoped(func() {
				x := torch.FromFloat32(b.Samples.Values[0], append([]int{b.N}, spec.Shape()...)...).ToDevice(m.Config.Device)
				f := Frozen(m, o.BF16)(x)
				if err = finite(f, func(row int) string { return d.Path(b.Indices[row]) }); err == nil {
					err = each(f, b)
				}
			})
		})
		if err != nil {
			return err
		}
		done += b.N
		l.Recycle(b)
		if o.Progress != nil {
			o.Progress(done, d.Len())
		}
	}
}

// finite returns an error that names the first image whose row of features f [n, D] is NaN
// or infinite.
func finite(f *torch.Tensor, path func(row int) string) error {
	if torch.AllFinite([]*torch.Tensor{f}) {
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
func Frozen(m *nn.Model, bf16 bool) func(x *torch.Tensor) *torch.Tensor {
	return func(x *torch.Tensor) (f *torch.Tensor) {
		torch.NoGrad(func() { m.Evaluating(func() { f = Trained(m, bf16)(x) }) })
		return f
	}
}

// Trained returns a function from images [N, 3, H, W] to the encoder's features,
// float32 [N, D], with gradients. Batch norm is in the mode of the network's stages.
func Trained(m *nn.Model, bf16 bool) func(x *torch.Tensor) *torch.Tensor {
	return func(x *torch.Tensor) *torch.Tensor {
		if !bf16 {
			return m.Features(x)
		}
		return torch.Scoped1(func() (f *torch.Tensor) {
			torch.Autocast(m.Config.Device, torch.BFloat16, func() { f = m.Features(x) })
			return f.To(torch.Float32)
		})
	}
}
