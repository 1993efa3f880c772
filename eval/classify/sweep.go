package classify

import (
	"context"
	"math"

	"contralens/data"
	"contralens/internal/option"
	"contralens/optim"
	"contralens/torch"
)

// Identity returns x. It is Trainer.Features for cached features.
func Identity(x *torch.Tensor) *torch.Tensor { return x }

// SweepOptions describe the training of Sweep.
type SweepOptions struct {
	Rates                 []float64
	Classes               int
	Batch, Epochs         int
	Schedule              optim.Schedule // Sweep replaces its Rate
	Momentum, WeightDecay float64
	Seed                  uint64
	Balanced              bool
	// Report, if set, is called after every epoch with the accuracy of each rate on the
	// held-out images.
	Report func(epoch int, accuracies []float64)
}

// heldOut is the share of the training images that is held out to choose a learning
// rate.
const heldOut = 0.1

// Sweep trains one classifier per rate on the features [N, D] of d's images, all in one
// pass. It returns the rate with the highest accuracy on the held-out images, a tenth
// of every class, and all accuracies on them, in percent. The test set is not used.
func Sweep(
	ctx context.Context, d data.Dataset, features *torch.Tensor, labels []int64, o SweepOptions,
) (best float64, accuracies []float64, err error) {
	train, held := data.Split(d, heldOut, o.Seed)
	if len(held) == 0 {
		return 0, nil, &option.Error{
			Name: "lr_sweep", Want: "at least one class of two or more training images, to hold some out",
		}
	}
	torch.Scoped(func() {
		x, y := rows(features, labels, train)
		test, testLabels := rows(features, labels, held)
		t := &Trainer{
			Source:   &Cached{Features: x, Labels: y, Batch: o.Batch, Seed: o.Seed, Balanced: o.Balanced},
			Features: Identity, Schedule: o.Schedule, Epochs: o.Epochs, Diverging: true,
		}
		t.Schedule.Rate = 1
		var parameters []*torch.Tensor
		var scales []float64
		for _, r := range o.Rates {
			h := NewLinear(o.Classes, features.Size(1), o.Seed, features.Device())
			defer h.Free()
			t.Heads = append(t.Heads, h)
			parameters, scales = append(parameters, h.Parameters()...), append(scales, r, r)
		}
		t.Optimizer = optim.NewSGD(parameters, o.Momentum, o.WeightDecay)
		t.Optimizer.Scales = scales
		defer t.Optimizer.Free()
		t.OnEpoch = func(Totals) error {
			accuracies = accuracies[:0]
			for _, s := range TestCached(t.Heads, test, testLabels, nil) {
				accuracies = append(accuracies, s.Top1)
			}
			if o.Report != nil {
				o.Report(t.Epoch, accuracies)
			}
			return nil
		}
		err = t.Do(ctx)
	})
	if err != nil {
		return 0, nil, err
	}
	highest := math.Inf(-1)
	for i, a := range accuracies {
		if a > highest {
			best, highest = o.Rates[i], a
		}
	}
	return best, accuracies, nil
}

// rows selects rows of the features, and their labels.
func rows(features *torch.Tensor, labels []int64, at []int) (*torch.Tensor, []int64) {
	index, y := make([]int64, len(at)), make([]int64, len(at))
	for i, row := range at {
		index[i], y[i] = int64(row), labels[row]
	}
	return features.IndexSelect(0, torch.FromInt64(index, len(index)).ToDevice(features.Device())), y
}
