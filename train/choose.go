package train

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"contralens/contrast/ft"
	"contralens/rundir"
)

// observed are the scores of the steps in a row that mixStart counts, and what they chose.
// Checkpoints store it.
type observed struct {
	Positive float64 `key:"positive"` // sums over the steps
	Negative float64 `key:"negative"`
	Hardest  float64 `key:"hardest"`
	Entropy  float64 `key:"entropy"`

	Chosen      bool    `key:"chosen"`
	PosAlpha    float64 `key:"pos_alpha"` // 0: the side is not transformed
	NegAlpha    float64 `key:"neg_alpha"`
	Temperature float64 `key:"temperature"` // 0: that of the options
}

// add adds the scores of a step.
func (o *observed) add(s Step) {
	if s.Statistics == nil {
		return
	}
	d := s.Statistics.Seen
	o.Positive, o.Negative = o.Positive+d.PosMean, o.Negative+d.NegMean
	o.Hardest, o.Entropy = o.Hardest+d.Hardest, o.Entropy+s.Statistics.Entropy
}

// choose settles both α, and τ if the options leave it open, from the means over n steps.
func (o *observed) choose(r *Run, n float64) {
	scores := ft.Scores{
		Positive: o.Positive / n, Negative: o.Negative / n, Hardest: o.Hardest / n,
		Share: math.Exp(o.Entropy/n) / float64(r.negatives()),
	}
	t := r.Model.Transform.Choose(scores)
	o.Chosen = true
	if t.Positive.On {
		o.PosAlpha = t.Positive.Alpha
	}
	if t.Negative.On {
		o.NegAlpha = t.Negative.Alpha
	}
	if r.Config.TauAuto {
		o.Temperature = scores.ChooseTemperature(r.Model.Temperature)
	}
}

// negatives is the number of negatives per query whose scores are recorded.
func (r *Run) negatives() int {
	if r.Config.Memory == "batch" {
		return 2*r.Config.BatchSize - 2
	}
	return r.Config.K
}

// apply makes the model transform and scale scores as chosen.
func (o *observed) apply(r *Run) {
	if !o.Chosen {
		return
	}
	t := &r.Model.Transform
	t.Positive.On, t.Negative.On = o.PosAlpha > 0, o.NegAlpha > 0
	t.Positive.Alpha, t.Negative.Alpha = o.PosAlpha, o.NegAlpha
	if o.Temperature > 0 {
		r.Model.Temperature = o.Temperature
	}
}

// String says what was chosen.
func (o *observed) String() string {
	var parts []string
	for _, side := range []struct {
		name  string
		alpha float64
	}{{"positives", o.PosAlpha}, {"negatives", o.NegAlpha}} {
		if side.alpha > 0 {
			parts = append(parts, fmt.Sprintf("α %v of %s", side.alpha, side.name))
		} else {
			parts = append(parts, side.name+" as they are")
		}
	}
	if o.Temperature > 0 {
		parts = append(parts, fmt.Sprintf("τ %v", o.Temperature))
	}
	return strings.Join(parts, ", ")
}

// record writes what was chosen, and the step after which it holds, into run.json.
func (o *observed) record(r *Run, since int) error {
	if !r.World.First() {
		return nil
	}
	chosen := map[string]string{
		"mix_start_step": strconv.Itoa(since),
		"pos_alpha":      strconv.FormatFloat(o.PosAlpha, 'g', -1, 64),
		"neg_alpha":      strconv.FormatFloat(o.NegAlpha, 'g', -1, 64),
	}
	if o.Temperature > 0 {
		chosen["nce_t"] = strconv.FormatFloat(o.Temperature, 'g', -1, 64)
	}
	return rundir.SetChosen(r.Dir, chosen)
}
