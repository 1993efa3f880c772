package train

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/contrast"
	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/internal/jsonl"
	"contralens/methods"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// vital is what the vitals of a run are made of.
type vital struct {
	every  int // steps between lines
	lines  []vitals.Line
	sums   map[string]float64 // since the last line
	counts map[string]int
	told   map[diagnose.Cause]bool
}

// vitalSteps is the number of steps between lines: a hundredth of the training, but not so few that a
// line costs a thousandth of them, and not so many that a fault is seen late.
func vitalSteps(planned int) int { return max(5, min(planned/100, 500)) }

// VitalsHook keeps the vitals of a run, and says what they diagnose as soon as it is sure.
func VitalsHook() Hook {
	v := &vital{sums: map[string]float64{}, counts: map[string]int{}, told: map[diagnose.Cause]bool{}}
	return Hook{
		Name: "vitals", Order: Probes, // after the spectrum of the epoch
		State: func() any { return v.state() },
		Load: func(state checkpoint.Dict) {
			var s vitalState
			state.Decode(&s)
			v.load(s)
		},
		Collect: func(r *Run) methods.Collect {
			return methods.Collect{Vitals: r.GlobalStep == 0 || (r.GlobalStep+1)%v.every == 0}
		},
		Start: v.start,
		Step:  v.step,
		Epoch: func(r *Run) error { return v.diagnose(r) },
	}
}

// vitalState is what a checkpoint stores: the sums since the last line, each with its count.
type vitalState struct {
	Sums map[string]string `key:"sums"`
}

func (v *vital) state() vitalState {
	s := vitalState{Sums: map[string]string{}}
	for name, sum := range v.sums {
		s.Sums[name] = strconv.FormatFloat(sum, 'g', -1, 64) + " " + strconv.Itoa(v.counts[name])
	}
	return s
}

func (v *vital) load(s vitalState) {
	clear(v.sums)
	clear(v.counts)
	for name, text := range s.Sums {
		sum, count, _ := strings.Cut(text, " ")
		x, err1 := strconv.ParseFloat(sum, 64)
		n, err2 := strconv.Atoi(count)
		if err1 == nil && err2 == nil {
			v.sums[name], v.counts[name] = x, n
		}
	}
}

func (v *vital) start(r *Run) error {
	v.every = vitalSteps(r.planned())
	if err := vitals.Keep(r.Dir, r.GlobalStep); err != nil {
		return err
	}
	var err error
	if v.lines, err = vitals.Read(r.Dir); r.unharmed(err) != nil {
		return err
	}
	if len(v.lines) > 0 {
		spectra, _ := spectrum.Read(r.Dir) // said by its own hook
		for _, d := range diagnose.Diagnose(v.all(r, spectra)) {
			v.told[d.Cause] = d.IsSure()
		}
		return nil
	}
	inputs, err := r.inputs()
	if err != nil {
		r.say("note: the training images could not be sampled for diagnoses: %v", err)
		inputs = &vitals.Inputs{Images: r.Train.Len()} // their number tells whether the queue is too long
	}
	v.lines = []vitals.Line{{Epoch: r.Epoch, Step: r.GlobalStep, Planned: r.planned(), Inputs: inputs}}
	if err := vitals.Append(r.Dir, v.lines[0]); err != nil {
		return err
	}
	return v.diagnose(r)
}

// planned is the number of steps of the whole training.
func (r *Run) planned() int { return max(1, r.Config.Epochs*r.Batches) }

func (v *vital) add(name string, x float64) {
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		v.sums[name] += x
		v.counts[name]++
	}
}

func (v *vital) step(r *Run, s Step) error {
	v.add(vitals.Loss, s.Loss)
	v.add(vitals.Accuracy, s.Accuracy)
	v.add(vitals.Rate, s.Rate)
	transformed := 0.0
	if s.Transformed {
		transformed = 1
	}
	v.add(vitals.Transformed, transformed)
	if s.Negatives > 0 {
		v.add(vitals.Chance, contrast.Chance(s.Negatives))
	}
	if st := s.Statistics; st != nil {
		v.add(vitals.Positive, st.Raw.PosMean)
		v.add(vitals.Negative, st.Raw.NegMean)
		v.add(vitals.Deviation, math.Sqrt(st.Raw.NegVar))
		v.add(vitals.Alignment, st.Alignment)
		v.add(vitals.Uniformity, st.Uniformity)
		if s.Negatives > 0 {
			v.add(vitals.Effective, math.Exp(st.Entropy)/float64(s.Negatives))
		}
	}
	if t := s.Trace; t != nil {
		v.add(vitals.Own, t.Own)
		v.add(vitals.Near, t.Near)
		v.add(vitals.Hardest, t.Hardest[0])
	}
	if s.Vitals == nil {
		return nil
	}
	line := vitals.Line{Epoch: s.Epoch, Step: s.Step, Planned: r.planned()}
	for name, sum := range v.sums {
		line.Set(name, sum/float64(v.counts[name]))
	}
	clear(v.sums)
	clear(v.counts)
	for name, x := range s.Vitals {
		line.Set(name, x)
	}
	if queue := r.Model.Method.State().Queue; queue > 0 {
		line.Set(vitals.Fill, min(1, float64((s.Step-1)*r.Config.BatchSize)/float64(queue)))
	}
	v.lines = append(v.lines, line)
	if err := vitals.Append(r.Dir, line); err != nil {
		return err
	}
	return v.diagnose(r)
}

// all is what is known of the run.
func (v *vital) all(r *Run, spectra []spectrum.Line) diagnose.Case {
	return diagnose.Case{
		Options: config.Values(&r.Config), Images: r.Train.Len(), Lines: v.lines, Spectra: spectra,
	}
}

// diagnose says each diagnosis once, when it is sure.
func (v *vital) diagnose(r *Run) error {
	spectra, err := spectrum.Read(r.Dir)
	if err != nil {
		spectra = nil // said by its own hook
	}
	for _, d := range diagnose.Diagnose(v.all(r, spectra)) {
		if !d.IsSure() || v.told[d.Cause] {
			continue
		}
		v.told[d.Cause] = true
		r.say("warning: diagnosis: %s", d.Sentence())
		if err := r.event(rundir.Metrics{
			Epoch: float64(r.Epoch), Step: new(float64(r.GlobalStep)), Event: rundir.EventDiagnosis, Message: d.Sentence(),
		}); err != nil {
			return err
		}
	}
	return nil
}

// indexOrder is the mean difference of the indices of neighbors in a batch, in thirds of n images: 1 on
// average for a random order.
func indexOrder(indices []int, n int) float64 {
	if len(indices) < 2 || n < 2 {
		return math.NaN()
	}
	sum := 0.0
	for i := range indices[1:] {
		sum += math.Abs(float64(indices[i+1] - indices[i]))
	}
	return sum / float64(len(indices)-1) / (float64(n) / 3)
}

// unharmed returns err, unless it says that a file of figures is damaged: the training does not need them and
// goes on with a note.
func (r *Run) unharmed(err error) error {
	if damaged := (*jsonl.Damaged)(nil); errors.As(err, &damaged) {
		r.say("note: %v; the training goes on without these lines", err)
		return nil
	}
	return err
}
