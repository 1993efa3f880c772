package config

import (
	"fmt"
	"slices"
)

// withLoss says which losses an option of Relatives belongs to.
var withLoss = map[string][]string{
	"dclw_sigma": {"dclw"}, "tau_plus": {"debiased", "hcl"}, "hcl_beta": {"hcl"},
	"rince_q": {"rince"}, "rince_lambda": {"rince"}, "macl_alpha": {"macl"}, "macl_a0": {"macl"},
}

// Idle returns the options that have no effect beside the others, each with what would give it one.
func (c *Contrast) Idle() map[string]string {
	idle := map[string]string{}
	put := func(is bool, only string, names ...string) {
		for _, name := range names {
			if is {
				idle[name] = only
			}
		}
	}
	for name, losses := range withLoss {
		put(!slices.Contains(losses, c.Loss), "with --loss "+oneOfThese(losses), name)
	}
	put(c.Synthetic == "none", "with --synthetic", "synthetic_from", "synthetic_counts", "synthetic_start_epoch")
	put(c.ImageMixup == "none", "with --image_mixup", "image_mixup_alpha")
	put(c.HighestTau == 0, "with --nce_t_high", "nce_t_period")
	put(c.Optimizer.Optimizer != "lars", "with --optimizer lars", "lars_trust")
	put(c.Optimizer.Optimizer != "adamw", "with --optimizer adamw", "adam_beta2")
	put(c.Optimizer.Optimizer == "lars", "with --optimizer sgd or adamw", "decay_weights")
	// A memory of a method of one's own may use any of these.
	is := func(names ...string) bool { return slices.Contains(names, c.Memory) }
	put(is("none", "target"), "with negatives", "nce_t")
	put(is("batch", "none", "target"), "with a queue or a memory bank", "nce_k")
	put(is("moco", "batch", "none", "target"), "with a memory bank", "nce_m")
	put(is("bank", "batch", "none"), "with a key encoder", "alpha", "shuffle_bn")
	put(!c.Jigsaw, "with --jigsaw", "beta")
	put(c.Cosine, "without --cosine", "lr_decay_epochs")
	c.idleTransform(put)
	return idle
}

// idleTransform puts the options of the transformation that have no effect. Those of a missing one have
// a note of their own.
func (c *FeatureTransform) idleTransform(put func(is bool, only string, names ...string)) {
	if !c.MixNorm {
		return
	}
	put(c.AlphaAuto, "where the scores do not choose it, as with --ft auto", "pos_alpha", "neg_alpha")
	put(!c.eachSide(), "with --ft, or with --mixnorm_target posneg and --sep_alpha", "pos_alpha", "neg_alpha")
	put(c.MixTarget == "neg", "where positives are transformed", "pos_alpha")
	put(c.MixTarget == "pos", "where negatives are transformed", "neg_alpha")
	put(c.eachSide() || c.Distribution == "uniform", "where both sides have one α of a beta distribution", "beta_alpha")
	put(!c.PostmixNorm, "with --postmix_norm", "norm_target")
}

// idleNotes names options that were set and have no effect.
func (c *Contrast) idleNotes(set map[string]bool) (notes []string) {
	idle := c.Idle()
	for _, f := range Fields(c) {
		if only, is := idle[f.Name]; is && set[f.Name] && f.Changed() {
			notes = append(notes, fmt.Sprintf("--%s has an effect only %s", f.Name, only))
		}
	}
	return notes
}

// oneOfThese joins one or two words with or.
func oneOfThese(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return words[0] + " or " + words[1]
}
