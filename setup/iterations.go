package setup

import (
	"fmt"

	"contralens/config"
	"contralens/internal/humanize"
	"contralens/optim"
)

// Iterations returns the schedule that the options describe for their batch size.
func Iterations(o config.Iterating) optim.Iterations {
	s := optim.Iterations{
		Rate: o.LearningRate, Total: o.Iterations, Milestones: o.Steps, DecayRate: 0.1, Warm: o.Warmup, WarmFactor: 0.001,
	}
	if o.ScheduleBatch == 0 {
		return s
	}
	return s.ForBatch(o.ScheduleBatch, o.BatchSize)
}

// IterationNotes returns sentences about a schedule that is not the one in the options, or
// whose steps or learning rate are never reached.
func IterationNotes(o config.Iterating) (notes []string) {
	s := Iterations(o)
	if o.ScheduleBatch != 0 && o.ScheduleBatch != o.BatchSize {
		notes = append(notes, fmt.Sprintf("batches of %d instead of %d: learning rate %s, %d iterations, milestones %v, "+
			"warm-up %d; --schedule_batch 0 takes the options as they are", o.BatchSize, o.ScheduleBatch,
			humanize.Number(s.Rate), s.Total, s.Milestones, s.Warm))
	}
	for _, m := range s.Milestones {
		if m >= s.Total {
			notes = append(notes, fmt.Sprintf("the learning rate's milestone %d is never reached in %d iterations; "+
				"give --lr_decay_iterations", m, s.Total))
			break
		}
	}
	if s.Warm >= s.Total {
		notes = append(notes, fmt.Sprintf("the learning rate never reaches %s: all %d iterations are warm-up, which takes "+
			"%d; give --warmup", humanize.Number(s.Rate), s.Total, s.Warm))
	}
	return notes
}
