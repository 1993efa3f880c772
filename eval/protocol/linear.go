package protocol

import (
	"context"
	"fmt"

	"contralens/config"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/features"
	"contralens/optim"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
)

// Linear trains a linear classifier on the features of a frozen encoder: by SGD on
// augmented images, or with Cached by SGD or L-BFGS on features that are computed once.
func Linear(ctx context.Context, c config.Linear, o Options) (result rundir.Result, err error) {
	err = compute(ctx, &o, &c.Machine, &c.Net, c.BatchSize, func(ctx context.Context) error {
		result, err = linear(ctx, &c, o)
		return err
	})
	return result, err
}

func linear(ctx context.Context, c *config.Linear, o Options) (rundir.Result, error) {
	place, err := setup.FindPlace(c, c.Output, c.RunName(o.Set)) // find it before the checkpoint's record sets options
	if err != nil {
		return rundir.Result{}, err
	}
	asked := 0
	if o.Set["n_class"] {
		asked = c.NClass
	}
	k, err := openSession(ctx, &c.Classifier, o, c.Weights, asked)
	if err != nil {
		return rundir.Result{}, err
	}
	defer k.close()
	c.NClass = len(k.classes)
	if err := k.prepare(ctx, place, c); err != nil {
		return rundir.Result{}, err
	}
	p := &linearProbe{
		session: k, c: c, protocol: "linear", metrics: map[string]any{}, curves: place.Events,
	}
	defer p.free()
	if err := k.attempt(ctx, func() error { return p.probe(ctx) }); err != nil {
		return rundir.Result{}, err
	}
	return k.finish(p.protocol, p.scores, p.metrics)
}

// linearProbe is a linear classifier during training.
type linearProbe struct {
	*session
	c        *config.Linear
	protocol string // name in results
	curves   string // directory of TensorBoard's events
	head     *classify.Linear
	testWith func(ctx context.Context, head *classify.Linear) (eval.Scores, error)
	scores   eval.Scores
	metrics  map[string]any  // in addition to the accuracies
	cached   []*torch.Tensor // features to free
}

func (p *linearProbe) free() {
	if p.head != nil {
		p.head.Free()
	}
	for _, t := range p.cached {
		t.Free()
	}
}

// probe trains and tests the classifier, and tests its τ-normalized version.
func (p *linearProbe) probe(ctx context.Context) (err error) {
	if p.c.Cached {
		return p.trainCached(ctx)
	}
	if err := p.trainOnImages(ctx); err != nil {
		return err
	}
	return p.normalized(ctx)
}

// normalized tests the τ-normalized classifier, if it is asked for.
func (p *linearProbe) normalized(ctx context.Context) (err error) {
	if p.c.Tau == 0 {
		return nil
	}
	test := func(h *classify.Linear) (eval.Scores, error) { return p.testWith(ctx, h) }
	p.metrics["tau_normalized"], err = p.tauNormalized(p.c.Tau, p.head, "τ-normalized", test)
	return err
}

// trainOnImages trains on the features of augmented images.
func (p *linearProbe) trainOnImages(ctx context.Context) error {
	images, err := p.images(p.balanced())
	if err != nil {
		return err
	}
	p.testWith = p.testHead
	return p.sgd(ctx, images, features.Frozen(p.encoder.Model, p.dtype()), p.shared(0))
}

func (p *linearProbe) balanced() bool { return p.c.Sampling == "class" }

// sgd trains the classifier by SGD in the run directory, in several processes if they are shared.
func (p *linearProbe) sgd(
	ctx context.Context, source classify.Source, features func(*torch.Tensor) *torch.Tensor, shared *classify.Shared,
) error {
	p.head = p.newHead(p.c.NClass, p.Seed)
	optimizer := optim.NewSGD(p.head.Parameters(), p.Momentum, p.WeightDecay)
	defer optimizer.Free()
	r := &classify.Run{
		Trainer: &classify.Trainer{
			Source: source, Features: features, Heads: []*classify.Linear{p.head},
			Optimizer: optimizer, Schedule: setup.Schedule(p.Optim, false), Epochs: p.Epochs,
			Shared: shared,
		},
		Dir: p.dir, Record: p.record(p.protocol),
		Test: func(ctx context.Context) (eval.Scores, error) { return p.testWith(ctx, p.head) },
	}
	if p.LearningRate != 30 {
		r.Prefix = fmt.Sprintf("lr_%.3f/", p.LearningRate)
	}
	err := p.run(ctx, r, p.curves)
	p.scores, p.metrics["best_top1"], p.metrics["learning_rate"] = r.Scores, r.Best, p.LearningRate
	return err
}
