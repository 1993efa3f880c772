package diagnose

import (
	"math"
	"slices"

	"contralens/scores/vitals"
)

const (
	flatLoss      = 0.8  // of chance: what perfect scores would reach
	flatEffective = 0.98 // of all negatives
	sharpScores   = 15   // standard deviations of negatives, in τ
	sharpCount    = 5    // effective negatives
	grownWeights  = 1.15 // growth of the weights' norm from a line to the next
	onePoint      = 0.01 // spread below which embeddings are nearly one point
	leastMove     = 0.02 // of the weights' norm, in the whole training
	moveLines     = 4
	narrowest     = 8  // dimensions
	nearLogits    = 50 // |score|/τ
	grownLength   = 3  // of the embeddings
	grownGradient = 100
)

// tauHigh: with this temperature, no scores could tell images apart.
func tauHigh(c *Case) *Diagnosis {
	tau := c.number("nce_t")
	chance, ok1 := c.now(vitals.Chance)
	effective, ok2 := c.recent(vitals.Effective, 2)
	if !ok1 || !ok2 || !(tau > 0) || effective < flatEffective {
		return nil
	}
	negatives := math.Expm1(chance)
	best := math.Log1p(negatives * math.Exp(-2/tau))
	if best < flatLoss*chance {
		return nil
	}
	return &Diagnosis{Cause: TauHigh, Certainty: Sure, Title: "The temperature is too high",
		Remedy: "--nce_t between 0.07 and 0.5 (with --method Customize)",
		Evidence: []Evidence{
			c.option("nce_t"),
			vital(vitals.Chance, "perfect scores would lower the loss only from %.2f to %.2f", chance, best),
			vital(vitals.Effective, "%.1f %% of the negatives share the gradient: all weigh the same", 100*effective),
		}}
}

// tauLow: a few negatives decide, whatever the others score.
func tauLow(c *Case) *Diagnosis {
	tau := c.number("nce_t")
	deviation, effective, chance := c.series(vitals.Deviation), c.series(vitals.Effective), c.series(vitals.Chance)
	if len(deviation) < 2 || len(effective) < 2 || len(chance) < 2 || !(tau > 0) {
		return nil
	}
	// Features that have collapsed since have close scores, so the first lines count as well.
	for i := range min(len(deviation), len(effective), len(chance)) {
		count := effective[i] * math.Expm1(chance[i])
		if i == 0 || deviation[i] < sharpScores*tau || count > sharpCount {
			continue
		}
		return &Diagnosis{Cause: TauLow, Certainty: Sure, Title: "The temperature is too low",
			Remedy: "--nce_t between 0.07 and 0.5 (with --method Customize)",
			Evidence: []Evidence{
				c.option("nce_t"),
				vital(vitals.Deviation, "scores of negatives deviate by %.0f τ", deviation[i]/tau),
				vital(vitals.Effective, "%.1f of %.0f negatives share the gradient", count, math.Expm1(chance[i])),
			}}
	}
	return nil
}

// rateHigh: the weights grow as they do not in a training that works, and embeddings become one point.
func rateHigh(c *Case) *Diagnosis {
	norms := c.series(vitals.QueryNorm)
	for i := range norms {
		if i == 0 || norms[i] < grownWeights*slices.Max(norms[:i]) {
			continue
		}
		d := &Diagnosis{Cause: RateHigh, Certainty: Unclear, Title: "The learning rate is too high",
			Remedy: "a lower --learning_rate, or --warm",
			Evidence: []Evidence{
				vital(vitals.QueryNorm, "the norm of the weights grew from %.1f to %.1f between two lines", norms[i-1], norms[i]),
				c.option("learning_rate"),
			}}
		least := math.Inf(1)
		for _, v := range c.series(vitals.Spread) {
			least = min(least, v)
		}
		if least < onePoint {
			d.Certainty = Sure
			d.Evidence = append(d.Evidence, vital(vitals.Spread, "embeddings came as close as a spread of %.2g", least))
			return d
		}
		d.Tell = "embeddings that become one point (spread below 0.01), or a loss that stays at chance"
		return d
	}
	return nil
}

// rateLow: the whole training can hardly move the weights.
func rateLow(c *Case) *Diagnosis {
	gradient, norms := c.series(vitals.Gradient), c.series(vitals.QueryNorm)
	rate, momentum := c.number("learning_rate"), c.number("momentum")
	if optimizer := c.Options["optimizer"]; optimizer != "" && optimizer != "sgd" {
		return nil // their steps do not have the length of the gradient
	}
	if len(gradient) < moveLines || len(norms) < moveLines || !(rate > 0) || !(momentum >= 0 && momentum < 1) {
		return nil
	}
	planned := float64(c.Lines[len(c.Lines)-1].Planned)
	moved := rate * average(gradient) * planned / (1 - momentum) / average(norms)
	if moved >= leastMove {
		return nil
	}
	return &Diagnosis{Cause: RateLow, Certainty: Sure, Title: "The learning rate is too low",
		Remedy: "a higher --learning_rate, such as 0.03 for batches of 256",
		Evidence: []Evidence{
			c.option("learning_rate"),
			vital(vitals.Gradient, "with a gradient of %.2g, all %.0f steps together can move the weights by at most %.1g of "+
				"their norm", average(gradient), planned, moved),
		}}
}

// narrowHead: the embedding has so few dimensions that images cannot be told apart.
func narrowHead(c *Case) *Diagnosis {
	dims := c.number("feat_dim")
	used, ok := c.recent(vitals.Dims, 2)
	if !ok || !(dims > 0) || dims > narrowest {
		return nil
	}
	return &Diagnosis{Cause: NarrowHead, Certainty: Sure, Title: "The projection head is too narrow",
		Remedy: "more dimensions: --feat_dim 128",
		Evidence: []Evidence{
			c.option("feat_dim"),
			vital(vitals.Dims, "the embeddings use %.1f of their %.0f dimensions", used, dims),
		}}
}

// nanNear: numbers grow towards what cannot be represented.
func nanNear(c *Case) *Diagnosis {
	tau := c.number("nce_t")
	d := &Diagnosis{Cause: NaNNear, Certainty: Sure, Title: "The numbers grow without limit",
		Remedy: "a head that normalizes its embeddings (--custom_head mlp), a lower --learning_rate, or --precision bf16 " +
			"or fp32 in place of fp16"}
	length := c.series(vitals.EmbeddingNorm)
	for i, v := range length {
		if i > 0 && v > grownLength*length[0] && v*v > nearLogits*tau {
			d.Evidence = append(d.Evidence, vital(vitals.EmbeddingNorm,
				"embeddings grew from a length of %.2g to %.2g, so scores reach %.0f τ", length[0], v, v*v/tau))
			break
		}
	}
	if loss, ok := c.now(vitals.Loss); ok {
		if chance, ok := c.now(vitals.Chance); ok && loss > 3*chance && len(length) > 0 && length[len(length)-1] > 2 {
			d.Evidence = append(d.Evidence, vital(vitals.Loss, "the loss is %.1f, chance is %.1f", loss, chance))
		}
	}
	gradient := c.series(vitals.Gradient)
	if n := len(gradient); n > 2 && gradient[n-1] > grownGradient*gradient[0] && gradient[n-1] > grownGradient {
		d.Evidence = append(d.Evidence, vital(vitals.Gradient, "the gradient grew from %.2g to %.2g", gradient[0],
			gradient[n-1]))
	}
	if len(d.Evidence) == 0 {
		return nil
	}
	return d
}
