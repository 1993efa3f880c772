package config

import "fmt"

// Classifier are the options that all commands that train a classifier share: linear
// evaluation, fine-tuning, and supervised training.
type Classifier struct {
	Data
	LinearViews
	Crops
	Net `hides:"head feat_dim"` // a classifier sits on the features before the head
	MethodName
	Optim
	Seeding
	Machine
	Output
	Dist
	Printing
	Ignored struct {
		Objective
		Apex
		Pruning
	} `ignored:"true"`
}

// Norms say whose images share the statistics of batch norm, if the encoder is trained.
type Norms struct {
	_        struct{} `group:"network"`
	BNSplits int      `flag:"bn_splits" default:"1" group:"method" name:"finetune=31 supervised=23" help:"groups that each batch is split into, each with its own batch-norm statistics, as on several devices; with several processes at least one for each"`
	SyncBN   bool     `flag:"sync_bn" name:"finetune=32 supervised=24" help:"with several processes: batch-norm statistics of the whole batch, summed over the processes in every layer, as one process has them without --bn_splits"`
}

// check checks the options for batches of a size.
func (n *Norms) check(batch int) error {
	switch half := max(1, batch/2); {
	case n.SyncBN && n.BNSplits > 1:
		return &ValueError{Option: "sync_bn", Value: n.SyncBN,
			Want: "statistics of the whole batch, which --bn_splits divides", Hint: "give one of them"}
	case n.BNSplits < 1 || n.BNSplits > half:
		return &ValueError{
			Option: "bn_splits", Want: fmt.Sprintf("1 to %d, half of --batch_size", half), Got: n.BNSplits,
			Hint: "a split needs two images",
		}
	}
	return nil
}

// LongTail are the options for datasets whose classes differ in size.
type LongTail struct {
	_        struct{} `group:"optimization"`
	Sampling string   `flag:"sampling" default:"instance" name:"linear=16 finetune=14" help:"instance: every image once per epoch; class: every class equally often (with linear on a long-tailed checkpoint of finetune, this is cRT)"`
	Tau      float64  `flag:"tau" help:"also evaluate the τ-normalized classifier with this τ; 0: skip it"`
}

func (t *LongTail) check() error {
	return first(oneOf("sampling", t.Sampling, "instance", "class"), within("tau", t.Tau, 0, 4))
}

// resolve applies the method's preset and checks all values.
func (c *Classifier) resolve(set map[string]bool) (warnings []string, err error) {
	_, warnings, err = resolvePreset(c.Method, &c.Net, &c.Ignored.Objective, set)
	if err != nil {
		return nil, err
	}
	c.amp()
	return append(warnings, c.ampNotes()...), first(c.Dist.check(), c.Output.check(), c.Data.check(),
		c.Net.check(),
		c.Machine.check(), c.Optim.check(), c.Crops.check(), oneOf("aug_linear", c.AugLinear, "NULL", "RA"))
}

// scheduleNotes returns notes about the schedule and about distributed training.
func (c *Classifier) scheduleNotes() (notes []string) {
	if !c.Cosine {
		notes = c.milestoneWarning()
	}
	return append(notes, distributedNotes(&c.Dist, &c.Machine)...)
}

// classes checks --n_class where 0 stands for the dataset's number of classes.
func classes(n int) error {
	if n >= 0 {
		return nil
	}
	return &ValueError{Option: "n_class", Want: "0 (the dataset's) or the number of classes", Got: n}
}
