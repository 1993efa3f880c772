package config

import "fmt"

// Supervised are the options of training encoder and classifier from labels alone:
// the first row of the paper's table.
type Supervised struct {
	Shared
	NClass int  `flag:"n_class" help:"number of classes; 0: the dataset's"`
	JSON   bool `flag:"json" help:"print the result as JSON"`
}

// DefaultSupervised are the defaults of supervised training: those with which
// ResNets are usually trained on ImageNet.
func DefaultSupervised() Supervised {
	s := defaultShared()
	s.Epochs, s.LearningRate, s.Milestones, s.BatchSize, s.Crop = 90, 0.1, []int{30, 60}, 256, 0.08
	return Supervised{Shared: s}
}

// Resolve says what would go wrong.
func (c *Supervised) Resolve(set map[string]bool) (warnings []string, err error) {
	if _, warnings, err = c.Shared.resolve(set); err != nil {
		return nil, err
	}
	c.amp()
	if err := c.Shared.validate(); err != nil {
		return nil, err
	}
	if c.NClass < 0 {
		return nil, fmt.Errorf("--n_class: want 0 (the dataset's) or the number of classes, got %d", c.NClass)
	}
	if !c.Cosine {
		warnings = append(warnings, c.milestoneWarning()...)
	}
	return append(warnings, c.distributedNotes()...), nil
}

// Finetune is the same training as the fine-tuning of an untrained encoder, all of
// its stages at one rate.
func (c *Supervised) Finetune() Finetune {
	f := DefaultFinetune()
	f.Shared, f.NClass, f.JSON = c.Shared, c.NClass, c.JSON
	return f
}

// RunName names the run after the options.
func (c *Supervised) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultSupervised().Seed
	return c.Shared.runName(c.nameParts(), seedless.nameParts())
}

func (c *Supervised) nameParts() nameParts {
	d := DefaultSupervised()
	head := "supervised_" + c.Arch
	settings := suffixes(c, &d,
		"learning_rate", "cosine", "lr_decay_epochs", "lr_decay_rate", "epochs", "batch_size", "weight_decay", "momentum",
		"dataset", "limit", "imbalance", "imbalance_seed", "modal", "crop", "aug_linear", "width", "stem", "input_res",
		"seed") + precisionSuffix(&c.Shared)
	return nameParts{head + settings, head, settings, head + settings}
}
