package config

import "fmt"

// Finetune are the options of fine-tuning.
type Finetune struct {
	Shared
	Ckpt           string  `flag:"ckpt" help:"checkpoint of the encoder; empty: train from scratch"`
	UseEMA         bool    `flag:"use_ema" help:"take the key encoder's weights"`
	NClass         int     `flag:"n_class" help:"number of classes; 0: the dataset's"`
	LastStages     int     `flag:"last_stages" help:"how many of the encoder's 5 stages (stem, layer1 … layer4) are trained, from the last; the others keep their weights and statistics"`
	LayerDecay     float64 `flag:"layer_decay" help:"factor of the learning rate from each stage to the one before it; the classifier has the full rate"`
	ClassifierRate float64 `flag:"classifier_lr" help:"learning rate of the classifier alone; 0: --learning_rate"`
	LabelFraction  float64 `flag:"label_fraction" help:"share of the training images of every class that is used, such as 0.01 or 0.1"`
	LabelSeed      uint64  `flag:"label_seed" help:"which images --label_fraction takes; they are listed in the run directory"`
	Sampling       string  `flag:"sampling" help:"instance: every image once an epoch, or class: classes equally often"`
	CRTEpochs      int     `flag:"crt_epochs" help:"epochs of a second stage that trains a new classifier on the frozen encoder with classes equally often (cRT); 0: none"`
	CRTRate        float64 `flag:"crt_lr" help:"learning rate of the second stage"`
	Tau            float64 `flag:"tau" help:"judge the τ-normalized classifier with this τ as well; 0: don't"`
	JSON           bool    `flag:"json" help:"print the result as JSON"`
}

// DefaultFinetune are the defaults of fine-tuning.
func DefaultFinetune() Finetune {
	s := defaultShared()
	s.Epochs, s.LearningRate, s.Milestones, s.BatchSize = 30, 0.01, []int{18, 24}, 64
	return Finetune{Shared: s, LastStages: 5, LayerDecay: 1, LabelFraction: 1, Sampling: "instance", CRTRate: 0.1}
}

// Resolve applies presets and says what would go wrong.
func (c *Finetune) Resolve(set map[string]bool) (warnings []string, err error) {
	if _, warnings, err = c.Shared.resolve(set); err != nil {
		return nil, err
	}
	c.amp()
	if err := first(c.Shared.validate(), oneOf("sampling", c.Sampling, "instance", "class")); err != nil {
		return nil, err
	}
	switch {
	case c.LastStages < 1 || c.LastStages > 5:
		return nil, fmt.Errorf("--last_stages: want 1 to 5 stages, got %d; contralens linear trains none", c.LastStages)
	case c.NClass < 0:
		return nil, fmt.Errorf("--n_class: want 0 (the dataset's) or the number of classes, got %d", c.NClass)
	case !(c.ClassifierRate >= 0):
		return nil, fmt.Errorf("--classifier_lr: want 0 (--learning_rate) or a number above it, got %v", c.ClassifierRate)
	}
	if err := first(fraction("layer_decay", c.LayerDecay), fraction("label_fraction", c.LabelFraction), atLeast("crt_epochs", c.CRTEpochs, 0), positive("crt_lr", c.CRTRate), within("tau", c.Tau, 0, 4)); err != nil {
		return nil, err
	}
	if !c.Cosine {
		warnings = append(warnings, c.milestoneWarning()...)
	}
	return append(warnings, c.distributedNotes()...), nil
}

// RunName names the run after the checkpoint's folder and the options.
func (c *Finetune) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultFinetune().Seed
	return c.Shared.runName(c.nameParts(), seedless.nameParts())
}

func (c *Finetune) nameParts() nameParts {
	d := DefaultFinetune()
	settings := "_finetune" + suffixes(c, &d,
		"learning_rate", "cosine", "lr_decay_epochs", "lr_decay_rate", "epochs", "batch_size", "weight_decay", "momentum",
		"last_stages", "layer_decay", "classifier_lr", "label_fraction", "label_seed", "sampling", "crt_epochs", "crt_lr",
		"dataset", "limit", "imbalance", "imbalance_seed", "crop", "aug_linear", "width", "stem", "input_res",
		"use_ema", "seed")
	encoder := ckptName(c.Ckpt)
	return nameParts{encoder + settings, encoder, settings, encoder + settings}
}
