package features

import (
	"context"
	"fmt"
	"io"
	"math"

	"contralens/data"
	"contralens/data/loader"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
)

// Spaces has what a network makes of images in both of its spaces: features of the backbone [N·q, D]
// and embeddings of the head [N·q, d], the q views of an image in a row.
type Spaces struct {
	Backbone, Head []float32
	Dims           [2]int // D and d
}

// ComputeSpaces computes both spaces for copies views of each image of a dataset, which are drawn by
// spec from a seed: the same views in every call. Networks stay as they are, as in Compute. Values that
// are NaN or infinite are an error that names the image.
func ComputeSpaces(
	m *nn.Model, d data.Dataset, spec views.Spec, copies int, seed uint64, o Options,
) (s Spaces, err error) {
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	specs := make([]views.Spec, copies)
	for i := range specs {
		specs[i] = spec
	}
	l := prefetch.New(ctx, prefetch.Options{
		Device: m.Config.Device, Dtype: o.Precision, ViewOptions: loader.ViewOptions{
			Dataset: d, Views: specs, BatchSize: max(1, min(256, d.Len()*copies)/copies), Workers: o.Workers, Seed: seed,
		},
	})
	defer l.Close()
	for {
		b, err := l.Next()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		if err := s.add(m, d, b, copies, o.Precision); err != nil {
			return s, err
		}
		l.Recycle(b)
	}
}

// add appends the outputs of a batch.
func (s *Spaces) add(m *nn.Model, d data.Dataset, b *prefetch.Batch, copies int, precision torch.Dtype) (err error) {
	torch.Scoped(func() {
		all := make([][2][]float32, copies)
		for v := range all {
			features, embeddings := Outputs(m, precision)(b.View(v))
			s.Dims = [2]int{features.Size(1), embeddings.Size(1)}
			all[v] = [2][]float32{features.Float32s(), embeddings.Float32s()}
		}
		for i := range b.N {
			for v := range all {
				row := func(space int) []float32 { return all[v][space][i*s.Dims[space] : (i+1)*s.Dims[space]] }
				if err = finiteRow(row(0), row(1), d.Path(b.Indices[i])); err != nil {
					return
				}
				s.Backbone, s.Head = append(s.Backbone, row(0)...), append(s.Head, row(1)...)
			}
		}
	})
	return err
}

// finiteRow returns an error if an image's features or its embedding are NaN or infinite.
func finiteRow(features, embedding []float32, path string) error {
	for name, values := range map[string][]float32{"features": features, "embedding": embedding} {
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("image %s: want finite %s, but the network gives %v", path, name, v)
			}
		}
	}
	return nil
}

// Outputs returns a function from images [N, 3, H, W] to the encoder's features [N, D] and the head's
// embeddings [N, d], both float32 and without gradients. Batch norm uses its running statistics, which
// do not change.
func Outputs(m *nn.Model, precision torch.Dtype) func(x *torch.Tensor) (features, embeddings *torch.Tensor) {
	return func(x *torch.Tensor) (f, z *torch.Tensor) {
		pass := func() { f, z = m.Outputs(x) }
		torch.NoGrad(func() {
			m.Evaluating(func() {
				if precision.Half() {
					torch.Autocast(m.Config.Device, precision, pass)
				} else {
					pass()
				}
			})
			f, z = f.To(torch.Float32), z.To(torch.Float32)
		})
		return f, z
	}
}
