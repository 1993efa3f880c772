package config

// Supervised are the options of training encoder and classifier from labels alone:
// the first row of the paper's table.
type Supervised struct {
	Classifier
	NClass int `flag:"n_class" group:"data" everyday:"true" help:"number of classes; 0: the dataset's"`
	Tuning
	Unread struct {
		Strict bool `flag:"strict" group:"network" repeat:"true" help:"refuse weights that differ from the network in any tensor"`
	} `ignored:"true"`
}

// DefaultSupervised are the defaults of supervised training: those with which
// ResNets are usually trained on ImageNet.
func DefaultSupervised() (c Supervised) {
	Defaults(&c)
	c.Epochs, c.LearningRate, c.Milestones, c.BatchSize, c.Crop = 90, 0.1, []int{30, 60}, 256, 0.08
	return c
}

// Resolve says what would go wrong.
func (c *Supervised) Resolve(set map[string]bool) (warnings []string, err error) {
	if warnings, err = c.Classifier.resolve(set); err == nil {
		err = classes(c.NClass)
	}
	if err != nil {
		return nil, err
	}
	return append(warnings, c.scheduleNotes()...), nil
}

// Finetune is the same training as the fine-tuning of an untrained encoder, all of
// its stages at one rate.
func (c *Supervised) Finetune() Finetune {
	f := DefaultFinetune()
	f.Classifier, f.Tuning, f.NClass = c.Classifier, c.Tuning, c.NClass
	return f
}

// RunName names the run after the options.
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
