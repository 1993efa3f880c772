package setup

import (
	"fmt"

	"contralens/config"
	"contralens/internal/humanize"
	"contralens/optim"
)

// Schedule returns the learning rate's schedule that the options describe.
func Schedule(o config.Optim, warm bool) optim.Schedule {
	return optim.Schedule{
		Rate: o.LearningRate, Epochs: o.Epochs, Cosine: o.Cosine, ByStep: o.CosineBy == "step",
		DecayRate: o.DecayRate, Milestones: o.Milestones,
	}.Warmed(warm)
}

// PretrainingSchedule is Schedule of a pre-training, which may have a warm-up of its own, in steps.
func PretrainingSchedule(c config.Contrast) optim.Schedule {
	s := Schedule(c.Optim, c.Warm)
	s.WarmSteps = c.WarmSteps
	return s
}

// fewEpochs is the number of epochs below which a cosine by epoch loses much: in the last
// epoch the rate is next to nothing, and that is a tenth of the training or more.
const fewEpochs = 10

// ScheduleNotes returns sentences about a schedule that does not do what its options seem
// to ask for, each with a suggestion. warm says that the schedule has a warm-up, and
// automatic that the batch size turned it on.
func ScheduleNotes(o config.Optim, warm, automatic bool) (notes []string) {
	s := Schedule(o, warm)
	if warm {
		notes = warmUpNotes(s, automatic)
	}
	if o.Cosine && !s.ByStep && o.Epochs < fewEpochs && (!warm || o.Epochs > s.WarmEpochs) {
		when := fmt.Sprintf("the last of %d epochs has", o.Epochs)
		if o.Epochs == 1 {
			when = "the only epoch has"
		}
		notes = append(notes, fmt.Sprintf("--cosine changes the learning rate once per epoch, so %s %s instead of %s; "+
			"give --cosine_by step", when, humanize.Number(s.At(o.Epochs, 0, 1)), humanize.Number(o.LearningRate)))
	}
	return notes
}

// reached is the share of a learning rate that passes for all of it.
const reached = 0.98

// warmUpNotes returns a note about a warm-up that starts above the rate, or whose schedule
// never reaches it.
func warmUpNotes(s optim.Schedule, automatic bool) []string {
	const steps = 100
	highest := 0.0
	for e := 1; e <= s.Epochs; e++ {
		for b := range steps + 1 {
			highest = max(highest, s.At(e, b, steps))
		}
	}
	what := "the warm-up (--warm) starts"
	if automatic {
		what = "batches above 256 turn on a warm-up, which starts"
	}
	what += fmt.Sprintf(" at %s and takes %d epochs", humanize.Number(s.WarmFrom), s.WarmEpochs)
	end, epochs := humanize.Number(s.At(s.WarmEpochs, steps, steps)), humanize.Count(s.Epochs, "epoch")
	switch {
	case s.Rate < s.WarmFrom:
		return []string{fmt.Sprintf("%s: above the learning rate of %s, so the rate falls; give --warm_steps for a warm-up "+
			"from 0, or --warm=false for none", what, humanize.Number(s.Rate))}
	case s.At(s.WarmEpochs, steps, steps) < s.WarmFrom:
		return []string{fmt.Sprintf("%s: by then the cosine of %s is at %s, so the rate falls and never reaches %s; "+
			"give --warm_steps for a warm-up that does, or --warm=false", what, epochs, end, humanize.Number(s.Rate))}
	case highest < 0.6*s.Rate && !s.Cosine:
		return []string{fmt.Sprintf("%s: in %s the learning rate rises to %s and never reaches %s; "+
			"give --epochs %d or more, or --warm_steps for a warm-up that does", what, epochs, humanize.Number(highest),
			humanize.Number(s.Rate), s.WarmEpochs)}
	case highest < 0.6*s.Rate:
		return []string{fmt.Sprintf("%s: in %s the learning rate rises to %s and never reaches %s; "+
			"give --warm_steps for a warm-up that does", what, epochs, humanize.Number(highest), humanize.Number(s.Rate))}
	case highest < reached*s.Rate:
		return []string{fmt.Sprintf("%s: it ends at %s, where the cosine of %s is by then, so the learning rate "+
			"never reaches %s; give --warm_steps for a warm-up that does", what, end, epochs, humanize.Number(s.Rate))}
	}
	return nil
}
