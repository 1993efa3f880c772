package train

import (
	"fmt"
	"time"

	"contralens/events"
	"contralens/internal/humanize"
	"contralens/rundir"
)

// window adds up the steps since the last line.
type window struct {
	clock
	steps, images int
	loss          float64
	terms         []Value
	losses        Losses
	shares        shares
	wait, compute time.Duration
}

// shares count regions, for what part of them is classified how.
type shares struct{ all, foreground, right, rightForeground, missed float64 }

func (c *shares) add(s Step) {
	n := float64(s.Images)
	c.all, c.foreground = c.all+n*(s.Foreground+s.Background), c.foreground+n*s.Foreground
	c.right, c.rightForeground, c.missed = c.right+s.Right, c.rightForeground+s.RightForeground, c.missed+s.Missed
}

// each visits the shares that there are, by Detectron2's names.
func (c *shares) each(visit func(name string, share float64)) {
	if c.all > 0 {
		visit("cls_accuracy", c.right/c.all)
	}
	if c.foreground > 0 {
		visit("fg_cls_accuracy", c.rightForeground/c.foreground)
		visit("false_negative", c.missed/c.foreground)
	}
}

// clock is a time from which on the iterations of a run are timed.
type clock struct {
	begin time.Time
	aside time.Duration // of the run at begin
}

func since(r *Run) clock { return clock{time.Now(), r.aside} }

// elapsed returns the time for iterations and checkpoints, without that in which norms were measured
// and the model was tested.
func (c clock) elapsed(r *Run) time.Duration { return time.Since(c.begin) - (r.aside - c.aside) }

// speed returns the images per second of a window.
func (w *window) speed(r *Run) float64 { return float64(w.images) / max(w.elapsed(r).Seconds(), 1e-9) }

func (w *window) add(s Step) {
	w.steps, w.images, w.loss = w.steps+1, w.images+s.Images, w.loss+s.Loss
	w.wait, w.compute = w.wait+s.Wait, w.compute+s.Compute
	w.losses.Foreground += s.Foreground
	w.losses.Background += s.Background
	w.losses.Anchors += s.Anchors
	w.shares.add(s)
	for i, t := range s.Terms {
		if i == len(w.terms) {
			w.terms = append(w.terms, Value{Name: t.Name})
		}
		w.terms[i].Value += t.Value
	}
}

// mean returns the mean of a sum over the window.
func (w *window) mean(sum float64) float64 { return sum / float64(max(1, w.steps)) }

// MetricsHook writes metrics.jsonl: the means of every few steps, and the results of tests. A
// resumed run first removes the lines of later iterations. epoch is the share of the training set
// that an iteration sees.
func MetricsHook(every int, epoch float64) Hook {
	var w window
	at := func(r *Run) rundir.Metrics {
		return rundir.Metrics{
			Epoch: float64(r.Iteration) * epoch, Step: new(float64(r.Iteration)), Steps: new(float64(r.Schedule.Total)),
		}
	}
	return Hook{
		Start: func(r *Run) error {
			w = window{clock: since(r)}
			if err := rundir.KeepMetrics(r.Dir, r.Iteration); err != nil {
				return err
			}
			return rundir.KeepDetections(r.Dir, r.Iteration)
		},
		Step: func(r *Run, s Step) error {
			w.add(s)
			if s.Iteration%every != 0 && s.Iteration != r.Schedule.Total {
				return nil
			}
			line := at(r)
			line.Loss, line.Rate = new(w.mean(w.loss)), &s.Rate
			line.Speed = new(w.speed(r))
			line.Wait, line.Compute = new(w.wait.Seconds()), new(w.compute.Seconds())
			line.DetectionMetrics = &rundir.DetectionMetrics{
				Foreground: new(w.mean(w.losses.Foreground)), Anchors: new(w.mean(w.losses.Anchors)),
			}
			for _, t := range w.terms {
				line.DetectionMetrics.SetLoss(t.Name, w.mean(t.Value))
			}
			w.shares.each(line.DetectionMetrics.SetShare)
			w = window{clock: since(r)}
			return rundir.AddMetrics(r.Dir, line)
		},
		Test: func(r *Run, score Score) error {
			line := at(r)
			line.DetectionMetrics = &rundir.DetectionMetrics{}
			line.DetectionMetrics.SetScores(score.Metrics)
			return rundir.AddMetrics(r.Dir, line)
		},
	}
}

