package diagnose

import (
	"contralens/features/spectrum"
	"contralens/scores/vitals"
)

const (
	pointSpread = 0.003 // spread of embeddings that are one point, in collapseLines lines in a row
	pointFallen = 0.05  // of the first spread
	pointLines  = 2
	fewDims     = 2.5
	directed    = 0.02 // spread above which embeddings are no single point
	shrunk      = 0.7  // of the first norm of the weights
	wideHead    = 16   // dimensions of an embedding that can collapse to few
	fewAlive    = 0.1  // share of directions in use
	fewRank     = 2.5  // RankMe of embeddings
	closeFallen = 0.1  // of the first spread, of transformed features
	closeScores = 0.8  // of negatives that are as close as positives
)

// collapsed: all embeddings are one point.
func collapsed(c *Case) *Diagnosis {
	spread := c.series(vitals.Spread)
	n := len(spread)
	if n < 1+pointLines {
		return nil
	}
	for _, v := range spread[n-pointLines:] {
		if v >= pointSpread || v >= pointFallen*spread[0] {
			return nil
		}
	}
	d := &Diagnosis{Cause: CompleteCollapse, Certainty: Sure, Title: "The features have collapsed to one point",
		Remedy: "a lower --learning_rate, --warm, a momentum --alpha closer to 1, or a higher --nce_t",
		Evidence: []Evidence{vital(vitals.Spread, "the spread of the embeddings fell from %.2g to %.2g; 0 is one point",
			spread[0], spread[n-1])}}
	if v, ok := c.now(vitals.Uniformity); ok {
		d.Evidence = append(d.Evidence, vital(vitals.Uniformity, "uniformity %.2f; one point: 0, even: about -4", v))
	}
	if norm, first, ok := c.shrunk(); ok {
		d.Remedy = "a lower --weight_decay"
		d.Evidence = append(d.Evidence, vanished(first, norm))
	}
	return d
}

// tooEarly: features that were transformed before they were apart stay close together.
func tooEarly(c *Case) *Diagnosis {
	spread, transformed := c.series(vitals.Spread), c.series(vitals.Transformed)
	n := len(spread)
	if n < 1+pointLines || len(transformed) != n {
		return nil
	}
	for i := n - pointLines; i < n; i++ {
		if transformed[i] < 1 || spread[i] >= closeFallen*spread[0] {
			return nil
		}
	}
	positive, ok1 := c.now(vitals.Positive)
	negative, ok2 := c.now(vitals.Negative)
	if fill, ok := c.now(vitals.Fill); !ok1 || !ok2 || ok && fill < 1 || negative < closeScores {
		return nil
	}
	d := &Diagnosis{Cause: FTEarly, Certainty: Sure,
		Title:  "The feature transformation started before features were apart",
		Remedy: "a later start: --mix_start auto, or --mix_start_epoch",
		Evidence: []Evidence{
			vital(vitals.Transformed, "features are transformed, and they were from step %d on", c.onset()),
			vital(vitals.Spread, "the spread of the embeddings fell from %.2g to %.2g; 0 is one point", spread[0], spread[n-1]),
			vital(vitals.Negative, "negatives score %.2f, positives %.2f", negative, positive),
		}}
	return d
}

// onset is about the first step whose features were transformed.
func (c *Case) onset() int {
	last := 0
	for _, l := range c.Lines {
		if l.Values[vitals.Transformed] > 0 {
			return last + 1
		}
		last = l.Step
	}
	return 0
}

// shrunk reports whether the weights vanish.
func (c *Case) shrunk() (now, first float64, ok bool) {
	norms := c.series(vitals.QueryNorm)
	if len(norms) < 2 {
		return 0, 0, false
	}
	now, first = norms[len(norms)-1], norms[0]
	return now, first, now < shrunk*first
}

func vanished(first, now float64) Evidence {
	return vital(vitals.QueryNorm, "the norm of the weights fell from %.1f to %.1f", first, now)
}

// dimensional: embeddings differ, in a few directions only.
func dimensional(c *Case) *Diagnosis {
	if c.number("feat_dim") < wideHead {
		return nil
	}
	spread, ok1 := c.recent(vitals.Spread, 2)
	dims, ok2 := c.recent(vitals.Dims, 2)
	newest, ok3 := c.now(vitals.Spread)
	if !ok1 || !ok2 || !ok3 || min(spread, newest) < directed {
		return nil
	}
	d := &Diagnosis{Cause: DimensionalCollapse, Certainty: Sure, Title: "The features have collapsed to few dimensions",
		Remedy: "a lower --weight_decay or --learning_rate, weaker augmentation, or a head with a hidden layer " +
			"(--custom_head mlp)",
		Evidence: []Evidence{
			vital(vitals.Dims, "the embeddings of a batch use %.1f of %s dimensions", dims, c.Options["feat_dim"]),
			vital(vitals.Spread, "they are no single point: their spread is %.2g", spread),
		}}
	norm, first, vanishing := c.shrunk()
	if vanishing && dims < fewDims {
		d.Remedy = "a lower --weight_decay"
		d.Evidence = append(d.Evidence, vanished(first, norm))
		return d
	}
	if len(c.Spectra) == 0 {
		return nil
	}
	last := c.Spectra[len(c.Spectra)-1]
	rank, ok1 := last.Value("head", spectrum.RankMeName)
	alive, ok2 := last.Value("head", spectrum.AliveName)
	if !ok1 || !ok2 || rank >= fewRank || alive >= fewAlive {
		return nil
	}
	d.Evidence = append(d.Evidence, measured(spectrum.RankMeName, "RankMe of the embeddings is %.1f", rank),
		measured(spectrum.AliveName, "%.0f %% of the directions are in use", 100*alive))
	if dims >= fewDims {
		d.Certainty = Unclear
		d.Tell = "the next spectrum: batches use more dimensions than the probe set, which batch norm with running " +
			"statistics sees"
	}
	return d
}
