package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Linear are the options of linear evaluation.
type Linear struct {
	Shared
	Ckpt     string    `flag:"ckpt" help:"checkpoint of the encoder; empty: an untrained one"`
	NClass   int       `flag:"n_class" help:"number of classes; when it is not given, the dataset's"`
	UseEMA   bool      `flag:"use_ema" help:"take the key encoder's weights"`
	Cached   bool      `flag:"cached" help:"compute the features once, without augmentation: quick, and labeled so in the results"`
	Sweep    []float64 `flag:"lr_sweep" help:"with --cached: learning rates to try at once, separated by commas; a tenth of the training images, held out, chooses"`
	Solver   string    `flag:"solver" help:"sgd, or with --cached lbfgs: logistic regression on standardized features"`
	L2       float64   `flag:"l2" help:"lbfgs: the penalty is this times the sum of the squared weights"`
	Sampling string    `flag:"sampling" help:"instance: every image once an epoch, or class: classes equally often (with a long-tailed --ckpt from finetune this is cRT)"`
	Tau      float64   `flag:"tau" help:"judge the τ-normalized classifier with this τ as well; 0: don't"`
	JSON     bool      `flag:"json" help:"print the result as JSON"`
}

// DefaultLinear are the defaults of linear evaluation.
func DefaultLinear() Linear {
	s := defaultShared()
	s.Epochs, s.LearningRate, s.Milestones, s.WeightDecay = 60, linearRate, []int{60, 80}, 0
	return Linear{Shared: s, NClass: 1000, Solver: "sgd", L2: 1e-4, Sampling: "instance"}
}

// Resolve applies presets and says what would go wrong.
func (c *Linear) Resolve(set map[string]bool) (warnings []string, err error) {
	_, warnings, err = c.Shared.resolve(set)
	if err != nil {
		return nil, err
	}
	c.Settle()
	if c.NClass < 1 {
		return nil, fmt.Errorf("--n_class: want at least 1, got %d", c.NClass)
	}
	if err := first(c.Shared.validate(), within("tau", c.Tau, 0, 4), oneOf("solver", c.Solver, "sgd", "lbfgs"), oneOf("sampling", c.Sampling, "instance", "class"), c.cachedOptions(set)); err != nil {
		return nil, err
	}
	if !(c.L2 >= 0) {
		return nil, fmt.Errorf("--l2: want a penalty of at least 0, got %v", c.L2)
	}
	if c.Solver == "sgd" {
		if !c.Cosine {
			warnings = append(warnings, c.milestoneWarning()...)
		}
		if len(c.Sweep) == 0 {
			warnings = append(warnings, c.rateWarning()...)
		}
	}
	return append(warnings, c.distributedNotes()...), nil
}

// cachedOptions refuses what cannot be had together.
func (c *Linear) cachedOptions(set map[string]bool) error {
	switch {
	case c.Cached && (c.AugLinear != "NULL" || set["crop"]):
		return fmt.Errorf("--cached: the features are computed once, without augmentation; leave --aug_linear and --crop out, or --cached")
	case len(c.Sweep) > 0 && !c.Cached:
		return fmt.Errorf("--lr_sweep: several rates are trained at once on cached features; give --cached as well")
	case c.Solver == "lbfgs" && !c.Cached:
		return fmt.Errorf("--solver lbfgs: it needs all features at once; give --cached as well")
	case c.Solver == "lbfgs" && (len(c.Sweep) > 0 || set["learning_rate"] || c.Sampling != "instance"):
		return fmt.Errorf("--solver lbfgs: it has no learning rate and takes every image; leave --lr_sweep, --learning_rate and --sampling out")
	}
	for _, r := range c.Sweep {
		if err := positive("lr_sweep", r); err != nil {
			return err
		}
	}
	return nil
}

// linearRate is the reference's rate for a batch of 256.
const linearRate = 30

// rateWarning tells of a rate that is high for its batch: 30 belongs to a batch
// of 256.
func (s *Shared) rateWarning() []string {
	fits := linearRate * float64(s.BatchSize) / 256
	if s.LearningRate <= 4*fits {
		return nil
	}
	return []string{fmt.Sprintf("a learning rate of %v is high for a batch of %d (%v is meant for 256): give --learning_rate %.3g or --batch_size 256", s.LearningRate, s.BatchSize, float64(linearRate), fits)}
}

// UpstreamName is the name that the reference implementation gives the run. set
// has the options that the user gave: a rate that was not given prints as an
// integer there.
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

// ckptName is what a checkpoint gives to the names of runs that judge it: its
// folder's name.
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

// RunName names the run. set is as in UpstreamName.
func (c *Linear) RunName(set map[string]bool) RunName {
	seedless := *c
	seedless.Seed = DefaultLinear().Seed
	return c.Shared.runName(c.nameParts(set), seedless.nameParts(set))
}

func (c *Linear) nameParts(set map[string]bool) nameParts {
	d := DefaultLinear()
	encoder, upstream := ckptName(c.Ckpt), c.UpstreamName(set)
	more := suffixes(c, &d, "dataset", "limit", "imbalance", "imbalance_seed", "width", "stem", "input_res", "seed",
		"weight_decay", "momentum", "use_ema", "cached", "lr_sweep", "solver", "l2", "sampling")
	// Shells read lrdecay[60, 80] as a pattern of two words.
	settings := strings.NewReplacer("[", "", "]", "", ", ", "-").Replace(strings.TrimPrefix(upstream, encoder))
	return nameParts{upstream + more, encoder, settings + more, encoder + settings + more}
}
