package diagnose

import (
	"fmt"
	"math"

	"contralens/scores/vitals"
)

const (
	flatShare   = 0.3 // of images or views without contrast
	grayShare   = 0.98
	equalShare  = 0.3  // of images whose views are nearly the same
	equalRatio  = 0.15 // of the difference of both views to that of different images
	copiesEach  = 0.5  // further copies of an image
	fewestTwins = 5
	orderBelow  = 0.5 // of the difference of neighbors' indices in a random order
	alikeErrors = 2.0 // standard errors of the variance of the batches' colors by that of a random order, which is 1
	orderLines  = 4
)

// flatInputs: images or views have no contrast.
func flatInputs(c *Case) *Diagnosis {
	d := &Diagnosis{Cause: FlatInputs, Certainty: Sure, Title: "Images without contrast",
		Remedy: "look at the images and how they are read (contralens look, contralens data stats): black files, a wrong " +
			"range of values (--gray16), or augmentation that leaves nothing (--aug)"}
	if in := c.inputs(); in != nil && in.Flat >= flatShare {
		d.Evidence = append(d.Evidence, vital("inputs", "%.0f %% of %d sampled images have nearly one color", 100*in.Flat,
			in.Sampled))
	}
	if v, ok := c.now(vitals.ViewFlat); ok && v >= flatShare {
		d.Evidence = append(d.Evidence, vital(vitals.ViewFlat, "%.0f %% of the views deviate by less than 3 of 255", 100*v))
	}
	if len(d.Evidence) == 0 {
		return nil
	}
	return d
}

// grayInputs: a dataset without colors is no fault by itself.
func grayInputs(c *Case) *Diagnosis {
	in := c.inputs()
	if in == nil || in.Gray < grayShare || in.Flat >= flatShare {
		return nil
	}
	return &Diagnosis{Cause: GrayInputs, Certainty: Note, Title: "Images without color",
		Remedy:   "if they should have colors, look at how they are read; if not, color augmentation has nothing to change",
		Evidence: []Evidence{vital("inputs", "%.0f %% of %d sampled images are gray", 100*in.Gray, in.Sampled)}}
}

// deadViews: augmentation leaves both views nearly the same.
func deadViews(c *Case) *Diagnosis {
	ratio, ok1 := c.now(vitals.ViewRatio)
	equal, ok2 := c.now(vitals.ViewEqual)
	if !ok1 || !ok2 || ratio >= equalRatio && equal < equalShare {
		return nil
	}
	return &Diagnosis{Cause: DeadViews, Certainty: Sure, Title: "Both views of an image are nearly the same",
		Remedy: "stronger augmentation: --aug B, smaller crops (--crop 0.2), color jitter (--jitter_p)",
		Evidence: []Evidence{
			vital(vitals.ViewRatio, "views of an image differ by %.2f of what views of different images do", ratio),
			vital(vitals.ViewEqual, "of %.0f %% of the images both views are nearly equal", 100*equal),
		}}
}

// duplicates: the same picture is in the data several times.
func duplicates(c *Case) *Diagnosis {
	in := c.inputs()
	if in == nil || in.Twins < fewestTwins || in.Copies < copiesEach {
		return nil
	}
	return &Diagnosis{Cause: Duplicates, Certainty: Sure, Title: "The same images several times",
		Remedy: "remove the copies (contralens look lists near-duplicates): a copy of an image is a false negative",
		Evidence: []Evidence{
			vital("inputs", "%d pairs of the same picture among %d images, so an image of the %d has about %.1f copies",
				in.Twins, in.Sampled, in.Images, in.Copies),
		}}
}

// notShuffled: batches have images that lie side by side, and these are alike.
func notShuffled(c *Case) *Diagnosis {
	order, ok := c.recent(vitals.Order, orderLines)
	if !ok || order >= orderBelow {
		return nil
	}
	d := &Diagnosis{Cause: NotShuffled, Certainty: Sure, Title: "Images come in the order of the files",
		Remedy: "shuffle: --streams 0, a longer --shuffle_window, more --streams, or shards that were shuffled when packed",
		Evidence: []Evidence{
			vital(vitals.Order, "indices of neighbors in a batch differ by %.2f of what they do in a random order", order),
		}}
	alike, ok := c.alike()
	if ok {
		d.Evidence = append(d.Evidence, vital(vitals.ColorRed, "mean colors of batches vary %.1f times as much as those of "+
			"random batches", alike))
	}
	if limit := 1 + alikeErrors*math.Sqrt(2/float64(len(c.series(vitals.ColorRed))-1)); !ok || alike < limit {
		d.Certainty = Unclear
		d.Tell = fmt.Sprintf("files in an order of classes or scenes make batches differ in color (above %.1f with so many "+
			"lines); if they do not, the files may have been shuffled before", limit)
	}
	return d
}

// alike is the variance of the batches' mean colors, times the size of a batch, by the variance of images
// within batches: about 1 for random batches.
func (c *Case) alike() (ratio float64, ok bool) {
	size := c.number("batch_size")
	within := c.series(vitals.ColorBetween)
	if len(within) < orderLines || math.IsNaN(size) {
		return 0, false
	}
	between := 0.0
	for _, name := range []string{vitals.ColorRed, vitals.ColorGreen, vitals.ColorBlue} {
		values := c.series(name)
		mean := average(values)
		for _, v := range values {
			between += (v - mean) * (v - mean) / float64(len(values)-1)
		}
	}
	if average(within) <= 0 {
		return 0, false
	}
	return between * size / average(within), true
}
