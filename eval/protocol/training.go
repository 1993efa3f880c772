package protocol

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"contralens/dist"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/events"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
)

// run trains in the run directory, from the start or with Resume from a checkpoint.
// curves is the directory of TensorBoard's events. If ctx ends, run returns ErrStopped
// after the state is saved.
func (k *session) run(ctx context.Context, r *classify.Run, curves string) error {
	if k.Resume != "" {
		if err := k.resume(r); err != nil {
			return err
		}
	}
	r.SaveFreq, r.PrintFreq, r.Print = k.SaveFreq, k.PrintFreq, k.print
	if k.first() {
		w, err := events.NewWriter(curves, max(1, r.Trainer.Epoch))
		if err != nil {
			return err
		}
		defer w.Close()
		r.Curves = w
	}
	err := r.Do(ctx)
	if stopped(ctx, err) {
		k.print("stopped; %s has the state: resume with the same command and --resume auto", r.Interrupted())
		return ErrStopped
	}
	return err
}

// resume restores the state of the training from a checkpoint.
func (k *session) resume(r *classify.Run) error {
	path := k.Resume
	if path == "auto" {
		var skipped []error
		path, skipped = rundir.Newest(r.Dir)
		for _, err := range skipped {
			k.print("note: passed over: %v", err)
		}
		if path == "" && len(skipped) > 0 {
			return rundir.AllDamaged(r.Dir)
		}
	}
	if path == "" {
		k.print("note: %s has no checkpoint yet, training starts at the beginning", r.Dir)
		return nil
	}
	warning, err := r.Resume(path)
	if err != nil {
		return err
	}
	if warning != "" {
		k.print("note: %s", warning)
	}
	k.print("resuming %s: epoch %d, step %d", path, r.Trainer.Epoch, r.Trainer.StepInEpoch+1)
	return nil
}

// resumed returns the checkpoint from which the training goes on; "" if there is none.
func (k *session) resumed() string {
	if k.Resume != "auto" {
		return k.Resume
	}
	path, _ := rundir.Newest(k.dir)
	return path
}

// attempt runs f, which trains and tests. It reports that ctx ended outside of the training, when
// there is no state to save. Any other error goes to the log, those of operators and exchanges too.
func (k *session) attempt(ctx context.Context, f func() error) error {
	err := torch.Run(f)
	if !stopped(ctx, err) {
		err = setup.Explain(k.company.joined.Explain(err), setup.Load{Machine: k.Machine, Arch: k.Arch, Batch: k.BatchSize})
		if err != nil && !errors.Is(err, ErrStopped) && !errors.As(err, new(*dist.Lost)) { // which is in the log already
			k.failed(err)
		}
		return err
	}
	k.print("stopped outside of training; resume with the same command and --resume auto")
	return ErrStopped
}

// failed writes to the log why the evaluation failed.
func (k *session) failed(err error) { k.write(rundir.FailedLine(err)) }

// testHead tests a classifier on the encoder's features of the test images.
func (k *session) testHead(ctx context.Context, head *classify.Linear) (eval.Scores, error) {
	s, err := classify.Test(k.encoder.Model, []*classify.Linear{head}, k.test, k.counts, k.evalOptions(ctx))
	if err != nil {
		return eval.Scores{}, err
	}
	return s[0], nil
}

// finish writes a result to the run directory and reports it.
func (k *session) finish(protocol string, s eval.Scores, metrics map[string]any) (rundir.Result, error) {
	all := k.metrics(s)
	maps.Copy(all, metrics)
	r := k.encoder.result(protocol, k.train.Name(), all, k.Seed, k.values)
	if !k.first() {
		return r, nil
	}
	if err := r.Append(k.dir); err != nil {
		return r, err
	}
	for _, line := range summary(protocol, s, k.classes) {
		k.print("%s", line)
	}
	k.print("chance: %.2f %%, the most frequent class of %d test images", all["chance"], k.test.Len())
	k.print("results: %s", filepath.Join(k.dir, rundir.ResultsFile))
	return r, k.result(r)
}

// metrics returns the metrics of a test: accuracies in percent.
func (k *session) metrics(s eval.Scores) map[string]any {
	perClass := map[string]float64{}
	for i, a := range s.PerClass {
		if a >= 0 {
			perClass[k.classes[i]] = a
		}
	}
	m := map[string]any{
		"top1": s.Top1, "top5": s.Top5, "loss": s.Loss, "per_class": perClass,
		"train_images": k.train.Len(), "test_images": k.test.Len(), "chance": eval.Chance(k.test),
	}
	if k.heldOut != "" {
		m["held_out"] = true
	}
	addShots(m, s.Shots)
	return m
}

// addShots adds the accuracies of the shots that have classes.
func addShots(m map[string]any, s *eval.Shots) {
	if s == nil {
		return
	}
	for name, v := range map[string]float64{"many": s.Many, "medium": s.Medium, "few": s.Few} {
		if v >= 0 {
			m[name] = v
		}
	}
}

// tauNormalized tests the τ-normalized classifier (Kang et al., 2020) with test,
// reports its accuracies under a title, and returns its metrics.
func (k *session) tauNormalized(
	τ float64, head *classify.Linear, title string, test func(*classify.Linear) (eval.Scores, error),
) (map[string]any, error) {
	h := head.TauNormalized(τ)
	defer h.Free()
	s, err := test(h)
	if err != nil {
		return nil, err
	}
	for _, line := range summary(fmt.Sprintf("%s (τ = %v)", title, τ), s, k.classes) {
		k.print("%s", line)
	}
	m := map[string]any{"tau": τ, "top1": s.Top1, "top5": s.Top5}
	addShots(m, s.Shots)
	return m, nil
}

// summary describes the scores of a test. If there are many classes, it names the best
// and the worst.
func summary(title string, s eval.Scores, classes []string) []string {
	lines := []string{fmt.Sprintf("%s top-1: %.2f %%  top-%d: %.2f %%", title, s.Top1, min(5, len(s.PerClass)), s.Top5)}
	if s.Shots != nil {
		percent := func(v float64) string {
			if v < 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f %%", v)
		}
		lines = append(lines, fmt.Sprintf("classes with many (>100) training images: %s  medium (20–100): %s  few (<20): %s",
			percent(s.Shots.Many), percent(s.Shots.Medium), percent(s.Shots.Few)))
	}
	var order []int
	for c, a := range s.PerClass {
		if a >= 0 {
			order = append(order, c)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.PerClass[a] > s.PerClass[b]:
			return -1
		case s.PerClass[a] < s.PerClass[b]:
			return 1
		}
		return 0
	})
	list := func(what string, order []int) string {
		var parts []string
		for _, c := range order {
			parts = append(parts, fmt.Sprintf("%s %.1f %%", classes[c], s.PerClass[c]))
		}
		return what + ": " + strings.Join(parts, ", ")
	}
	if len(order) <= 10 {
		return append(lines, list("classes", order))
	}
	worst := slices.Clone(order[len(order)-5:])
	slices.Reverse(worst)
	return append(lines, list("best classes", order[:5]), list("worst classes", worst))
}
