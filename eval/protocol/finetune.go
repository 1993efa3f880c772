package protocol

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/features"
	"contralens/optim"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
)

// Finetune trains the last stages of an encoder together with a classifier, on all
// labels or a fraction of them. With CRTEpochs, it then trains a new classifier on the
// result. It returns one result per stage.
func Finetune(ctx context.Context, c config.Finetune, o Options) (results []rundir.Result, err error) {
	err = compute(ctx, &o, &c.Machine, &c.Net, c.BatchSize, func(ctx context.Context) error {
		results, err = finetune(ctx, &c, o)
		return err
	})
	return results, err
}

func finetune(ctx context.Context, c *config.Finetune, o Options) ([]rundir.Result, error) {
	place, err := setup.FindPlace(c, c.Output, c.RunName()) // find it before the checkpoint's record sets options
	if err != nil {
		return nil, err
	}
	k, err := openTraining(ctx, c, o, place)
	if err != nil {
		return nil, err
	}
	defer k.close()
	if c.LabelFraction < 1 {
		if k.train, err = data.Fraction(k.train, c.LabelFraction, c.LabelSeed); err != nil {
			return nil, err
		}
		k.counts = data.ClassCounts(k.train)
	}
	if n := k.train.Len(); n < 2 {
		return nil, fmt.Errorf("--label_fraction %v: want at least 2 training images, got %d", c.LabelFraction, n)
	}
	if err := k.normalize(c.Norms, place.Dir); err != nil {
		return nil, err
	}
	if err := k.prepare(ctx, place, c); err != nil {
		return nil, err
	}
	if c.LabelFraction < 1 && k.first() {
		path := filepath.Join(k.dir, fmt.Sprintf("labels_%v_seed%d.txt", c.LabelFraction, c.LabelSeed))
		if err := writeList(path, k.train); err != nil {
			return nil, err
		}
		k.print("%d labeled images, listed in %s", k.train.Len(), path)
	}
	f := &finetuning{session: k, c: c, protocol: "finetune", curves: place.Events}
	err = k.attempt(ctx, func() error {
		err := f.tuneEncoder(ctx)
		if err == nil && c.CRTEpochs > 0 {
			err = f.retrainClassifier(ctx)
		}
		return err
	})
	return f.results, err
}

// Supervised trains an encoder from random weights together with a classifier. It is
// Finetune of all stages of an untrained encoder.
func Supervised(ctx context.Context, c config.Supervised, o Options) (result rundir.Result, err error) {
	err = compute(ctx, &o, &c.Machine, &c.Net, c.BatchSize, func(ctx context.Context) error {
		place, err := setup.FindPlace(&c, c.Output, c.RunName())
		if err != nil {
			return err
		}
		tuned := c.Finetune()
		k, err := openTraining(ctx, &tuned, o, place)
		if err != nil {
			return err
		}
		defer k.close()
		c.Classifier = tuned.Classifier // as chosen for the training
		if err := k.normalize(c.Norms, place.Dir); err != nil {
			return err
		}
		if err := k.prepare(ctx, place, &c); err != nil {
			return err
		}
		f := &finetuning{session: k, c: &tuned, protocol: "supervised", curves: place.Events}
		if err := k.attempt(ctx, func() error { return f.tuneEncoder(ctx) }); err != nil {
			return err
		}
		result = f.results[0]
		return nil
	})
	return result, err
}