// EventsHook writes the curves for TensorBoard to a folder. The caller closes the writer.
func EventsHook(w *events.Writer, every int) Hook {
	return Hook{
		Step: func(_ *Run, s Step) error {
			if s.Iteration%every != 0 {
				return nil
			}
			values := append([]Value{{"total_loss", s.Loss}, {"lr", s.Rate}, {"roi_head/num_fg_samples", s.Foreground},
				{"roi_head/num_bg_samples", s.Background}, {"rpn/num_pos_anchors", s.Anchors}}, s.Terms...)
			var c shares
			c.add(s)
			c.each(func(name string, share float64) { values = append(values, Value{"fast_rcnn/" + name, share}) })
			for _, v := range values {
				if err := w.Scalar(v.Name, s.Iteration, v.Value); err != nil {
					return err
				}
			}
			return nil
		},
		Test: func(r *Run, score Score) error {
			for name, v := range score.Metrics {
				if x, ok := v.(float64); ok {
					if err := w.Scalar("test/"+name, r.Iteration, x); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// Display shows lines: in place if they are not due, else to stay.
type Display interface {
	Show(line string, due bool)
	Print(format string, args ...any)
}

// Series is what lines say about a training that is one of several. The zero value is for a
// single one.
type Series struct {
	Title string // begins the lines, as "1 of 2"; may be empty
	// Left, unless nil, returns the time left that lines show. training is that of this training,
	// of which more may follow.
	Left func(training time.Duration) time.Duration
}

// ProgressHook shows the iterations, the losses and the time left, a line that stays every few
// steps.
func ProgressHook(d Display, every int, of Series) Hook {
	var w window
	var begin clock
	return Hook{
		Start: func(r *Run) error { begin, w = since(r), window{clock: since(r)}; return nil },
		Step: func(r *Run, s Step) error {
			w.add(s)
			due := s.Iteration%every == 0 || s.Iteration == r.Schedule.Total
			left := time.Duration(float64(begin.elapsed(r)) / float64(s.Iteration-r.began) *
				float64(r.Schedule.Total-s.Iteration))
			if of.Left != nil {
				left = of.Left(left)
			}
			line := stepLine(r, s, &w, left)
			if of.Title != "" {
				line = of.Title + "  " + line
			}
			d.Show(line, due)
			if due {
				w = window{clock: since(r)}
			}
			return nil
		},
		Test: func(_ *Run, score Score) error {
			for _, line := range score.Lines {
				d.Print("%s", line)
			}
			return nil
		},
	}
}

// short are the names of the terms in lines.
var short = map[string]string{
	"loss_cls": "cls", "loss_box_reg": "box", "loss_rpn_cls": "rpn", "loss_rpn_loc": "loc", "loss_mask": "mask",
}

func stepLine(r *Run, s Step, w *window, left time.Duration) string {
	line := fmt.Sprintf("iteration %d/%d  loss %.3f", s.Iteration, r.Schedule.Total, w.mean(w.loss))
	for i, t := range w.terms {
		open := ", "
		if i == 0 {
			open = " ("
		}
		line += open + fmt.Sprintf("%s %.3f", short[t.Name], w.mean(t.Value))
	}
	return line + fmt.Sprintf(")  left %s  %s img/s  lr %s", humanize.Duration(left), humanize.Number(w.speed(r)),
		humanize.Digits(s.Rate, 2))
}
