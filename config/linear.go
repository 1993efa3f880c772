package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Linear are the options of linear evaluation.
type Linear struct {
	Weights
	Classifier
	LongTail
	Probe
	NClass int              `flag:"n_class" default:"1000" group:"data" everyday:"true" help:"number of classes; if it is not given, the dataset's"`
	Unread struct{ Tuning } `ignored:"true"`
}

// Probe are the options of training the linear classifier.
type Probe struct {
	_       struct{}  `group:"optimization"`
	Cached  bool      `flag:"cached" everyday:"true" name:"linear=12" help:"compute the features once, without augmentation: fast, and marked in the results"`
	Sweep   []float64 `flag:"lr_sweep" everyday:"true" name:"linear=13" help:"with --cached: learning rates to try at once, separated by commas; the best one on a held-out tenth of the training images is used"`
	Solver  string    `flag:"solver" default:"sgd" name:"linear=14" help:"sgd; or lbfgs, with --cached: logistic regression on standardized features"`
	FewShot int       `flag:"few_shot" name:"linear=20" help:"with lbfgs: labels per class; the images that have them are drawn --draws times, and accuracies are means over the draws; 0: all labels"`
	Draws   int       `flag:"draws" default:"5" name:"linear=21" help:"with --few_shot: number of draws"`
	L2      float64   `flag:"l2" default:"0.0001" name:"linear=15" help:"with lbfgs: factor of the penalty on the sum of the squared weights"`
}

// DefaultLinear returns the defaults of linear evaluation.
func DefaultLinear() (c Linear) {
	Defaults(&c)
	c.Epochs, c.LearningRate, c.Milestones, c.WeightDecay = 60, linearRate, []int{60, 80}, 0
	return c
}

// Resolve applies presets and checks all values. The warnings are notes for the user.
func (c *Linear) Resolve(set map[string]bool) (warnings []string, err error) {
	if warnings, err = c.Classifier.resolve(set); err != nil {
		return nil, err
	}
	c.Settle()
	switch {
	case c.NClass < 1:
		err = &ValueError{Option: "n_class", Want: "at least 1", Got: c.NClass}
	case !(c.L2 >= 0):
		err = &ValueError{Option: "l2", Want: "a penalty of at least 0", Got: c.L2}
	}
	err = first(err, between("few_shot", c.FewShot, 0, 1<<20), between("draws", c.Draws, 1, 1000))
	err = first(err, c.LongTail.check(), oneOf("solver", c.Solver, "sgd", "lbfgs"), c.cachedOptions(set))
	if err != nil {
		return nil, err
	}
	if c.Solver == "lbfgs" {
		return append(warnings, distributedNotes(&c.Dist, &c.Machine)...), nil
	}
	warnings = append(warnings, c.scheduleNotes()...)
	if len(c.Sweep) == 0 {
		warnings = append(warnings, c.rateWarning()...)
	}
	return warnings, nil
}

// Suit replaces defaults of the reference implementation that do not fit each other:
// batches of 16 at a rate for 256, and milestones at or after the last epoch. Options in
// set stay, and the others follow them. It changes nothing if set has a method or an option
// of the reference implementation's command lines. notes says what it chose.
func (c *Linear) Suit(set map[string]bool) (notes []string) {
	fields := Fields(c)
	if described(fields, set) || c.Solver != "sgd" {
		return nil
	}
	var chosen []string
	choose := func(option string, value any) {
		if set[option] {
			return
		}
		f := Find(fields, option)
		if err := f.Set(fmt.Sprint(value)); err != nil {
			panic(fmt.Sprintf("config: --%s: %v", option, err)) // a mistake in this function
		}
		chosen = append(chosen, fmt.Sprintf("--%s %s", option, f))
	}
	choose("batch_size", 64)
	if len(c.Sweep) == 0 {
		choose("learning_rate", linearRate*float64(c.BatchSize)/256)
	}
	if !c.Cosine {
		choose("lr_decay_epochs", join([]int{c.Epochs * 3 / 5, c.Epochs * 4 / 5}))
	}
	if len(chosen) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("chosen to fit each other: %s; with --method, defaults are the reference implementation's",
		strings.Join(chosen, " "))}
}

// ofSGD are the options that only the solver sgd has.
var ofSGD = names(Fields(&Optim{}))

