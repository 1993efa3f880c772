package protocol

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"contralens/data"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/features"
	"contralens/optim"
	"contralens/prefetch"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
)

// trainCached computes the features of all images once, without augmentation, and trains on
// them. Several processes share the features. The first one trains, which takes far less time
// than they would need to exchange its gradients.
func (p *linearProbe) trainCached(ctx context.Context) error {
	p.protocol, p.metrics["cached"] = "linear-cached", true
	train, labels, err := p.features(ctx, p.train)
	if err != nil {
		return err
	}
	test, testLabels, err := p.features(ctx, p.test)
	if err != nil {
		return err
	}
	stop, err := p.company.peers().StoppedByFirst(func() error {
		p.print("features of %d training and %d test images, computed once and without augmentation",
			len(labels), len(testLabels))
		p.testWith = func(_ context.Context, head *classify.Linear) (eval.Scores, error) {
			return classify.TestCached([]*classify.Linear{head}, test, testLabels, p.counts)[0], nil
		}
		if err := p.trainOn(ctx, train, labels); err != nil {
			return err
		}
		return p.normalized(ctx)
	}, func(err error) bool { return errors.Is(err, ErrStopped) || stopped(ctx, err) })
	if stop {
		return ErrStopped
	}
	return err
}

// features returns the features of all images, in the process that trains, until free is called.
func (p *linearProbe) features(ctx context.Context, d data.Dataset) (f *torch.Tensor, labels []int64, err error) {
	if !p.company.peers().First() {
		none := func(*torch.Tensor, *prefetch.Batch) error { return nil }
		return nil, nil, features.EachBatch(p.encoder.Model, d, p.evalOptions(ctx), none)
	}
	if f, labels, err = features.Compute(p.encoder.Model, d, p.evalOptions(ctx)); err == nil {
		p.cached = append(p.cached, f)
	}
	return f, labels, err
}

// trainOn trains on features [N, D] of the training images.
func (p *linearProbe) trainOn(ctx context.Context, train *torch.Tensor, labels []int64) error {
	if p.c.FewShot > 0 {
		return p.fewShot(ctx, train, labels)
	}
	if p.c.Solver == "lbfgs" {
		return p.lbfgs(ctx, train, labels)
	}
	train = train.ToDevice(p.encoder.Model.Config.Device).Keep()
	p.cached = append(p.cached, train)
	if len(p.c.Sweep) > 0 {
		if err := p.sweep(ctx, train, labels); err != nil {
			return err
		}
	}
	return p.sgd(ctx, &classify.Cached{
		Features: train, Labels: labels, Batch: p.BatchSize, Seed: p.Seed, Balanced: p.balanced(),
	}, classify.Identity, nil)
}

// sweep chooses the learning rate with the highest accuracy on held-out training
// images.
func (p *linearProbe) sweep(ctx context.Context, features *torch.Tensor, labels []int64) error {
	inWords := func(accuracies []float64) string {
		var parts []string
		for i, a := range accuracies {
			parts = append(parts, fmt.Sprintf("%v: %.2f %%", p.c.Sweep[i], a))
		}
		return strings.Join(parts, "  ")
	}
	best, accuracies, err := classify.Sweep(ctx, p.train, features, labels, classify.SweepOptions{
		Rates: p.c.Sweep, Classes: p.c.NClass, Batch: p.BatchSize, Epochs: p.Epochs, Schedule: setup.Schedule(p.Optim, false),
		Momentum: p.Momentum, WeightDecay: p.WeightDecay, Seed: p.Seed, Balanced: p.balanced(),
		Report: func(epoch int, accuracies []float64) {
			p.print("sweep, epoch %d/%d, top-1 on held-out training images by rate: %s", epoch, p.Epochs, inWords(accuracies))
		},
	})
	if err != nil {
		return err
	}
	held := map[string]float64{}
	for i, a := range accuracies {
		held[fmt.Sprint(p.c.Sweep[i])] = a
	}
	p.LearningRate, p.metrics["held_out_top1_by_rate"] = best, held
	p.print("learning rate %v is best on the held-out training images; training with it on all images", best)
	return nil
}

// lbfgsIterations limits L-BFGS, as in scikit-learn's logistic regression.
const lbfgsIterations = 100

// lbfgs fits a logistic regression and writes it as a checkpoint.
func (p *linearProbe) lbfgs(ctx context.Context, features *torch.Tensor, labels []int64) (err error) {
	p.protocol, p.metrics["l2"] = "linear-lbfgs", p.c.L2
	if p.head, err = classify.Logistic(features, labels, p.c.NClass, p.c.L2, lbfgsIterations); err != nil {
		return err
	}
	if p.scores, err = p.testWith(ctx, p.head); err != nil {
		return err
	}
	optimizer := optim.NewSGD(p.head.Parameters(), 0, 0)
	defer optimizer.Free()
	t := &classify.Trainer{
		Source: &classify.Cached{Features: features, Labels: labels, Batch: p.BatchSize},
		Heads:  []*classify.Linear{p.head}, Optimizer: optimizer, Epoch: 1,
	}
	return t.Save(filepath.Join(p.dir, rundir.CurrentFile), p.record(p.protocol), nil, p.scores.Top1)
}
