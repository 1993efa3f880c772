// Package features computes what an encoder makes of images: its features before the
// projection head. features/table keeps those of many images in a file,
// features/probe those of a fixed set epoch after epoch.
package features

import (
	"context"
	"io"

	"contralens/data"
	"contralens/data/loader"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Options say how features are computed.
type Options struct {
	Size    int // side of the evaluation view in pixels
	Batch   int // images at once; 0: 256
	Workers int // goroutines that load images; 0: one per processor
	First   int // batch that EachBatch begins with, for work that resumes
	BF16    bool
	// Progress, when set, receives how many images of how many are done.
	Progress func(done, total int)
	// Context, when set, ends the work early with its error.
	Context context.Context
}

// Compute maps every image of a dataset, in order and without augmentation, to
// the encoder's features before the projection head: float32 [N, D] in main
// memory, which the caller frees, and labels. Batch norm uses its running
// statistics, which do not change.
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

// EachBatch computes features as Compute does and gives them batch by batch,
// [n, D] on the network's device; features and batch are valid during the call only,
// whose error ends the work.
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
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		torch.NoGrad(func() {
			torch.Scoped(func() {
				x := torch.FromFloat32(b.Samples.Values[0], append([]int{b.N}, spec.Shape()...)...).ToDevice(m.Config.Device)
				err = each(Frozen(m, o.BF16)(x), b)
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

// View is a view as a network wants it: in YDbDr for one of two encoders (CMC).
func View(m *nn.Model, s views.Spec) views.Spec {
	if m.Branches() > 1 {
		return s.CMC()
	}
	return s
}

// Frozen maps images [N, 3, H, W] to the encoder's features, float32 [N, D],
// without gradients and with batch norm's running statistics, which do not
// change.
func Frozen(m *nn.Model, bf16 bool) func(x *torch.Tensor) *torch.Tensor {
	return func(x *torch.Tensor) (f *torch.Tensor) {
		torch.NoGrad(func() { m.Evaluating(func() { f = Trained(m, bf16)(x) }) })
		return f
	}
}

// Trained maps images [N, 3, H, W] to the encoder's features, float32 [N, D],
// with gradients, and batch norm in the mode of the network's stages.
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
