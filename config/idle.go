package config

import (
	"fmt"
	"maps"
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
	put(c.AlphaAuto, "where the scores do not choose it, as with --ft auto", "pos_alpha", "neg_alpha")
	return idle
}

// idleNotes names options that were set and have no effect.
func (c *Contrast) idleNotes(set map[string]bool) (notes []string) {
	idle := c.Idle()
	for _, name := range slices.Sorted(maps.Keys(idle)) {
		if set[name] {
			notes = append(notes, fmt.Sprintf("--%s has an effect only %s", name, idle[name]))
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
