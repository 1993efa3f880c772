// Package diagnose says why a training goes wrong, without labels: functions of what a run has recorded
// (options, vitals, spectra) to causes, each with its evidence and a remedy. It has no tensors and
// writes nothing. docs/diagnosis.md describes the causes.
package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"contralens/features/spectrum"
	"contralens/internal/humanize"
	"contralens/scores/vitals"
)

// Cause names what is wrong.
type Cause string

// The causes.
const (
	CompleteCollapse    Cause = "complete-collapse"
	DimensionalCollapse Cause = "dimensional-collapse"
	BNLeak              Cause = "bn-leak"
	QueueTooLong        Cause = "queue-too-long"
	Duplicates          Cause = "duplicates"
	TauHigh             Cause = "tau-high"
	TauLow              Cause = "tau-low"
	KeyFrozen           Cause = "key-frozen"
	KeyIdentical        Cause = "key-identical"
	RateHigh            Cause = "rate-high"
	RateLow             Cause = "rate-low"
	FTEarly             Cause = "ft-early"
	DeadViews           Cause = "dead-views"
	FlatInputs          Cause = "flat-inputs"
	GrayInputs          Cause = "gray-inputs"
	NotShuffled         Cause = "not-shuffled"
	NarrowHead          Cause = "narrow-head"
	NaNNear             Cause = "nan-near"
)

// Causes lists all causes. One that explains others comes before them.
var Causes = []Cause{
	FlatInputs, DeadViews, Duplicates, NotShuffled, NaNNear, RateHigh, KeyFrozen, KeyIdentical, BNLeak, QueueTooLong,
	TauHigh, TauLow, NarrowHead, FTEarly, RateLow, CompleteCollapse, DimensionalCollapse, GrayInputs,
}

// Certainty is how sure a diagnosis is.
type Certainty string

// The certainties.
const (
	Sure    Certainty = "sure"
	Unclear Certainty = "cannot tell" // the evidence is mixed; Diagnosis.Tell says what would tell
	Note    Certainty = "note"        // true, and no fault by itself
)

// Evidence is a number that a diagnosis is based on.
type Evidence struct {
	Text  string `json:"text"`
	Where string `json:"where"` // the file of the run, and the name in it
}

// Diagnosis is a cause with its evidence.
type Diagnosis struct {
	Cause     Cause      `json:"cause"`
	Certainty Certainty  `json:"certainty"`
	Title     string     `json:"title"`
	Remedy    string     `json:"remedy"`
	Tell      string     `json:"tell,omitempty"` // what would tell, if it cannot be told
	Evidence  []Evidence `json:"evidence"`
	Step      int        `json:"step"` // of the newest evidence
}

// IsSure reports whether a diagnosis is one to act on.
func (d Diagnosis) IsSure() bool { return d.Certainty == Sure }

// Sentence is the diagnosis in one line.
func (d Diagnosis) Sentence() string {
	var texts []string
	for _, e := range d.Evidence {
		texts = append(texts, e.Text)
	}
	return fmt.Sprintf("%s (%s): %s", strings.ToLower(d.Title[:1])+d.Title[1:], strings.Join(texts, "; "), d.Remedy)
}

// Case is what is known of a run.
type Case struct {
	Options map[string]string // as run.json has them
	Images  int               // of the training; 0: unknown
	Lines   []vitals.Line     // the oldest first
	Spectra []spectrum.Line   // likewise
	Skipped []error           // lines of files that are damaged
	Failure string            // with what the training ended, as its log says; empty: it did not fail
}

// Diagnose returns the diagnoses of a run, sure ones first, causes before what they explain. It looks at the
// lines from the first to the last, and so finds what a training found while it ran.
func Diagnose(c Case) []Diagnosis {
	var all []Diagnosis
	for _, rule := range rules {
		if d := rule(&c); d != nil {
			d.Step = c.step()
			all = append(all, *d)
		}
	}
	all = explained(all)
	slices.SortStableFunc(all, func(a, b Diagnosis) int {
		order := map[Certainty]int{Sure: 0, Unclear: 1, Note: 2}
		return cmp.Or(order[a.Certainty]-order[b.Certainty], slices.Index(Causes, a.Cause)-slices.Index(Causes, b.Cause))
	})
	return all
}

const (
	// EarlySteps is the number of steps before which no training is called healthy: an untrained network maps all
	// images to nearly the same point, which looks like a collapse, and faults take steps to show.
	EarlySteps = 200
	earlyLines = 4 // the most that a rule needs
)

