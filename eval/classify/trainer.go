package classify

import (
	"context"
	"io"

	"contralens/optim"
	"contralens/torch"
	"contralens/world"
)

// Trainer trains classifiers by SGD. It also has the state of the training, so that it
// can resume. Set the exported fields, and use it inside torch.Run.
type Trainer struct {
	Source    Source
	Features  func(x *torch.Tensor) *torch.Tensor // of a batch's inputs: float32 [N, D]
	Heads     []*Linear                           // each is trained separately on the same features
	Optimizer *optim.SGD                          // of all trained parameters
	Schedule  optim.Schedule
	Epochs    int
	Shared    *Shared // several processes that train together; nil: one
	Diverging bool    // a loss of NaN or Inf is not an error, because one of several heads may diverge

	// OnStep is called after every step, on a GPU up to 50 steps later, so that the host need
	// not wait for each. It may be nil.
	OnStep  func(Step) error
	OnEpoch func(epoch Totals) error // called after every epoch; may be nil

	Epoch       int // current epoch, from 1
	StepInEpoch int // steps done of the current epoch
	Step        int // steps done since the beginning
	Totals      Totals

	late    bool // reads the figures of steps late on the CPU too
	pending []launched
}

// Step describes a step to OnStep.
type Step struct {
	Epoch, Batch, Batches int // Batch is counted from 1
	Loss, Top1            float64
	Rate                  float64
}

// Totals sums up the steps of an epoch. If there are several heads, it is about the
// first one.
type Totals struct {
	Images int     `key:"images"`
	Loss   float64 `key:"loss"` // sums over the images; accuracies in percent
	Top1   float64 `key:"top1"`
	Top5   float64 `key:"top5"`
}

// Mean returns the means over the images so far.
func (t Totals) Mean() (loss, top1, top5 float64) {
	n := float64(max(1, t.Images))
	return t.Loss / n, t.Top1 / n, t.Top5 / n
}

// Do trains from the current state to the end of the last epoch. If ctx ends, Do
// finishes the current step (and calls OnEpoch if it was the last step of the epoch)
// and returns ctx.Err(). The trainer then has everything that is needed to resume.
func (t *Trainer) Do(ctx context.Context) error {
	t.Epoch = max(1, t.Epoch)
	defer t.Shared.close()
	for ; t.Epoch <= t.Epochs; t.Epoch++ {
		if err := t.epoch(ctx); err != nil {
			return err
		}
		if t.OnEpoch != nil {
			if err := t.OnEpoch(t.Totals); err != nil {
				return err
			}
		}
		t.Totals, t.StepInEpoch = Totals{}, 0
	}
	return nil
}

func (t *Trainer) epoch(ctx context.Context) (err error) {
	defer t.drop()
	batches := t.Source.Epoch(ctx, t.Epoch, t.StepInEpoch)
	defer batches.Close()
	for {
		n := t.Source.Batches()
		s := Step{Epoch: t.Epoch, Batch: t.StepInEpoch + 1, Batches: n, Rate: t.Schedule.At(t.Epoch, t.StepInEpoch, n)}
		torch.Scoped(func() {
			var x *torch.Tensor
			var labels []int64
			t.at("images")
			if x, labels, err = batches.Next(); err == nil {
				t.at(world.Computing)
				t.step(s, x, labels)
			}
		})
		if err != nil {
			if err := t.settle(); err != nil {
				return err
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		t.StepInEpoch++
		t.Step++
		stop := t.stops(ctx) && t.StepInEpoch < s.Batches
		if stop || len(t.pending) >= t.most(t.pending[0].figures.Device()) {
			if err := t.settle(); err != nil {
				return err
			}
		}
		// A step may have ended the context.
		if t.stops(ctx) && t.StepInEpoch < s.Batches {
			return end(ctx)
		}
	}
}

// step trains on one batch. It adds the losses of the heads, so their gradients stay
// separate. x has the inputs of this process, and labels are those of the whole batch.
func (t *Trainer) step(s Step, x *torch.Tensor, labels []int64) {
	f, met := t.features(x, len(labels))
	target := torch.FromInt64(labels, len(labels)).ToDevice(f.Device())
	var loss, first, logits *torch.Tensor
	for i, h := range t.Heads {
		out := h.Logits(f)
		l := out.CrossEntropy(target)
		if i == 0 {
			first, logits, loss = l.Detach(), out.Detach(), l
		} else {
			loss = loss.Add(l)
		}
	}
	t.Optimizer.Scaled(loss).Backward()
	if met != nil {
		t.reduce(met)
		t.Shared.average(len(labels), met)
	}
	if t.Optimizer.Scale != nil {
		t.Optimizer.GuardedStep(s.Rate, loss)
	} else {
		t.Optimizer.Step(s.Rate)
	}
	l := launched{step: s, images: len(labels), figures: figures(first, logits, target)}
	if met != nil {
		l.told = met.told.Clone().Keep()
	}
	t.pending = append(t.pending, l)
}
