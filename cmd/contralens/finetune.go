package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/optim"
	"contralens/train"
)

func finetuneCommand() *cobra.Command {
	c := config.DefaultFinetune()
	cmd := &cobra.Command{
		Use:   "finetune",
		Short: "Train a classifier together with the encoder",
		Args:  noArguments,
		Example: `  contralens finetune --ckpt save/run/current.pth --data_folder photos --epochs 30 --cosine
  # with a hundredth of the labels, the classifier at a higher rate
  contralens finetune --ckpt save/run/current.pth --data_folder photos --label_fraction 0.01 --classifier_lr 0.2 --layer_decay 0.8
  # a long-tailed version of the data, a second stage with balanced classes (cRT), and the τ-normalized classifier
  contralens finetune --ckpt save/run/current.pth --data_folder photos --imbalance 100 --crt_epochs 10 --tau 0.7`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		for _, w := range warnings {
			printNote(w)
		}
		return compute(c.Threads, func() error { return finetune(&c, set) })
	}
	return cmd
}

// finetune trains encoder and classifier, and a new classifier after that when
// it is asked to.
func finetune(c *config.Finetune, set map[string]bool) error {
	name := c.RunName() // before the checkpoint's record sets options
	k, err := openTraining(&c.Shared, set, c.Ckpt, c.UseEMA, c.NClass, c.JSON, name)
	if err != nil {
		return err
	}
	defer k.close()
	if c.LabelFraction < 1 {
		if k.train, err = data.Fraction(k.train, c.LabelFraction, c.LabelSeed); err != nil {
			return err
		}
		k.counts = data.ClassCounts(k.train)
	}
	if n := k.train.Len(); n < 2 {
		return fmt.Errorf("--label_fraction %v: want at least 2 training images, got %d", c.LabelFraction, n)
	}
	if err := k.prepare(c.RunFolder(name), c); err != nil {
		return err
	}
	if c.LabelFraction < 1 {
		path := filepath.Join(k.dir, fmt.Sprintf("labels_%v_seed%d.txt", c.LabelFraction, c.LabelSeed))
		if err := writeList(path, k.train); err != nil {
			return err
		}
		k.print("%d labeled images, listed in %s", k.train.Len(), path)
	}
	ctx, done := interruptible(printNote)
	defer done()
	f := &tuning{k, c, "finetune"}
	err = f.train(ctx, filepath.Join(c.TBPath, name))
	if err == nil && c.CRTEpochs > 0 {
		err = f.retrain(ctx, filepath.Join(c.TBPath, name, "crt"))
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		k.print("stopped outside the training; the same command with --resume auto goes on")
		return train.ErrStopped
	}
	return err
}

