package train

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"contralens/config"
	"contralens/contrast/ft"
	"contralens/rundir"
)

// observed are the scores of the steps in a row that mixStart counts, and what they chose.
// Positives may be too near to negatives when the transformation starts. Then they are looked
// at again over the next steps, as many at a time, until they are not. Checkpoints store it.
type observed struct {
	Steps    int     `key:"steps"`    // looked at
	Positive float64 `key:"positive"` // sums over them
	Negative float64 `key:"negative"`
	Hardest  float64 `key:"hardest"`
	Entropy  float64 `key:"entropy"`

	Chosen      bool    `key:"chosen"`
	PosAlpha    float64 `key:"pos_alpha"` // 0: the side is not transformed
	NegAlpha    float64 `key:"neg_alpha"`
	PosSince    int     `key:"pos_since"`   // the step after which positives are transformed; 0: not yet
	Temperature float64 `key:"temperature"` // 0: that of the options
}

// add adds the untransformed scores of a step.
func (o *observed) add(s Step) {
	if s.Statistics == nil {
		return
	}
	d := s.Statistics.Raw
	o.Steps++
	o.Positive, o.Negative = o.Positive+d.PosMean, o.Negative+d.NegMean
	o.Hardest, o.Entropy = o.Hardest+d.Hardest, o.Entropy+s.Statistics.Entropy
}

// choose settles α of both sides, and τ if the options leave it open. What is settled stays.
// since is the last step that is computed without the choice. It reports whether it settled
// anything.
func (o *observed) choose(r *Run, since int) bool {
	n := float64(o.Steps)
	scores := ft.Scores{
		Positive: o.Positive / n, Negative: o.Negative / n, Hardest: o.Hardest / n,
		Share: math.Exp(o.Entropy/n) / float64(r.negatives()),
	}
	t := r.Config.Transform().Choose(scores)
	o.Steps, o.Positive, o.Negative, o.Hardest, o.Entropy = 0, 0, 0, 0, 0
	if t.Positive.On {
		o.PosAlpha, o.PosSince = t.Positive.Alpha, since
	}
	if o.Chosen {
		return t.Positive.On
	}
	o.Chosen = true
	if t.Negative.On {
		o.NegAlpha = t.Negative.Alpha
	}
	if r.Config.TauAuto {
		o.Temperature = scores.ChooseTemperature(r.Model.Temperature)
	}
	return true
}

// waits reports whether positives may still be transformed: in the first half of the epochs. A
// network that meets harder positives later has no time to learn from them.
func (o *observed) waits(r *Run) bool {
	return o.Chosen && o.PosAlpha == 0 && r.Config.Transform().Positive.On && 2*r.Epoch <= r.Config.Epochs
}

// negatives is the number of negatives per query whose scores are recorded; 0 without any.
func (r *Run) negatives() int {
	switch memory := r.Config.Memory; {
	case memory == "batch":
		return 2*r.Config.BatchSize - 2
	case config.Memories[memory].Negatives: // of a method of one's own, too
		return r.Config.K
	}
	return 0
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

// describe says what was chosen for transformation t of the options.
func (o *observed) describe(t ft.Transform) string {
	var parts []string
	for _, side := range []struct {
		name  string
		on    bool
		alpha float64
	}{{"positives", t.Positive.On, o.PosAlpha}, {"negatives", t.Negative.On, o.NegAlpha}} {
		switch {
		case side.alpha > 0:
			parts = append(parts, fmt.Sprintf("α %v of %s", side.alpha, side.name))
		case side.on:
			parts = append(parts, side.name+" as they are so far")
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
		rundir.ChosenOnset: strconv.Itoa(since),
		"pos_alpha":        strconv.FormatFloat(o.PosAlpha, 'g', -1, 64),
		"neg_alpha":        strconv.FormatFloat(o.NegAlpha, 'g', -1, 64),
	}
	if o.PosSince > since {
		chosen["pos_start_step"] = strconv.Itoa(o.PosSince)
	}
	if o.Temperature > 0 {
		chosen["nce_t"] = strconv.FormatFloat(o.Temperature, 'g', -1, 64)
	}
	return rundir.SetChosen(r.Dir, chosen)
}
