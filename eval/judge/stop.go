package judge

import "contralens/features/spectrum"

// Stop is what the stop rule would have done to a run.
type Stop struct {
	Run     string `json:"run"`
	Planned int    `json:"planned"` // epochs
	At      int    `json:"at"`      // the epoch after which it had settled; 0: never
	Why     string `json:"why,omitempty"`
	// Faults are what was diagnosed when the features changed little, so that it had not settled.
	Faults []string `json:"faults,omitempty"`
	// Saved is the share of the planned epochs that it saves.
	Saved float64 `json:"saved"`
	// Lost is the last k-NN accuracy minus the last one up to the stop, in points; nil if not known, as for a
	// training that has not come to its end, or that the rule did end.
	Lost *float64 `json:"lost"`
}

// stop applies the rule to the measures of a run as a training would have. ok is false for a run of which
// they say nothing, because embeddings were not measured, or too seldom for the rule.
func (one run) stop() (s Stop, ok bool) {
	s = Stop{Run: one.Name, Planned: one.planned}
	known, measured := one.known(), 0
	for _, l := range one.Lines {
		if l.Head != nil {
			measured++
		}
		why, faults, settled := known.Upto(l.Epoch).Settled(one.planned)
		if settled && l.Epoch < one.planned {
			s.At, s.Why, s.Saved, s.Faults = l.Epoch, why, 1-float64(l.Epoch)/float64(one.planned), nil
			break
		}
		if len(faults) > 0 {
			s.Faults = faults
		}
	}
	if measured < spectrum.SettledEpochs || one.planned == 0 {
		return s, false
	}
	if one.ended > 0 { // by an older rule, perhaps
		s.At, s.Saved = one.ended, 1-float64(one.ended)/float64(one.planned)
		return s, true
	}
	if complete := one.Lines[len(one.Lines)-1].Epoch >= one.planned; complete && s.At > 0 {
		then, tested := one.knn(s.At)
		if last, ok := one.knn(one.planned); ok && tested {
			s.Lost = new(last - then)
		}
	}
	return s, true
}

// knn returns the last k-NN accuracy up to an epoch of the training.
func (one run) knn(epoch int) (top1 float64, known bool) {
	for e := epoch; e > 0; e-- {
		if top1, known = one.accuracy[e]["knn"]; known {
			return top1, true
		}
	}
	return 0, false
}
