package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/methods"
	"contralens/rundir"
	"contralens/scores"
)

// CheckpointHook writes current.pth after every epoch and ckpt_epoch_N.pth every saveFreq
// epochs. It keeps the newest keep of the latter (0: all).
func CheckpointHook(saveFreq, keep int) Hook {
	return Hook{Order: Save, Epoch: func(r *Run) error {
		return rundir.SaveEpoch(r.Dir, r.Epoch, saveFreq, keep, r.Save)
	}}
}

// ScoreHook writes the scores of every step in the reference code's files.
func ScoreHook() Hook {
	var w *scores.Writer
	return Hook{
		Order:   Records,
		Collect: Always(methods.Collect{Scores: true}),
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

// KNNHook evaluates the encoder by k-NN before the first epoch, after every n-th and
// after the last. The accuracy in percent goes to report, metrics.jsonl and
// results.jsonl. A resumed run first repeats an evaluation that was interrupted. If ctx
// ends, an evaluation returns ErrStopped. Several processes share the work.
func KNNHook(
	ctx context.Context, every int, report func(epoch int, accuracy float64), progress func(done, total int),
) Hook {
	due := func(r *Run, epoch int) bool { return epoch%every == 0 || epoch == r.Config.Epochs }
	evaluate := func(r *Run, epoch int) error {
		accuracy, err := eval.KNNAccuracy(r.Model.Query, r.Bank, r.queries(), eval.PaperVote, features.Options{
			Size: r.Config.InputRes, Workers: r.Config.Workers, Precision: r.Model.Precision, Progress: progress, Context: ctx,
			Peers: &r.peers,
		})
		switch {
		case r.World.Alone() && ctx.Err() != nil, errors.Is(err, context.Canceled):
			return ErrStopped // of several processes, all have agreed
		case err != nil || !r.World.First():
			return err
		}
		report(epoch, accuracy)
		return r.addKNN(epoch, accuracy)
	}
	return Hook{
		Order:    Evaluate,
		Together: true,
		Start: func(r *Run) error {
			epoch := r.Epoch - 1
			if r.StepInEpoch > 0 || !due(r, epoch) {
				return nil
			}
			if done, err := r.evaluated(epoch); done || err != nil {
				return err
			}
			return evaluate(r, epoch)
		},
		Epoch: func(r *Run) error {
			if !due(r, r.Epoch) {
				return nil
			}
			return evaluate(r, r.Epoch)
		},
	}
}

// queries are the images that k-NN judges by: the test split, or images that are held out.
func (r *Run) queries() data.Dataset {
	if r.judge != nil {
		return r.judge
	}
	return r.Test
}

// addKNN writes an accuracy into metrics.jsonl and results.jsonl.
func (r *Run) addKNN(epoch int, accuracy float64) error {
	err := rundir.AddMetrics(r.Dir, rundir.Metrics{
		Epoch: float64(epoch), Step: new(float64(r.GlobalStep)), EpochEnd: true, KNN: &accuracy,
	})
	if err != nil {
		return err
	}
	vote := eval.PaperVote
	metrics := map[string]any{"top1": accuracy, "k": vote.K, "temperature": vote.Temperature}
	result := rundir.NewResult("knn", r.Bank.Name(), metrics, r.Config.Seed)
	if r.saved != "" && r.savedStep == r.GlobalStep {
		sum, err := checkpoint.SHA256(r.saved)
		if err != nil {
			return err
		}
		result.Checkpoint, result.CheckpointSHA256 = r.saved, sum
	}
	result.Epoch, result.Group = epoch, eval.Group("knn", r.Bank.Name(), fmt.Sprint(epoch), config.Values(&r.Config))
	return result.Append(r.Dir)
}

// evaluated reports whether results.jsonl has the k-NN accuracy of an epoch, as the first process
// sees it. If not, it removes the accuracy that an interrupted run may have left in metrics.jsonl.
func (r *Run) evaluated(epoch int) (done bool, err error) {
	if r.World.First() {
		done, err = r.knnDone(epoch)
	}
	if r.World.Alone() {
		return done, err
	}
	if err = r.peers.Agree(err); err != nil {
		return false, err
	}
	number := 0
	if done {
		number = 1
	}
	_, most, _ := r.peers.Loudest(number, "")
	return most > 0, nil
}

func (r *Run) knnDone(epoch int) (bool, error) {
	if done, err := rundir.HasKNN(r.Dir, epoch); done || err != nil {
		return done, err
	}
	return false, rundir.RemoveKNN(r.Dir, epoch)
}

// MetricsHook writes metrics.jsonl: a line every printFreq steps and one per epoch. A
// resumed run first removes the lines of later steps.
func MetricsHook(printFreq int) Hook {
	var wait, compute time.Duration
	var images int
	var last time.Time
	var ranks rankTimes
	return Hook{
		Order: Metrics,
		Start: func(r *Run) error {
			last = time.Now()
			if err := rundir.KeepMetrics(r.Dir, r.GlobalStep); err != nil {
				return err
			}
			return rundir.KeepKNN(r.Dir, r.Epoch-1)
		},
		Step: func(r *Run, s Step) error {
			if s.Ranks != nil {
				ranks.add(s.Ranks)
			}
			wait, compute, images = wait+s.waited(), compute+s.Compute, images+s.Images
			if s.Step%printFreq != 0 {
				return nil
			}
			rankWait, rankCompute := ranks.means()
			err := rundir.AddMetrics(r.Dir, rundir.Metrics{
				Epoch: float64(s.Epoch), Step: new(float64(s.Step)), Steps: new(float64(r.Config.Epochs * r.Batches)),
				Loss: &s.Loss, Accuracy: &s.Accuracy, Rate: &s.Rate,
				Speed: new(float64(images) / time.Since(last).Seconds()),
				Wait:  new(wait.Seconds()), Compute: new(compute.Seconds()),
				RankWait: rankWait, RankCompute: rankCompute,
			})
			wait, compute, images, last, ranks = 0, 0, 0, time.Now(), rankTimes{}
			return err
		},
		Epoch: func(r *Run) error {
			wait, compute, images, last, ranks = 0, 0, 0, time.Now(), rankTimes{}
			loss, accuracy := r.Meter.Means()
			line := rundir.Metrics{
				Epoch: float64(r.Epoch), Step: new(float64(r.GlobalStep)), EpochEnd: true, LossMean: &loss, AccuracyMean: &accuracy,
			}
			if r.Config.Jigsaw {
				jigsaw := r.Meter.Jigsaw()
				line.JigsawLoss, line.JigsawAccuracy = &jigsaw.Loss, &jigsaw.Accuracy
			}
			return rundir.AddMetrics(r.Dir, line)
		},
	}
}

// StepHooks are the hooks of a pre-training that follow every step. curves is the
// folder of TensorBoard's events.
func StepHooks(c config.Contrast, curves string) []Hook {
	list := []Hook{DataHook(), kernelsHook(), MetricsHook(c.PrintFreq), SystemHook(), EventsHook(curves, c.PrintFreq)}
	if c.SaveScore {
		list = append(list, ScoreHook())
	}
	if c.Record || c.SaveScore {
		list = append(list, RecordHook())
	}
	return list
}