// Early says why a run in which nothing was found cannot be called healthy; empty: it can, or nothing was recorded.
func (c *Case) Early() string {
	if len(c.Lines) == 0 {
		return ""
	}
	measured := 0
	for _, l := range c.Lines {
		if len(l.Values) > 0 {
			measured++
		}
	}
	last := c.Lines[len(c.Lines)-1]
	switch {
	case c.Short():
		return fmt.Sprintf("the training is too short to tell: it has %s, and is called healthy from step %d on",
			humanize.Count(last.Planned, "step"), EarlySteps)
	case last.Step < EarlySteps:
		return fmt.Sprintf("it is too early to tell: step %d was the last that was measured, and a training is called "+
			"healthy from step %d on", last.Step, EarlySteps)
	case measured < earlyLines:
		return fmt.Sprintf("it is too early to tell after %s: some faults need %d", humanize.Count(measured, "measurement"),
			earlyLines)
	}
	return ""
}

// Short reports whether the whole training has too few steps to be called healthy.
func (c *Case) Short() bool { return len(c.Lines) > 0 && c.Lines[len(c.Lines)-1].Planned < EarlySteps }

// rules find a cause each, or nothing.
var rules = []func(*Case) *Diagnosis{
	flatInputs, grayInputs, deadViews, duplicates, notShuffled,
	nanNear, rateHigh, rateLow, keyFrozen, keyIdentical, bnLeak, queueTooLong,
	tauHigh, tauLow, narrowHead, tooEarly, collapsed, dimensional,
}

// explained removes the symptoms that a sure cause explains.
func explained(all []Diagnosis) []Diagnosis {
	by := map[Cause][]Cause{
		FlatInputs: {
			Duplicates, DeadViews, CompleteCollapse, DimensionalCollapse, RateLow, TauHigh, FTEarly, GrayInputs,
		},
		Duplicates:       {QueueTooLong, CompleteCollapse, DimensionalCollapse},
		NaNNear:          {CompleteCollapse, DimensionalCollapse, RateHigh},
		RateHigh:         {CompleteCollapse, DimensionalCollapse, FTEarly},
		NarrowHead:       {CompleteCollapse, DimensionalCollapse, TauHigh, TauLow},
		CompleteCollapse: {DimensionalCollapse, RateLow, TauHigh},
		FTEarly:          {DimensionalCollapse, CompleteCollapse, RateLow},
		TauHigh:          {DimensionalCollapse, CompleteCollapse, RateLow},
		TauLow:           {RateHigh, DimensionalCollapse, CompleteCollapse, RateLow},
		KeyFrozen:        {DimensionalCollapse, CompleteCollapse, RateLow},
		KeyIdentical:     {DimensionalCollapse, CompleteCollapse, FTEarly},
		RateLow:          {DimensionalCollapse},
		NotShuffled:      {DimensionalCollapse, CompleteCollapse},
		DeadViews:        {DimensionalCollapse, CompleteCollapse},
		BNLeak:           {DimensionalCollapse},
	}
	return slices.DeleteFunc(all, func(d Diagnosis) bool {
		return slices.ContainsFunc(all, func(other Diagnosis) bool {
			return other.IsSure() && slices.Contains(by[other.Cause], d.Cause)
		})
	})
}

// step is the newest step.
func (c *Case) step() int {
	if len(c.Lines) == 0 {
		return 0
	}
	return c.Lines[len(c.Lines)-1].Step
}

// number returns an option as a number, NaN if it is none.
func (c *Case) number(name string) float64 {
	v, err := strconv.ParseFloat(c.Options[name], 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// inputs returns the figures of the inputs; nil if they were not measured.
func (c *Case) inputs() *vitals.Inputs {
	for _, l := range c.Lines {
		if l.Inputs != nil {
			return l.Inputs
		}
	}
	return nil
}

// series returns the values of a figure, the oldest first, lines without it left out.
func (c *Case) series(name string) (values []float64) {
	for _, l := range c.Lines {
		if v, ok := l.Values[name]; ok {
			values = append(values, v)
		}
	}
	return values
}

// recent returns the mean of the last n values of a figure; ok is false if there are fewer.
func (c *Case) recent(name string, n int) (mean float64, ok bool) {
	values := c.series(name)
	if len(values) < n {
		return 0, false
	}
	return average(values[len(values)-n:]), true
}

// now returns the newest value of a figure.
func (c *Case) now(name string) (v float64, ok bool) { return c.recent(name, 1) }

func average(values []float64) (mean float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	return mean
}

// vital is evidence from the vitals.
func vital(name, format string, values ...any) Evidence {
	return Evidence{Text: fmt.Sprintf(format, values...), Where: vitals.FileName + ": " + name}
}

// option is evidence from the options.
func (c *Case) option(name string) Evidence {
	return Evidence{Text: "--" + name + " " + c.Options[name], Where: "run.json: " + name}
}

// memory is the source of negatives.
func (c *Case) memory() string { return c.Options["mem"] }

// measured is evidence from the spectra.
func measured(name, format string, values ...any) Evidence {
	return Evidence{Text: fmt.Sprintf(format, values...), Where: spectrum.FileName + ": head." + name}
}
