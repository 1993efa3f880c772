package train

import (
	"fmt"
	"math"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/rundir"
)

// With --mix_start auto, the feature transformation starts when positives have separated
// from negatives: for separatedSteps steps in a row, the mean positive score exceeds the
// mean negative score by separationGap, and by separation standard deviations of a
// query's negatives. The memory must then hold features of the encoder, not the random
// ones it started with. Before that, harder positives and mixed negatives can make the
// features of a young network collapse. Once started, the transformation stays on.
const (
	separatedSteps = 100
	separation     = 1.25
	separationGap  = 0.2
)

// mixStart is the state of this rule. Checkpoints store it.
type mixStart struct {
	Separated int `key:"separated"` // steps in a row
	Since     int `key:"since"`     // the step after which features are transformed; 0: not yet
	// Observed has what the scores chose, with --alpha_auto.
	Observed observed `key:"observed"`
}

// keep drops what a checkpoint's scores chose if the options of this training don't ask for it, or ask for
// more. Then the scores choose anew.
func (m *mixStart) keep(c *config.Contrast) {
	switch {
	case !c.AlphaAuto:
		m.Observed = observed{}
	case m.Since > 0 && (!m.Observed.Chosen || c.TauAuto != (m.Observed.Temperature > 0)):
		*m = mixStart{}
	}
}

// see applies the rule to a step. filled tells it that the memory holds features of the encoder, and may
// that the transformation may start by now. If the scores choose, they are those of the last steps before.
func (m *mixStart) see(s Step, filled, may, chooses bool) {
	if m.Since > 0 {
		return
	}
	gap, deviation := gaps(s)
	if !filled || !(gap >= separationGap && gap >= separation*deviation) {
		m.Separated, m.Observed = 0, observed{}
		return
	}
	m.Observed.add(s)
	m.Separated++
	seen := !chooses || m.Observed.Steps >= separatedSteps
	switch {
	case may && seen && m.Separated >= separatedSteps:
		m.Since = s.Step
	case !may && seen:
		m.Observed = observed{}
	}
}

// again looks at the scores of positives that were too near to negatives at the start.
func (m *mixStart) again(r *Run, s Step) error {
	if m.Observed.add(s); m.Observed.Steps < separatedSteps {
		return nil
	}
	since := r.Launched()
	if !m.Observed.choose(r, since) {
		return nil
	}
	m.Observed.apply(r)
	message := fmt.Sprintf("positives stay above negatives when they are extrapolated: they are from step %d on, with "+
		"α %v: the scores chose", since+1, m.Observed.PosAlpha)
	r.say("%s", message)
	if err := m.Observed.record(r, m.Since); err != nil {
		return err
	}
	return r.event(rundir.Metrics{
		Epoch: float64(s.Epoch), Step: new(float64(since)), Event: rundir.EventMixStart, Message: message,
	})
}

// gaps returns the mean positive score of a step minus its mean negative score, and the
// standard deviation of a query's negatives; NaN if scores were not measured.
func gaps(s Step) (gap, deviation float64) {
	if s.Statistics != nil {
		d := s.Statistics.Seen
		return d.PosMean - d.NegMean, math.Sqrt(d.NegVar)
	}
	n := float64(len(s.Scores) / contrast.ScoreColumns)
	var variance float64
	for i := 0; i < len(s.Scores); i += contrast.ScoreColumns {
		gap += float64(s.Scores[i+contrast.Positive]) - float64(s.Scores[i+contrast.MeanNegative])
		variance += float64(s.Scores[i+contrast.VarNegative])
	}
	return gap / n, math.Sqrt(variance / n)
}

// filled reports whether the memory has replaced all the features it started with.
func (r *Run) filled() bool { return r.GlobalStep >= r.fresh() }

// fresh is the number of steps after which the memory has replaced all the features it started with.
func (r *Run) fresh() int {
	memory := r.Model.Method.State()
	return renewed(&r.Config, r.Batches, memory.Queue, len(memory.Contrast) > 0)
}

// renewed is the number of steps after which a queue of that many keys, or a bank, has replaced all the features it
// started with.
func renewed(c *config.Contrast, batches, queue int, bank bool) int {
	switch keys := c.BatchSize; {
	case queue > 0 && c.Symmetric:
		return (queue + 2*keys - 1) / (2 * keys)
	case queue > 0:
		return (queue + keys - 1) / keys
	case bank:
		return batches
	}
	return 0
}

// watchOnset starts the feature transformation after the epoch and the step that the
// options name and, with --mix_start auto, once the scores allow it. Such a start is
// reported to the user and recorded in metrics.jsonl.
func watchOnset() Hook {
	var m mixStart
	undecided := func(r *Run) bool {
		return r.Config.MixStart == "auto" && m.Since == 0 && r.Model.Transform.On()
	}
	return Hook{
		Name: "mix_start", Order: Monitor, EveryRank: true,
		State: func() any { return m },
		Load: func(state checkpoint.Dict) {
			m = mixStart{}
			state.Decode(&m)
		},
		Transform: func(r *Run) bool {
			return !undecided(r) && r.Epoch > r.Config.MixEpoch && r.GlobalStep+1 > r.Config.MixStep
		},
		Start: func(r *Run) error {
			m.keep(&r.Config)
			m.Observed.apply(r)
			if !m.Observed.Chosen {
				return nil
			}
			later := ""
			if m.Observed.PosSince > m.Since {
				later = fmt.Sprintf(" (positives from step %d on)", m.Observed.PosSince+1)
			}
			r.say("the scores chose before: %s, from step %d on%s", m.Observed.describe(r.Config.Transform()), m.Since+1, later)
			return m.Observed.record(r, m.Since) // this may be another folder
		},
		Collect: func(r *Run) methods.Collect {
			return methods.Collect{Scores: undecided(r), Statistics: r.Config.AlphaAuto && (undecided(r) || m.Observed.waits(r))}
		},
		Epoch: func(r *Run) error {
			if r.Epoch == r.Config.Epochs && undecided(r) {
				r.say("note: no features were transformed, because positives have not separated from negatives for %d steps "+
					"in a row (--mix_start auto); train for longer, or give --mix_start_epoch", separatedSteps)
			}
			return nil
		},
		Step: func(r *Run, s Step) error {
			if m.Observed.waits(r) {
				return m.again(r, s)
			}
			if !undecided(r) {
				return nil
			}
			may := s.Step >= max(r.Config.MixStep, r.Config.MixEpoch*r.Batches) // for the next step
			if m.see(s, r.filled(), may, r.Config.AlphaAuto); m.Since == 0 {
				return nil
			}
			m.Since = r.Launched() // on a device, the next step has begun already
			gap, deviation := gaps(s)
			what, chosen := "features are transformed", ""
			if r.Config.AlphaAuto {
				m.Observed.choose(r, m.Since)
				m.Observed.apply(r)
				if err := m.Observed.record(r, m.Since); err != nil {
					return err
				}
				chosen = ", with " + m.Observed.describe(r.Config.Transform()) + ": the scores chose"
				if !r.Model.Transform.On() {
					what = "features could be transformed"
				}
			}
			message := fmt.Sprintf("positives are %.2f above negatives, %.1f of their standard deviations, and have been "+
				"for %d steps: %s from step %d on%s", gap, gap/deviation, separatedSteps, what, m.Since+1, chosen)
			r.say("%s", message)
			return r.event(rundir.Metrics{
				Epoch: float64(s.Epoch), Step: new(float64(m.Since)), Event: rundir.EventMixStart, Message: message,
				Gap: &gap, Deviation: &deviation,
			})
		},
	}
}
