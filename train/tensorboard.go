package train

import "contralens/events"

// EventsHook writes TensorBoard's scalars into dir, under the reference
// implementation's tags: loss, acc, jig_loss, jig_acc and learning_rate by epoch,
// loss_step and acc_step every printFreq steps. If statistics are collected, it also
// writes histograms by epoch: scores/pos and scores/neg and, if features are
// transformed, scores/raw_pos and scores/raw_neg of the untransformed scores.
func EventsHook(dir string, printFreq int) Hook {
	var w *events.Writer
	var rate float64
	var scores epochScores
	return Hook{
		Order: Records,
		Start: func(r *Run) (err error) {
			rate = r.Schedule.Epoch(max(r.Epoch, 1))
			w, err = events.NewWriter(dir, r.GlobalStep+1)
			return err
		},
		Step: func(r *Run, s Step) error {
			rate = s.Rate
			scores.add(r, s)
			if s.Step%printFreq != 0 {
				return nil
			}
			if err := w.Scalar("loss_step", s.Step, s.Loss); err != nil {
				return err
			}
			return w.Scalar("acc_step", s.Step, s.Accuracy)
		},
		Epoch: func(r *Run) error {
			loss, accuracy := r.Meter.Means()
			jigsaw := r.Meter.Jigsaw()
			for _, v := range []struct {
				tag   string
				value float64
			}{
				{"loss", loss}, {"acc", accuracy}, {"jig_loss", jigsaw.Loss}, {"jig_acc", jigsaw.Accuracy},
				{"learning_rate", rate},
			} {
				if err := w.Scalar(v.tag, r.Epoch, v.value); err != nil {
					return err
				}
			}
			return scores.write(w, r.Epoch)
		},
		Stop: func(*Run) error {
			if w == nil {
				return nil
			}
			return w.Close()
		},
	}
}
