package eval

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"contralens/data"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// LinearOptions say how the linear probe is trained.
type LinearOptions struct {
	Options
	Classes     int
	Epochs      int
	Rate        func(epoch int) float64 // learning rate of an epoch, from 1
	Momentum    float64
	WeightDecay float64
	CropMin     float64 // smallest share of the area of a training crop
	Seed        uint64
	Report      func(epoch, step, steps int, loss, top1, rate float64) // after a step
	EpochEnd    func(epoch int, top1, top5 float64)                    // after the test
}

// LinearResult is a probe's accuracy on the test set, in percent.
type LinearResult struct{ Top1, Top5, Best float64 }

// Linear trains a linear classifier by SGD on the features of a frozen encoder
// in evaluation mode, whose running statistics stay as they are, and tests it
// after every epoch. Training images are cropped and flipped.
func Linear(ctx context.Context, m *nn.Model, trainSet, testSet data.Dataset, o LinearOptions) (LinearResult, error) {
	if testSet == nil {
		return LinearResult{}, fmt.Errorf("linear: want a val/ or test/ folder beside train/, found none in dataset %s", trainSet.Name())
	}
	if n := len(trainSet.Classes()); n > o.Classes {
		return LinearResult{}, fmt.Errorf("--n_class %d: dataset %s has %d classes", o.Classes, trainSet.Name(), n)
	}
	spec, err := views.Preset("NULL", o.Size, o.CropMin)
	if err != nil {
		return LinearResult{}, err
	}
	m.Train(false)
	defer m.Train(true)
	p := newProbe(m, o)
	defer p.free()
	var result LinearResult
	for epoch := 1; epoch <= o.Epochs; epoch++ {
		l := data.NewLoader(data.LoaderOptions{
			Dataset: trainSet, Views: []views.Spec{spec}, BatchSize: o.Batch, Workers: o.Workers, Seed: o.Seed, Epoch: epoch, Shuffle: true,
		})
		for step := 1; ; step++ {
			b, err := l.Next()
			if err == io.EOF {
				break
			}
			if err == nil && ctx.Err() != nil {
				err = fmt.Errorf("linear: stopped in epoch %d", epoch)
			}
			if err != nil {
				l.Close()
				return result, err
			}
			loss, top1 := p.step(b, o.Rate(epoch))
			l.Recycle(b)
			if math.IsNaN(loss) {
				l.Close()
				return result, fmt.Errorf("linear: the loss became NaN in epoch %d; a lower --learning_rate may help", epoch)
			}
			if o.Report != nil {
				o.Report(epoch, step, l.Batches(), loss, top1, o.Rate(epoch))
			}
		}
		l.Close()
		if result.Top1, result.Top5, err = p.test(testSet); err != nil {
			return result, err
		}
		result.Best = max(result.Best, result.Top1)
		if o.EpochEnd != nil {
			o.EpochEnd(epoch, result.Top1, result.Top5)
		}
	}
	return result, nil
}

// probe is the linear classifier on a network's features.
type probe struct {
	model   *nn.Model
	o       LinearOptions
	weights [2]*torch.Tensor // [classes, D] and [classes]
	buffers [2]*torch.Tensor
}

// newProbe draws weights N(0, 0.01²) and sets biases to 0, as the reference does.
func newProbe(m *nn.Model, o LinearOptions) *probe {
	rng := rand.New(rand.NewPCG(o.Seed, 0x6c696e656172))
	values := make([]float32, o.Classes*m.FeatureDim())
	for i := range values {
		values[i] = float32(0.01 * rng.NormFloat64())
	}
	p := &probe{model: m, o: o}
	torch.Scoped(func() {
		p.weights[0] = torch.FromFloat32(values, o.Classes, m.FeatureDim()).ToDevice(m.Config.Device).Keep().SetRequiresGrad(true)
		p.weights[1] = torch.Zeros([]int{o.Classes}).ToDevice(m.Config.Device).Keep().SetRequiresGrad(true)
		for i, w := range p.weights {
			p.buffers[i] = torch.ZerosLike(w).Keep()
		}
	})
	return p
}

func (p *probe) free() {
	for i := range p.weights {
		p.weights[i].Free()
		p.buffers[i].Free()
	}
}

func (p *probe) features(b *data.Batch) (f *torch.Tensor) {
	torch.NoGrad(func() {
		f = torch.Scoped1(func() (f *torch.Tensor) {
			x := torch.FromFloat32(b.Views[0], b.N, 3, p.o.Size, p.o.Size).ToDevice(p.model.Config.Device)
			if !p.o.BF16 {
				return p.model.Features(x)
			}
			torch.Autocast(p.model.Config.Device, torch.BFloat16, func() { f = p.model.Features(x) })
			return f.To(torch.Float32)
		})
	})
	return f
}

func (p *probe) step(b *data.Batch, rate float64) (loss, top1 float64) {
	torch.Scoped(func() {
		labels := torch.FromInt64(b.Labels, b.N).ToDevice(p.model.Config.Device)
		logits := p.features(b).Linear(p.weights[0], p.weights[1])
		l := logits.CrossEntropy(labels)
		l.Backward()
		loss = l.Item()
		top1 = 100 * logits.Detach().Argmax(1, false).Eq(labels).To(torch.Float32).Mean().Item()
		torch.NoGrad(func() {
			for i, w := range p.weights {
				g := w.Grad().AddInto_(w, p.o.WeightDecay)
				p.buffers[i].MulScalar_(p.o.Momentum).AddInto_(g, 1)
				w.AddInto_(p.buffers[i], -rate)
				w.ClearGrad()
			}
		})
	})
	return loss, top1
}

// test is the accuracy on the test set: top-1 and top-min(5, classes).
func (p *probe) test(d data.Dataset) (top1, top5 float64, err error) {
	torch.Scoped(func() {
		var f *torch.Tensor
		var labels []int64
		if f, labels, err = Features(p.model, d, p.o.Options); err != nil {
			return
		}
		p.model.Train(false)
		torch.NoGrad(func() {
			logits := f.ToDevice(p.model.Config.Device).Linear(p.weights[0], p.weights[1])
			top1, top5 = Accuracy(logits, labels, 1), Accuracy(logits, labels, min(5, p.o.Classes))
		})
	})
	return top1, top5, err
}

// Accuracy is the share, in percent, of rows of logits [N, C] whose label is
// among the k largest.
func Accuracy(logits *torch.Tensor, labels []int64, k int) float64 {
	right := 0
	torch.Scoped(func() {
		_, at := logits.TopK(k, 1)
		for i, c := range at.Int64s() {
			if c == labels[i/k] {
				right++
			}
		}
	})
	return 100 * float64(right) / float64(len(labels))
}
