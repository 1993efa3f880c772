package classify

import (
	"context"
	"fmt"
	"io"
	"math"

	"contralens/eval"
	"contralens/optim"
	"contralens/torch"
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
	Diverging bool // a loss of NaN or Inf is not an error, because one of several heads may diverge

	OnStep  func(Step) error         // called after every step; may be nil
	OnEpoch func(epoch Totals) error // called after every epoch; may be nil

	Epoch       int // current epoch, from 1
	StepInEpoch int // steps done of the current epoch
	Step        int // steps done since the beginning
	Totals      Totals
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
	batches := t.Source.Epoch(ctx, t.Epoch, t.StepInEpoch)
	defer batches.Close()
	for {
		n := t.Source.Batches()
		s := Step{Epoch: t.Epoch, Batch: t.StepInEpoch + 1, Batches: n, Rate: t.Schedule.At(t.Epoch, t.StepInEpoch, n)}
		torch.Scoped(func() {
			var x *torch.Tensor
			var labels []int64
			if x, labels, err = batches.Next(); err == nil {
				t.step(&s, x, labels)
			}
		})
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		t.StepInEpoch++
		t.Step++
		if !t.Diverging && (math.IsNaN(s.Loss) || math.IsInf(s.Loss, 0)) {
			return fmt.Errorf("the loss became %v in epoch %d, step %d; a lower --learning_rate than %v may help",
				s.Loss, s.Epoch, s.Batch, s.Rate)
		}
		if t.OnStep != nil {
			if err := t.OnStep(s); err != nil {
				return err
			}
		}
		if ctx.Err() != nil && t.StepInEpoch < s.Batches {
			return ctx.Err()
		}
	}
}

// step trains on one batch. It adds the losses of the heads, so their gradients stay
// separate.
func (t *Trainer) step(s *Step, x *torch.Tensor, labels []int64) {
	f := t.Features(x)
	target := torch.FromInt64(labels, len(labels)).ToDevice(f.Device())
	var loss, first *torch.Tensor
	for i, h := range t.Heads {
		logits := h.Logits(f)
		l := logits.CrossEntropy(target)
		if i == 0 {
			first, loss = logits.Detach(), l
			s.Loss = l.Item()
		} else {
			loss = loss.Add(l)
		}
	}
	loss.Backward()
	t.Optimizer.Step(s.Rate)

	n := float64(len(labels))
	s.Top1 = eval.Accuracy(first, labels, 1)
	t.Totals.Images += len(labels)
	t.Totals.Loss += n * s.Loss
	t.Totals.Top1 += n * s.Top1
	t.Totals.Top5 += n * eval.Accuracy(first, labels, min(5, t.Heads[0].Classes()))
}
