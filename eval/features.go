// Package eval judges an encoder by what simple classifiers make of its
// features.
package eval

import (
	"io"

	"contralens/data"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Options say how features are computed.
type Options struct {
	Size    int // side of the evaluation view in pixels
	Batch   int // images at once; 0: 256
	Workers int // goroutines that load images; 0: one a processor
	BF16    bool
	// Progress, when set, is told how many images of how many are done.
	Progress func(done, total int)
}

// Features maps every image of a dataset, in order and without augmentation, to
// the encoder's features before the projection head: float32 [N, D] in main
// memory, which the caller frees, and labels. Batch norm uses its running
// statistics, which do not change.
func Features(m *nn.Model, d data.Dataset, o Options) (features *torch.Tensor, labels []int64, err error) {
	if o.Batch == 0 {
		o.Batch = 256
	}
	l := data.NewLoader(data.LoaderOptions{
		Dataset: d, Views: []views.Spec{views.Evaluation(o.Size)}, BatchSize: o.Batch, Workers: o.Workers,
	})
	defer l.Close()
	m.Train(false)
	defer m.Train(true)
	var all []float32
	for {
		b, err := l.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		torch.Inference(func() {
			torch.Scoped(func() {
				x := torch.FromFloat32(b.Views[0], b.N, 3, o.Size, o.Size).ToDevice(m.Config.Device)
				var f *torch.Tensor
				if o.BF16 {
					torch.Autocast(m.Config.Device, torch.BFloat16, func() { f = m.Features(x) })
				} else {
					f = m.Features(x)
				}
				all = append(all, f.Float32s()...)
			})
		})
		labels = append(labels, b.Labels...)
		if o.Progress != nil {
			o.Progress(len(labels), d.Len())
		}
		l.Recycle(b)
	}
	return torch.FromFloat32(all, len(labels), m.FeatureDim()), labels, nil
}
