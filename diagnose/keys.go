package diagnose

import (
	"math"
	"strconv"

	"contralens/scores/vitals"
)

const (
	frozenLines   = 3     // in which the key encoder's norm is the same to the last digit
	frozenApart   = 0.005 // distance of both encoders, of the query's norm, that a key encoder would have followed
	frozenAlpha   = 0.99999
	leakDeviates  = 3.0 // standard errors of the gap
	leakLines     = 3
	identicalFrom = 2 // lines after the first step
)

// keyFrozen: the key encoder never changes.
func keyFrozen(c *Case) *Diagnosis {
	norms, apart := c.series(vitals.KeyNorm), c.series(vitals.KeyDistance)
	if len(norms) < frozenLines || len(apart) != len(norms) || apart[len(apart)-1]-apart[0] < frozenApart {
		return nil
	}
	for _, v := range norms {
		if v != norms[0] {
			return nil
		}
	}
	d := &Diagnosis{Cause: KeyFrozen, Certainty: Sure, Title: "The key encoder is frozen",
		Remedy: "--alpha below 1, such as 0.99 for a short training and 0.999 for a long one",
		Evidence: []Evidence{
			vital(vitals.KeyNorm, "the norm of its weights has been %.4f in %d lines, to the last digit", norms[0], len(norms)),
			vital(vitals.KeyDistance, "the query encoder is %.3f of its norm away from it", apart[len(apart)-1]),
		}}
	if alpha := c.number("alpha"); alpha < frozenAlpha {
		d.Certainty, d.Tell = Unclear, "--alpha below 1 says that it should follow: weights that were never updated, or a "+
			"rate so low that rounding hides the change"
	}
	if c.Options["alpha"] != "" {
		d.Evidence = append(d.Evidence, c.option("alpha"))
	}
	return d
}

// keyIdentical: the key encoder is the query encoder.
func keyIdentical(c *Case) *Diagnosis {
	apart, gradient := c.series(vitals.KeyDistance), c.series(vitals.Gradient)
	if len(apart) < 1+identicalFrom {
		return nil
	}
	for _, v := range apart {
		if v != 0 {
			return nil
		}
	}
	if len(gradient) == 0 || gradient[0] == 0 {
		return nil // nothing has moved
	}
	d := &Diagnosis{Cause: KeyIdentical, Certainty: Sure, Title: "The key encoder is the query encoder",
		Remedy: "a momentum of the key encoder, --alpha 0.99 or 0.999; without one, the queue has keys of other encoders " +
			"and the features collapse",
		Evidence: []Evidence{
			vital(vitals.KeyDistance, "both encoders have had the same weights in %d lines", len(apart)),
		}}
	if c.Options["alpha"] != "" {
		d.Evidence = append(d.Evidence, c.option("alpha"))
	}
	return d
}

// bnLeak: batch norm tells which key belongs to a query, because keys pass it in the groups of their queries.
func bnLeak(c *Case) *Diagnosis {
	gaps := c.series(vitals.GroupGap)
	groups, size := c.number("bn_splits"), c.number("batch_size")
	if len(gaps) < leakLines || c.Options["shuffle_bn"] != "none" || !(groups > 1) || !(size > groups) {
		return nil
	}
	pairs := size * (size/groups - 1)
	gap := average(gaps)
	errors := math.Abs(gap) * math.Sqrt(pairs*float64(len(gaps)))
	d := &Diagnosis{Cause: BNLeak, Certainty: Sure, Title: "Batch norm tells which key belongs to a query",
		Remedy: "shuffle the keys (--shuffle_bn exchange), or larger groups (fewer --bn_splits, or --sync_bn)",
		Evidence: []Evidence{
			vital(vitals.GroupGap, "keys of other images of the same group score %+.2f standard deviations from those of other "+
				"groups, %.1f standard errors", gap, errors),
			c.option("shuffle_bn"),
			{Text: "groups of " + strconv.Itoa(int(size/groups)) + " images", Where: "run.json: batch_size, bn_splits"},
		}}
	if errors < leakDeviates {
		d.Certainty = Unclear
		d.Tell = "more steps: the scores do not depend on the group so far"
	}
	return d
}

// queueTooLong: the queue holds older keys of the query's own image.
func queueTooLong(c *Case) *Diagnosis {
	k := c.number("nce_k")
	if c.memory() != "moco" || c.Images == 0 || c.Options["mask_self"] == "true" || !(k >= float64(c.Images)) {
		return nil
	}
	d := &Diagnosis{Cause: QueueTooLong, Certainty: Sure, Title: "The queue is longer than the data",
		Remedy: "a shorter queue (--nce_k), or --mask_self: older keys of an image are negatives of itself",
		Evidence: []Evidence{{
			Text:  "a queue of " + c.Options["nce_k"] + " keys of " + strconv.Itoa(c.Images) + " images",
			Where: "run.json: nce_k",
		}}}
	if own, ok := c.now(vitals.Own); ok && own > 0 {
		d.Evidence = append(d.Evidence, vital(vitals.Own, "keys of the own image give %.2f %% of the negatives' gradient",
			100*own))
	}
	return d
}