// writeList writes the images of a dataset to a file in the format of --dataset list.
func writeList(path string, d data.Dataset) error {
	var b strings.Builder
	for i := range d.Len() {
		fmt.Fprintf(&b, "%s\t%s\n", absolute(d.Path(i)), d.Classes()[d.Label(i)])
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// finetuning is an encoder and its classifier during training.
type finetuning struct {
	*session
	c        *config.Finetune
	protocol string // name in results
	curves   string // directory of TensorBoard's events
	results  []rundir.Result
}

// tuneEncoder trains the encoder's last stages and the classifier.
func (f *finetuning) tuneEncoder(ctx context.Context) error {
	model := f.encoder.Model
	images, err := f.images(f.c.Sampling == "class")
	if err != nil {
		return err
	}
	images.Groups = f.groups
	if err := f.normalizeTogether(); err != nil {
		return err
	}
	images.DropLast = f.train.Len()%f.BatchSize == 1 // batch norm cannot train on one image
	head := f.newHead(len(f.classes), f.Seed)
	defer head.Free()
	parameters, scales := classify.Layers(model, f.c.LastStages, f.c.LayerDecay)
	rate := 1.0
	if f.c.ClassifierRate > 0 {
		rate = f.c.ClassifierRate / f.LearningRate
	}
	optimizer := optim.NewSGD(append(parameters, head.Parameters()...), f.Momentum, f.WeightDecay)
	optimizer.Scales = append(scales, rate, rate)
	defer optimizer.Free()
	if f.dtype() == torch.Float16 {
		optimizer.ScaleLoss(model.Config.Device)
	}
	r := &classify.Run{
		Trainer: &classify.Trainer{
			Source: images, Features: features.Trained(model, f.dtype()), Heads: []*classify.Linear{head},
			Optimizer: optimizer, Schedule: setup.Schedule(f.Optim, false), Epochs: f.Epochs,
			Shared: f.shared(f.c.LastStages),
		},
		Dir: f.dir, Record: f.record(f.protocol), Encoder: model,
		Test: func(ctx context.Context) (eval.Scores, error) { return f.testHead(ctx, head) },
	}
	if err := f.run(ctx, r, f.curves); err != nil {
		return err
	}
	return f.report(ctx, f.protocol, head, r, nil)
}

// retrainClassifier is the second stage of classifier re-training (cRT; Kang et al.,
// ICLR 2020): it trains a new classifier on the frozen encoder, with class-balanced
// sampling.
func (f *finetuning) retrainClassifier(ctx context.Context) error {
	model := f.encoder.Model
	images, err := f.images(true)
	if err != nil {
		return err
	}
	dir := filepath.Join(f.dir, "crt")
	if err := f.company.peers().ByFirst(func() error { return os.MkdirAll(dir, 0o755) }); err != nil {
		return err
	}
	head := f.newHead(len(f.classes), f.Seed+1)
	defer head.Free()
	optimizer := optim.NewSGD(head.Parameters(), f.Momentum, f.WeightDecay)
	defer optimizer.Free()
	record := f.record("crt")
	path := filepath.Join(f.dir, rundir.CurrentFile)
	record.Encoder = classify.EncoderRecord{Path: absolute(path), Epoch: f.Epochs}
	if record.Encoder.SHA256, err = checkpoint.SHA256(path); err != nil {
		return err
	}
	r := &classify.Run{
		Trainer: &classify.Trainer{
			Source: images, Features: features.Frozen(model, f.dtype()), Heads: []*classify.Linear{head}, Optimizer: optimizer,
			Schedule: optim.Schedule{Rate: f.c.CRTRate, Epochs: f.c.CRTEpochs, Cosine: true, DecayRate: f.DecayRate},
			Epochs:   f.c.CRTEpochs, Shared: f.shared(0),
		},
		Dir: dir, Record: record,
		Test: func(ctx context.Context) (eval.Scores, error) { return f.testHead(ctx, head) },
	}
	f.print("second stage: a new classifier on the frozen encoder, with class-balanced sampling")
	if f.Resume != "" && f.Resume != "auto" {
		f.Resume = "auto" // a named checkpoint belongs to the first stage
	}
	if err := f.run(ctx, r, filepath.Join(f.curves, "crt")); err != nil {
		return err
	}
	return f.report(ctx, "crt", head, r, map[string]any{"checkpoint": path})
}

// report writes and reports the result of a stage.
func (f *finetuning) report(
	ctx context.Context, protocol string, head *classify.Linear, r *classify.Run, more map[string]any,
) error {
	metrics := map[string]any{"best_top1": r.Best, "label_fraction": f.c.LabelFraction}
	for name, v := range more {
		metrics[name] = v
	}
	if f.c.Tau > 0 {
		tau, err := f.tauNormalized(f.c.Tau, head, protocol+", τ-normalized", func(h *classify.Linear) (eval.Scores, error) {
			return f.testHead(ctx, h)
		})
		if err != nil {
			return err
		}
		metrics["tau_normalized"] = tau
	}
	result, err := f.finish(protocol, r.Scores, metrics)
	if err == nil {
		f.results = append(f.results, result)
	}
	return err
}