func names(fields []Field) (all []string) {
	for _, f := range fields {
		all = append(all, f.Name)
	}
	return all
}

func anyOf(set map[string]bool, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return set[name] })
}

// cachedOptions refuses options that cannot be combined.
func (c *Linear) cachedOptions(set map[string]bool) error {
	switch {
	case c.Cached && (c.AugLinear != "NULL" || set["crop"]):
		return &ValueError{Option: "cached", Want: "neither --aug_linear nor --crop with it",
			Hint: "features are computed once, without augmentation"}
	case len(c.Sweep) > 0 && !c.Cached:
		return &ValueError{
			Option: "lr_sweep",
			Want:   "--cached as well",
			Hint:   "several rates are trained at once, on cached features",
		}
	case c.Solver == "lbfgs" && !c.Cached:
		return &ValueError{
			Option: "solver", Value: c.Solver,
			Want: "--cached as well",
			Hint: "the solver needs all features at once",
		}
	case c.FewShot > 0 && (c.Solver != "lbfgs" || c.Tau != 0):
		return &ValueError{
			Option: "few_shot", Value: c.FewShot,
			Want: "--cached --solver lbfgs as well, and no --tau",
			Hint: "each draw is a logistic regression on cached features",
		}
	case c.Solver == "lbfgs" && (len(c.Sweep) > 0 || c.Sampling != "instance" || anyOf(set, ofSGD)):
		return &ValueError{
			Option: "solver", Value: c.Solver,
			Want: "none of --lr_sweep, --sampling, --" + strings.Join(ofSGD, ", --") + " with it",
			Hint: "the solver has no learning rate and no epochs, and uses every image; its penalty is --l2",
		}
	}
	for _, r := range c.Sweep {
		if err := positive("lr_sweep", r); err != nil {
			return err
		}
	}
	return nil
}

// linearRate is the learning rate of the reference implementation, for a batch of 256.
const linearRate = 30

// rateWarning warns of a learning rate that is high for the batch: 30 is meant for a batch
// of 256.
func (c *Classifier) rateWarning() []string {
	fits := linearRate * float64(c.BatchSize) / 256
	if c.LearningRate <= 4*fits {
		return nil
	}
	return []string{fmt.Sprintf("a learning rate of %v is high for a batch of %d (%v is meant for 256): "+
		"give --learning_rate %.3g or --batch_size 256", c.LearningRate, c.BatchSize, float64(linearRate), fits)}
}

// UpstreamName returns the name that the reference implementation gives the run. set has
// the options that the user gave: the reference implementation prints a learning rate that
// was not given as an integer.
func (c *Linear) UpstreamName(set map[string]bool) string {
	rate := python(c.LearningRate)
	if !set["learning_rate"] {
		rate = strconv.FormatFloat(c.LearningRate, 'f', -1, 64)
	}
	name := fmt.Sprintf("%s_linear_%s_%s_lr%s", ckptName(c.Ckpt), c.AugLinear, python(c.Crop), rate)
	if c.Cosine {
		name += "_cosine"
	}
	return name + "_lrdecay[" + strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Milestones), " ", ", "), "[]") + "]"
}

// ckptName returns the name of the checkpoint's folder, for the names of runs that
// evaluate it.
func ckptName(ckpt string) string {
	if ckpt == "" {
		return "Scratch"
	}
	name := filepath.Base(filepath.Dir(ckpt))
	if name == "." {
		name = strings.TrimSuffix(filepath.Base(ckpt), filepath.Ext(ckpt))
	}
	return name
}

// RunName returns the names of the run. set is as in UpstreamName.
func (c *Linear) RunName(set map[string]bool) RunName {
	seedless := *c
	seedless.Seed = DefaultLinear().Seed
	return c.runName(c.Seed, c.nameParts(set), seedless.nameParts(set))
}

func (c *Linear) nameParts(set map[string]bool) nameParts {
	d := DefaultLinear()
	encoder, upstream := ckptName(c.Ckpt), c.UpstreamName(set)
	more := suffixes("linear", c, &d)
	// Shells read lrdecay[60, 80] as a pattern of two words.
	settings := strings.NewReplacer("[", "", "]", "", ", ", "-").Replace(strings.TrimPrefix(upstream, encoder))
	return nameParts{upstream + more, encoder, settings + more, encoder + settings + more}
}
