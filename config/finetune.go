package config

// Finetune are the options of fine-tuning.
type Finetune struct {
	Weights
	Classifier
	Stages
	LongTail
	Labels
	Retraining
	Norms
	NClass int `flag:"n_class" group:"data" everyday:"true" help:"number of classes; 0: the dataset's"`
	Tuning
}

// Stages says which stages of the encoder are trained, and at which rates.
type Stages struct {
	_              struct{} `group:"optimization"`
	LastStages     int      `flag:"last_stages" default:"5" name:"finetune=9" help:"number of the encoder's 5 stages (stem, layer1 to layer4) to train, counted from the last; the others keep their weights and statistics"`
	LayerDecay     float64  `flag:"layer_decay" default:"1" name:"finetune=10" help:"factor on the learning rate from each stage to the one before it; the classifier has the full rate"`
	ClassifierRate float64  `flag:"classifier_lr" name:"finetune=11" help:"learning rate of the classifier alone; 0: --learning_rate"`
}

// Labels says which training images are used with their labels.
type Labels struct {
	_             struct{} `group:"data"`
	LabelFraction float64  `flag:"label_fraction" default:"1" everyday:"true" name:"finetune=12 detect=35" help:"share of the training images to use in every class, such as 0.01 or 0.1"`
	LabelSeed     uint64   `flag:"label_seed" repeat:"true" name:"finetune=13 detect=36" help:"seed for choosing the images of --label_fraction; the run directory lists them"`
}

// Retraining are the options of a second stage: classifier re-training (cRT, Kang et al.,
// ICLR 2020).
type Retraining struct {
	_         struct{} `group:"optimization"`
	CRTEpochs int      `flag:"crt_epochs" name:"finetune=15" help:"epochs of a second stage (cRT), which trains a new classifier on the frozen encoder with every class equally often; 0: none"`
	CRTRate   float64  `flag:"crt_lr" default:"0.1" name:"finetune=16" help:"learning rate of the second stage"`
}

// DefaultFinetune returns the defaults of fine-tuning.
func DefaultFinetune() (c Finetune) {
	Defaults(&c)
	c.Epochs, c.LearningRate, c.Milestones, c.BatchSize = 30, 0.01, []int{18, 24}, 64
	return c
}

// Resolve applies presets and checks all values. The warnings are notes for the user.
func (c *Finetune) Resolve(set map[string]bool) (warnings []string, err error) {
	if warnings, err = c.Classifier.resolve(set); err != nil {
		return nil, err
	}
	switch {
	case c.LastStages < 1 || c.LastStages > 5:
		err = &ValueError{
			Option: "last_stages",
			Want:   "1 to 5 stages", Got: c.LastStages,
			Hint: "contralens linear trains only a classifier",
		}
	case !(c.ClassifierRate >= 0):
		err = &ValueError{Option: "classifier_lr", Want: "0 (use --learning_rate) or a number above 0", Got: c.ClassifierRate}
	}
	err = first(err, classes(c.NClass), c.Norms.check(c.BatchSize), c.LongTail.check(),
		fraction("layer_decay", c.LayerDecay), fraction("label_fraction", c.LabelFraction),
		atLeast("crt_epochs", c.CRTEpochs, 0), positive("crt_lr", c.CRTRate))
	if err != nil {
		return nil, err
	}
	return append(warnings, c.scheduleNotes()...), nil
}

// RunName returns the names of the run, made from the checkpoint's folder and the options.
func (c *Finetune) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultFinetune().Seed
	return c.runName(c.Seed, c.nameParts(), seedless.nameParts())
}

func (c *Finetune) nameParts() nameParts {
	d := DefaultFinetune()
	settings := "_finetune" + suffixes("finetune", c, &d)
	encoder := ckptName(c.Ckpt)
	return nameParts{encoder + settings, encoder, settings, encoder + settings}
}
