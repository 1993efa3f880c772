package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"contralens/config"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/optim"
	"contralens/torch"
)

// probe is a linear probe in training.
type probe struct {
	*classification
	c        *config.Linear
	protocol string
	head     *classify.Linear
	test     func(ctx context.Context, head *classify.Linear) (eval.Scores, error)
	scores   eval.Scores
	metrics  map[string]any // beside the accuracies
	cached   []*torch.Tensor
}

func (p *probe) close() {
	if p.head != nil {
		p.head.Free()
	}
	for _, t := range p.cached {
		t.Free()
	}
}

// train trains the classifier, on images or on features computed once.
func (p *probe) train(ctx context.Context, curves string) error {
	if p.c.Cached {
		return p.trainCached(ctx, curves)
	}
	p.protocol = "linear"
	model := p.encoder.Model
	images, err := p.images(p.c.Sampling == "class")
	if err != nil {
		return err
	}
	p.test = func(ctx context.Context, head *classify.Linear) (eval.Scores, error) {
		s, err := classify.Test(model, []*classify.Linear{head}, p.classification.test, p.counts, p.evalOptions(ctx))
		if err != nil {
			return eval.Scores{}, err
		}
		return s[0], nil
	}
	return p.sgd(ctx, images, eval.Frozen(model, p.Precision == "bf16"), curves)
}

// trainCached computes the features of all images once, and trains on them.
func (p *probe) trainCached(ctx context.Context, curves string) error {
	model := p.encoder.Model
	p.protocol, p.metrics["cached"] = "linear-cached", true
	features, labels, err := eval.Features(model, p.classification.train, p.evalOptions(ctx))
	if err != nil {
		return err
	}
	p.cached = append(p.cached, features)
	test, testLabels, err := eval.Features(model, p.classification.test, p.evalOptions(ctx))
	if err != nil {
		return err
	}
	p.cached = append(p.cached, test)
	p.print("features of %d training and %d test images, computed once and without augmentation", len(labels), len(testLabels))
	p.test = func(_ context.Context, head *classify.Linear) (eval.Scores, error) {
		return classify.TestCached([]*classify.Linear{head}, test, testLabels, p.counts)[0], nil
	}
	if p.c.Solver == "lbfgs" {
		return p.lbfgs(ctx, features, labels)
	}
	features = features.ToDevice(p.encoder.Model.Config.Device).Keep()
	p.cached = append(p.cached, features)
	if len(p.c.Sweep) > 0 {
		if err := p.sweep(ctx, features, labels); err != nil {
			return err
		}
	}
	return p.sgd(ctx, &classify.Cached{Features: features, Labels: labels, Batch: p.BatchSize, Seed: p.Seed, Balanced: p.c.Sampling == "class"}, classify.Identity, curves)
}

// sgd trains the classifier by SGD in the run directory.
func (p *probe) sgd(ctx context.Context, source classify.Source, features func(*torch.Tensor) *torch.Tensor, curves string) error {
	model := p.encoder.Model
	p.head = classify.NewLinear(p.c.NClass, model.FeatureDim(), p.Seed, model.Config.Device)
	optimizer := optim.NewSGD(p.head.Parameters(), p.Momentum, p.WeightDecay)
	defer optimizer.Free()
	r := &classify.Run{
		Trainer: &classify.Trainer{Source: source, Features: features, Heads: []*classify.Linear{p.head}, Optimizer: optimizer, Schedule: p.schedule(), Epochs: p.Epochs},
		Dir:     p.dir, Record: p.record(p.protocol),
		Test: func(ctx context.Context) (eval.Scores, error) { return p.test(ctx, p.head) },
	}
	if p.LearningRate != 30 {
		r.Prefix = fmt.Sprintf("lr_%.3f/", p.LearningRate)
	}
	err := p.run(ctx, r, curves)
	p.scores, p.metrics["best_top1"], p.metrics["learning_rate"] = r.Scores, r.Best, p.LearningRate
	return err
}

// sweep chooses the learning rate.
func (p *probe) sweep(ctx context.Context, features *torch.Tensor, labels []int64) error {
	inWords := func(accuracies []float64) string {
		var parts []string
		for i, a := range accuracies {
			parts = append(parts, fmt.Sprintf("%v: %.2f %%", p.c.Sweep[i], a))
		}
		return strings.Join(parts, "  ")
	}
	best, accuracies, err := classify.Sweep(ctx, p.classification.train, features, labels, classify.SweepOptions{
		Rates: p.c.Sweep, Classes: p.c.NClass, Batch: p.BatchSize, Epochs: p.Epochs, Schedule: p.schedule(),
		Momentum: p.Momentum, WeightDecay: p.WeightDecay, Seed: p.Seed, Balanced: p.c.Sampling == "class",
		Report: func(epoch int, accuracies []float64) {
			p.print("sweep, epoch %d/%d, top-1 on training images held out by rate: %s", epoch, p.Epochs, inWords(accuracies))
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
	p.print("learning rate %v does best on the training images held out; training with it on all of them", best)
	return nil
}

// lbfgsIterations is where the peer's logistic regression stops as well.
const lbfgsIterations = 100

// lbfgs fits a logistic regression and writes it as a checkpoint.
func (p *probe) lbfgs(ctx context.Context, features *torch.Tensor, labels []int64) (err error) {
	p.protocol, p.metrics["l2"] = "linear-lbfgs", p.c.L2
	if p.head, err = classify.Logistic(features, labels, p.c.NClass, p.c.L2, lbfgsIterations); err != nil {
		return err
	}
	if p.scores, err = p.test(ctx, p.head); err != nil {
		return err
	}
	optimizer := optim.NewSGD(p.head.Parameters(), 0, 0)
	defer optimizer.Free()
	t := &classify.Trainer{Source: &classify.Cached{Features: features, Labels: labels, Batch: p.BatchSize}, Heads: []*classify.Linear{p.head}, Optimizer: optimizer, Epoch: 1}
	return t.Save(filepath.Join(p.dir, "current.pth"), p.record(p.protocol), nil, p.scores.Top1)
}

// tauNormalized judges the τ-normalized classifier as well.
func (p *probe) tauNormalized(ctx context.Context) error {
	h := p.head.TauNormalized(p.c.Tau)
	defer h.Free()
	s, err := p.test(ctx, h)
	if err != nil {
		return err
	}
	p.metrics["tau_normalized"] = tauMetrics(p.c.Tau, s)
	for _, line := range summaryLines(fmt.Sprintf("τ-normalized (τ = %v)", p.c.Tau), s, p.classes) {
		p.print("%s", line)
	}
	return nil
}

func tauMetrics(τ float64, s eval.Scores) map[string]any {
	m := map[string]any{"tau": τ, "top1": s.Top1, "top5": s.Top5}
	addShots(m, s.Shots)
	return m
}
