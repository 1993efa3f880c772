package train

import (
	"fmt"
	"math"

	"contralens/checkpoint"
	"contralens/contrast"
	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/methods"
	"contralens/rundir"
)

// Features have collapsed if two things hold for collapseSteps steps in a row with a full
// queue: the loss is within collapseMargin of chance, ln(K+1), and the mean similarity of
// negatives is above collapseSimilarity. All images then look the same to the encoder. A
// young network looks like that, too, but only for some dozens of steps.
const (
	collapseSteps      = 200
	collapseMargin     = 0.02
	collapseSimilarity = 0.4
)

// collapse counts the steps in a row that look like a collapse.
type collapse struct {
	Steps int  `key:"steps"`
	Told  bool `key:"told"`
}

// suspect reports whether the loss of a step against k negatives looks like a collapse.
// Only then must the scores of negatives be measured. A loss without negatives has no
// level of chance and is never suspect.
func (c *collapse) suspect(loss float64, k int) bool {
	chance := contrast.Chance(k)
	return k > 0 && !c.Told && math.Abs(loss-chance) <= collapseMargin*chance
}

// see counts a step. It returns true once, when the features have collapsed.
func (c *collapse) see(loss float64, k int, full bool, similarity float64) bool {
	if !full || !c.suspect(loss, k) || !(similarity > collapseSimilarity) {
		c.Steps = 0
		return false
	}
	c.Steps++
	c.Told = c.Steps >= collapseSteps
	return c.Told
}

// similarity returns the mean of a step's negative scores, NaN if they were not
// measured.
func similarity(s Step) float64 {
	if s.Statistics != nil {
		return s.Statistics.Seen.NegMean
	}
	sum := 0.0
	for i := contrast.MeanNegative; i < len(s.Scores); i += contrast.ScoreColumns {
		sum += float64(s.Scores[i])
	}
	return sum / float64(len(s.Scores)/contrast.ScoreColumns)
}

// watchCollapse warns the user, once per run, that the features have collapsed, and says
// what to change. The warning is recorded in metrics.jsonl. Scores are measured only while
// the loss is suspect.
func watchCollapse() Hook {
	var c collapse
	var last Step
	return Hook{
		Name: "collapse", Order: Monitor, EveryRank: true,
		State: func() any { return c },
		Load: func(state checkpoint.Dict) {
			c = collapse{}
			state.Decode(&c)
		},
		Collect: func(*Run) methods.Collect {
			return methods.Collect{Scores: !c.Told && c.Steps > 0 || c.suspect(last.Loss, last.Negatives)}
		},
		Step: func(r *Run, s Step) error {
			last = s
			same := similarity(s)
			full := s.Step*r.Config.BatchSize >= r.Model.Method.State().Queue
			if !c.see(s.Loss, s.Negatives, full, same) {
				return nil
			}
			message := collapseMessage(s, same, r.fault())
			r.say("warning: %s", message)
			return r.event(rundir.Metrics{
				Epoch: float64(s.Epoch), Step: new(float64(s.Step)), Event: rundir.EventCollapse, Message: message,
				Loss: &s.Loss, NegativeMean: &same,
			})
		},
	}
}

// fault is the first sure diagnosis of the training so far, nil if there is none.
func (r *Run) fault() *diagnose.Diagnosis {
	lines, err := spectrum.Read(r.Dir)
	if err != nil {
		lines = nil // said by its own hook
	}
	for _, d := range diagnose.Diagnose(r.known(lines)) {
		if d.IsSure() {
			return &d
		}
	}
	return nil
}

// collapseMessage says what to change: what a diagnosis says, or else what helps most often.
func collapseMessage(s Step, similarity float64, fault *diagnose.Diagnosis) string {
	advice := "lower --learning_rate, give --warm, or raise the temperature (--method Customize -t), and start again"
	switch {
	case fault != nil:
		advice = fmt.Sprintf("the diagnosis (%s) says what to do: %s", fault.Cause, fault.Remedy)
	case s.Transformed:
		advice = "let the transformation start later (--mix_start_epoch 2), or lower --learning_rate, and start again"
	}
	return fmt.Sprintf("the features have collapsed: for %d steps the loss has been that of chance (%.3f, "+
		"ln(K+1) = %.3f) and different images are all alike (mean negative score %.2f); %s",
		collapseSteps, s.Loss, contrast.Chance(s.Negatives), similarity, advice)
}
