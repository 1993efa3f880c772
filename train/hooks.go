package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"contralens/config"
	"contralens/eval"
	"contralens/features"
	"contralens/internal/jsonl"
	"contralens/methods"
	"contralens/scores"
)

// CheckpointHook keeps current.pth after every epoch and ckpt_epoch_N.pth after
// every saveFreq, of which the newest keep stay (0: all).
func CheckpointHook(saveFreq, keep int) Hook {
	return Hook{Epoch: func(r *Run) error {
		if err := r.Save(filepath.Join(r.Dir, currentFile)); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(r.Dir, interruptedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if r.Epoch%saveFreq != 0 {
			return nil
		}
		if err := r.Save(filepath.Join(r.Dir, epochFile(r.Epoch))); err != nil {
			return err
		}
		return prune(r.Dir, keep)
	}}
}

// ScoreHook keeps the scores of every step in the reference implementation's
// files.
func ScoreHook() Hook {
	var w *scores.Writer
	return Hook{
		Collect: methods.Collect{Scores: true},
		Start: func(r *Run) (err error) {
			w, err = scores.NewWriter(r.Dir, r.Config.BatchSize)
			return err
		},
		Step: func(r *Run, s Step) error { return w.Add(s.Epoch, s.Batch, s.Scores) },
		Save: func(*Run) error { return w.Flush() },
		Stop: func(*Run) error {
			if w == nil {
				return nil
			}
			return w.Close()
		},
	}
}

// KNNHook judges the encoder by k-NN before the first epoch, after every n-th
// and after the last. The accuracy in percent goes to report, metrics.jsonl and
// results.jsonl. An evaluation that an interruption left out is made up for at
// the start; ctx ends one with ErrStopped.
func KNNHook(ctx context.Context, every int, report func(epoch int, accuracy float64), progress func(done, total int)) Hook {
	due := func(r *Run, epoch int) bool { return epoch%every == 0 || epoch == r.Config.Epochs }
	judge := func(r *Run, epoch int) error {
		accuracy, err := eval.KNNAccuracy(r.Model.Query, r.Bank, r.Test, eval.PaperVote, features.Options{
			Size: r.Config.InputRes, Workers: r.Config.Workers, BF16: r.Model.BF16, Progress: progress, Context: ctx,
		})
		if ctx.Err() != nil {
			return ErrStopped
		}
		if err != nil {
			return err
		}
		report(epoch, accuracy)
		return r.addKNN(epoch, accuracy)
	}
	return Hook{
		Start: func(r *Run) error {
			epoch := r.Epoch - 1
			if r.StepInEpoch > 0 || !due(r, epoch) {
				return nil
			}
			if done, err := r.judged(epoch); done || err != nil {
				return err
			}
			return judge(r, epoch)
		},
		Epoch: func(r *Run) error {
			if !due(r, r.Epoch) {
				return nil
			}
			return judge(r, r.Epoch)
		},
	}
}

// addKNN writes an accuracy into metrics.jsonl and results.jsonl.
func (r *Run) addKNN(epoch int, accuracy float64) error {
	if err := r.lines(metricsFile).Add(map[string]any{"epoch": epoch, "step": r.Step, "epoch_end": true, "knn": accuracy}); err != nil {
		return err
	}
	result := eval.NewResult("knn", r.Bank.Name(), map[string]any{"top1": accuracy, "k": eval.PaperVote.K, "temperature": eval.PaperVote.Temperature}, r.Config.Seed)
	if r.saved != "" && r.savedStep == r.Step {
		sum, err := eval.SHA256(r.saved)
		if err != nil {
			return err
		}
		result.Checkpoint, result.CheckpointSHA256 = r.saved, sum
	}
	result.Epoch, result.Group = epoch, eval.Group("knn", r.Bank.Name(), fmt.Sprint(epoch), config.Values(&r.Config))
	return result.Append(r.Dir)
}

// judged says whether results.jsonl has an epoch's k-NN accuracy. If not, what
// metrics.jsonl may have of it is removed.
func (r *Run) judged(epoch int) (bool, error) {
	results, err := r.lines(eval.ResultsFile).Read()
	if err != nil {
		return false, err
	}
	for _, v := range results { // the untrained network's epoch 0 included
		if v["protocol"] == "knn" && v["epoch"] == float64(epoch) {
			return true, nil
		}
	}
	return false, r.lines(metricsFile).Keep(func(v map[string]any) bool { return v["knn"] == nil || v["epoch"] != float64(epoch) })
}

// metricsFile has what metrics there are of the steps and epochs of a run.
const metricsFile = "metrics.jsonl"

func (r *Run) lines(name string) jsonl.File { return jsonl.File(filepath.Join(r.Dir, name)) }

// above says whether a value of a line is a number above n.
func above(v any, n int) bool {
	x, ok := v.(float64)
	return ok && x > float64(n)
}

// MetricsHook writes metrics.jsonl: a line every printFreq steps. A run that
// goes on from a checkpoint removes the lines of later steps first.
func MetricsHook(printFreq int) Hook {
	var wait, compute time.Duration
	var images int
	var last time.Time
	return Hook{
		Start: func(r *Run) error {
			last = time.Now()
			if err := r.lines(metricsFile).Keep(func(v map[string]any) bool { return !above(v["step"], r.Step) }); err != nil {
				return err
			}
			return r.lines(eval.ResultsFile).Keep(func(v map[string]any) bool { return v["protocol"] != "knn" || !above(v["epoch"], r.Epoch-1) })
		},
		Step: func(r *Run, s Step) error {
			wait, compute, images = wait+s.Wait, compute+s.Compute, images+s.Images
			if s.Step%printFreq != 0 {
				return nil
			}
			err := r.lines(metricsFile).Add(map[string]any{
				"epoch": s.Epoch, "step": s.Step, "loss": s.Loss, "acc": s.Accuracy, "lr": s.Rate,
				"img_s": float64(images) / time.Since(last).Seconds(), "wait_s": wait.Seconds(), "compute_s": compute.Seconds(),
			})
			wait, compute, images, last = 0, 0, 0, time.Now()
			return err
		},
		Epoch: func(r *Run) error {
			wait, compute, images, last = 0, 0, 0, time.Now()
			loss, accuracy := r.Sums.Means()
			line := map[string]any{"epoch": r.Epoch, "step": r.Step, "epoch_end": true, "loss_mean": loss, "acc_mean": accuracy}
			if r.Config.Jigsaw {
				line["jig_loss_mean"], line["jig_acc_mean"] = r.Sums.Jigsaw().Loss, r.Sums.Jigsaw().Accuracy
			}
			return r.lines(metricsFile).Add(line)
		},
	}
}

// StepHooks are the hooks of a pre-training that follow every step. curves is the
// folder of TensorBoard's events; print receives sentences for the user.
func StepHooks(c config.Contrast, curves string, print func(format string, args ...any)) []Hook {
	list := []Hook{
		DataHook(print), MetricsHook(c.PrintFreq), CollapseHook(print), MixStartHook(print),
		EventsHook(curves, c.PrintFreq),
	}
	if c.SaveScore {
		list = append(list, ScoreHook())
	}
	if c.Record || c.SaveScore {
		list = append(list, RecordHook())
	}
	return list
}
