package config

// Supervised are the options of training an encoder and a classifier from labels alone: the
// first row of the paper's table.
type Supervised struct {
	Classifier
	Norms
	NClass int `flag:"n_class" group:"data" everyday:"true" help:"number of classes; 0: the dataset's"`
	Tuning
	Unread struct {
		Strict bool `flag:"strict" group:"network" repeat:"true" help:"require the checkpoint's tensors to match the network exactly"`
	} `ignored:"true"`
}

// DefaultSupervised returns the usual settings for training a ResNet on ImageNet.
func DefaultSupervised() (c Supervised) {
	Defaults(&c)
	c.Epochs, c.LearningRate, c.Milestones, c.BatchSize, c.Crop = 90, 0.1, []int{30, 60}, 256, 0.08
	return c
}

// Resolve applies presets and checks all values. The warnings are notes for the user.
func (c *Supervised) Resolve(set map[string]bool) (warnings []string, err error) {
	if warnings, err = c.Classifier.resolve(set); err == nil {
		err = first(classes(c.NClass), c.Norms.check(c.BatchSize))
	}
	if err != nil {
		return nil, err
	}
	return append(warnings, c.scheduleNotes()...), nil
}

// Finetune returns the same training as fine-tuning: an untrained encoder, all stages at
// one rate.
func (c *Supervised) Finetune() Finetune {
	f := DefaultFinetune()
	f.Classifier, f.Norms, f.Tuning, f.NClass = c.Classifier, c.Norms, c.Tuning, c.NClass
	return f
}

// RunName returns the names of the run, made from the options.
func (c *Supervised) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultSupervised().Seed
	return c.runName(c.Seed, c.nameParts(), seedless.nameParts())
}

func (c *Supervised) nameParts() nameParts {
	d := DefaultSupervised()
	head := "supervised_" + c.Arch
	settings := suffixes("supervised", c, &d) + precisionSuffix(&c.Machine)
	return nameParts{head + settings, head, settings, head + settings}
}