// writeList writes the images of a dataset as --dataset list reads them.
func writeList(path string, d data.Dataset) error {
	var b strings.Builder
	for i := range d.Len() {
		fmt.Fprintf(&b, "%s\t%s\n", absolute(d.Path(i)), d.Classes()[d.Label(i)])
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// tuning is a fine-tuning.
type tuning struct {
	*classification
	c        *config.Finetune
	protocol string // what results call it
}

// train trains the encoder's last stages and the classifier.
func (f *tuning) train(ctx context.Context, curves string) error {
	model := f.encoder.Model
	images, err := f.images(f.c.Sampling == "class")
	if err != nil {
		return err
	}
	images.DropLast = f.classification.train.Len()%f.BatchSize == 1 // batch norm cannot train on one image
	head := classify.NewLinear(len(f.classes), model.FeatureDim(), f.Seed, model.Config.Device)
	defer head.Free()
	parameters, scales := classify.Layers(model, f.c.LastStages, f.c.LayerDecay)
	rate := 1.0
	if f.c.ClassifierRate > 0 {
		rate = f.c.ClassifierRate / f.LearningRate
	}
	optimizer := optim.NewSGD(append(parameters, head.Parameters()...), f.Momentum, f.WeightDecay)
	optimizer.Scales = append(scales, rate, rate)
	defer optimizer.Free()
	r := &classify.Run{
		Trainer: &classify.Trainer{Source: images, Features: eval.Trained(model, f.Precision == "bf16"), Heads: []*classify.Linear{head}, Optimizer: optimizer, Schedule: f.schedule(), Epochs: f.Epochs},
		Dir:     f.dir, Record: f.record(f.protocol), Encoder: model,
		Test: func(ctx context.Context) (eval.Scores, error) { return f.judge(ctx, head) },
	}
	if err := f.run(ctx, r, curves); err != nil {
		return err
	}
	return f.report(ctx, f.protocol, head, r, nil)
}

// retrain is the second stage of Kang et al.'s classifier re-training (cRT,
// ICLR 2020): a new classifier on the encoder, now frozen, with every class
// equally often.
func (f *tuning) retrain(ctx context.Context, curves string) error {
	model := f.encoder.Model
	images, err := f.images(true)
	if err != nil {
		return err
	}
	dir := filepath.Join(f.dir, "crt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	head := classify.NewLinear(len(f.classes), model.FeatureDim(), f.Seed+1, model.Config.Device)
	defer head.Free()
	optimizer := optim.NewSGD(head.Parameters(), f.Momentum, f.WeightDecay)
	defer optimizer.Free()
	record := f.record("crt")
	path := filepath.Join(f.dir, "current.pth")
	record.Encoder = classify.EncoderRecord{Path: absolute(path), Epoch: f.Epochs}
	if record.Encoder.SHA256, err = eval.SHA256(path); err != nil {
		return err
	}
	r := &classify.Run{
		Trainer: &classify.Trainer{
			Source: images, Features: eval.Frozen(model, f.Precision == "bf16"), Heads: []*classify.Linear{head}, Optimizer: optimizer,
			Schedule: optim.Schedule{Rate: f.c.CRTRate, Epochs: f.c.CRTEpochs, Cosine: true, DecayRate: f.DecayRate}, Epochs: f.c.CRTEpochs,
		},
		Dir: dir, Record: record,
		Test: func(ctx context.Context) (eval.Scores, error) { return f.judge(ctx, head) },
	}
	f.print("second stage: a new classifier on the frozen encoder, classes equally often")
	if f.Resume != "" && f.Resume != "auto" {
		f.Resume = "auto" // a named checkpoint is the first stage's
	}
	if err := f.run(ctx, r, curves); err != nil {
		return err
	}
	return f.report(ctx, "crt", head, r, map[string]any{"checkpoint": path})
}

func (f *tuning) judge(ctx context.Context, head *classify.Linear) (eval.Scores, error) {
	s, err := classify.Test(f.encoder.Model, []*classify.Linear{head}, f.test, f.counts, f.evalOptions(ctx))
	if err != nil {
		return eval.Scores{}, err
	}
	return s[0], nil
}

// report prints and keeps the result of a stage.
func (f *tuning) report(ctx context.Context, protocol string, head *classify.Linear, r *classify.Run, more map[string]any) error {
	metrics := f.metrics(r.Scores, more)
	metrics["best_top1"], metrics["label_fraction"] = r.Best, f.c.LabelFraction
	if f.c.Tau > 0 {
		h := head.TauNormalized(f.c.Tau)
		defer h.Free()
		s, err := f.judge(ctx, h)
		if err != nil {
			return err
		}
		metrics["tau_normalized"] = tauMetrics(f.c.Tau, s)
		for _, line := range summaryLines(fmt.Sprintf("%s, τ-normalized (τ = %v)", protocol, f.c.Tau), s, f.classes) {
			f.print("%s", line)
		}
	}
	return f.finish(f.encoder.result(protocol, f.classification.train.Name(), metrics, f.Seed, f.options), r.Scores, f.c.JSON)
}
