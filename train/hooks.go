package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"contralens/eval"
	"contralens/scores"
)

// CheckpointHook keeps current.pth after every epoch and ckpt_epoch_N.pth after
// every saveFreq, and says where they are.
func CheckpointHook(saveFreq int) Hook {
	return Hook{Epoch: func(r *Run) error {
		r.StepInEpoch = r.Batches // the epoch is complete
		defer func() { r.StepInEpoch = 0 }()
		if err := r.Save(filepath.Join(r.Dir, "current.pth")); err != nil {
			return err
		}
		os.Remove(filepath.Join(r.Dir, "interrupted.pth"))
		if r.Epoch%saveFreq != 0 {
			return nil
		}
		return r.Save(filepath.Join(r.Dir, fmt.Sprintf("ckpt_epoch_%d.pth", r.Epoch)))
	}}
}

// ScoreHook keeps the scores of every step in the reference implementation's
// files.
func ScoreHook() Hook {
	var w *scores.Writer
	return Hook{
		Watch: Watch{Scores: true},
		Start: func(r *Run) (err error) {
			w, err = scores.NewWriter(r.Dir, r.Config.BatchSize)
			return err
		},
		Step: func(r *Run, s Step) error { return w.Add(s.Epoch, s.Batch, s.Scores) },
		Stop: func(*Run) error {
			if w == nil {
				return nil
			}
			return w.Close()
		},
	}
}

// Lines is a file of JSON objects, one a line.
type Lines struct{ Path string }

// Add appends one object.
func (l Lines) Add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// KNNHook judges the encoder by k-NN before the first epoch, after every n-th
// and after the last, and tells report the accuracy in percent.
func KNNHook(every int, report func(r *Run, epoch int, accuracy float64) error, progress func(done, total int)) Hook {
	judge := func(r *Run, epoch int) error {
		accuracy, err := eval.KNNAccuracy(r.Model.Query, r.Bank, r.Test, 200, 0.1, eval.Options{
			Size: r.Config.InputRes, Workers: r.Config.Workers, BF16: r.Model.BF16, Progress: progress,
		})
		if err != nil {
			return err
		}
		return report(r, epoch, accuracy)
	}
	return Hook{
		Start: func(r *Run) error {
			if r.Step > 0 {
				return nil
			}
			return judge(r, 0)
		},
		Epoch: func(r *Run) error {
			if r.Epoch%every != 0 && r.Epoch != r.Config.Epochs {
				return nil
			}
			return judge(r, r.Epoch)
		},
	}
}

// MetricsHook writes metrics.jsonl: a line every printFreq steps.
func MetricsHook(printFreq int) Hook {
	var lines Lines
	var wait, compute time.Duration
	var images int
	last := time.Now()
	return Hook{
		Start: func(r *Run) error {
			lines.Path, last = filepath.Join(r.Dir, "metrics.jsonl"), time.Now()
			return nil
		},
		Step: func(r *Run, s Step) error {
			wait, compute, images = wait+s.Wait, compute+s.Compute, images+s.Images
			if s.Step%printFreq != 0 {
				return nil
			}
			err := lines.Add(map[string]any{
				"epoch": s.Epoch, "step": s.Step, "loss": s.Loss, "acc": s.Accuracy, "lr": s.Rate,
				"img_s": float64(images) / time.Since(last).Seconds(), "wait_s": wait.Seconds(), "compute_s": compute.Seconds(),
			})
			wait, compute, images, last = 0, 0, 0, time.Now()
			return err
		},
		Epoch: func(r *Run) error {
			wait, compute, images, last = 0, 0, 0, time.Now()
			return lines.Add(map[string]any{"epoch": r.Epoch, "step": r.Step, "epoch_end": true})
		},
	}
}
