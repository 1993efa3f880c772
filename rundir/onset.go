package rundir

import (
	"math"
	"slices"
	"strconv"

	"contralens/scores/record"
)

// NotYet is the onset of a transformation that has not started.
const NotYet = math.MaxInt

// Curves gives access to the recorded series of a run; scores.Source implements it.
type Curves interface {
	Series() []string
	Range() (first, last int)
	Curve(name string, from, to, points int) ([]record.Bin, error)
}

// Onset returns the first step whose features were transformed. It is 1 or the first
// recorded step if the run transforms from the beginning, NotYet if it has not started
// by its last recorded step, and 0 if the run transforms nothing or it is unknown. For a
// run whose options do not say whether it transforms, as those of other programs, λ does.
//
// options are those of run.json. If λ was recorded, the first λ determines the onset,
// whatever the options are: with --mix_start auto it depends on the scores, and a
// resumed run may have had other options before. Otherwise the onset is when both
// --mix_start_epoch and --mix_start_step have passed.
func Onset(options map[string]string, c Curves) (int, error) {
	transforms, known := options["mixnorm"]
	if known && transforms != "true" {
		return 0, nil
	}
	first, last := c.Range()
	at, recorded := NotYet, false
	for _, name := range []string{"lambda_pos", "lambda_neg"} {
		if !slices.Contains(c.Series(), name) {
			continue
		}
		recorded = true
		step, err := firstWhere(c, name, first, last, func(record.Bin) bool { return true })
		if err != nil {
			return 0, err
		}
		at = min(at, step)
	}
	switch {
	case !known && at == NotYet: // another program, which transforms nothing or does not record λ
		return 0, nil
	case recorded:
		return at, nil
	}
	if options["mix_start"] == "auto" {
		return 0, nil
	}
	step, _ := strconv.Atoi(options["mix_start_step"])
	at = max(0, step) + 1
	if epoch, _ := strconv.Atoi(options["mix_start_epoch"]); epoch > 0 && slices.Contains(c.Series(), "epoch") {
		begin, err := firstWhere(c, "epoch", first, last, func(b record.Bin) bool { return b.Max > float64(epoch) })
		if err != nil {
			return 0, err
		}
		at = max(at, begin)
	}
	if at > last {
		return NotYet, nil
	}
	return at, nil
}

// onsetBins is the number of bins that firstWhere requests at a time. A range of at most
// this number of steps has one step per bin.
const onsetBins = 64

// firstWhere returns the first step from … to at which a series has a value for which
// is holds, or NotYet. If is holds for such a step, it must hold for every bin that
// contains it.
func firstWhere(c Curves, name string, from, to int, is func(record.Bin) bool) (int, error) {
	bins, err := c.Curve(name, from, to, onsetBins)
	if err != nil {
		return 0, err
	}
	for i, b := range bins {
		if !is(b) {
			continue
		}
		if to-from < onsetBins {
			return b.Step, nil
		}
		// Look at the bin in more detail. It may also contain steps outside of the
		// range.
		parts := [][2]int{{max(from, b.Step), to}}
		if i+1 < len(bins) {
			parts[0][1] = min(to, bins[i+1].Step-1)
		}
		if parts[0] == [2]int{from, to} {
			middle := from + (to-from)/2
			parts = [][2]int{{from, middle}, {middle + 1, to}}
		}
		for _, p := range parts {
			if at, err := firstWhere(c, name, p[0], p[1], is); err != nil || at != NotYet {
				return at, err
			}
		}
	}
	return NotYet, nil
}
