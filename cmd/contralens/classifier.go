package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/autotune"
	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/events"
	"contralens/internal/machine"
	"contralens/optim"
	"contralens/setup"
	"contralens/torch"
	"contralens/train"
	"contralens/views"
)

// classification is what linear and finetune have in common: the encoder, the
// images, and the run directory with its log.
type classification struct {
	*config.Shared
	options     map[string]string // all of them, as they would be typed
	encoder     *judged
	train, test data.Dataset
	counts      []int    // training images of each class
	classes     []string // names of the outputs
	dir         string
	out         io.Writer
	log         *os.File
	release     func() // of the run directory
}

// openClassification opens encoder and data, and tells of what doesn't fit.
// nClass is the number of outputs that the user asked for, 0 for the dataset's.
func openClassification(s *config.Shared, set map[string]bool, ckpt string, ema bool, nClass int, toStderr bool) (*classification, error) {
	k := &classification{Shared: s, out: os.Stdout}
	if toStderr {
		k.out = os.Stderr
	}
	var err error
	if k.encoder, err = encoder(s, ckpt, ema, set); err != nil {
		return nil, err
	}
	if k.train, k.test, err = setup.Datasets(*s, printNote); err == nil {
		err = k.fit(nClass)
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// openTraining is openClassification for an encoder that is trained too. The
// encoder's file decides its network, which is measured when it is there: its memory
// format is not chosen. name is the run's.
func openTraining(s *config.Shared, set map[string]bool, ckpt string, ema bool, nClass int, toStderr bool, name string) (*classification, error) {
	if err := resumeAs(s, s.RunFolder(name)); err != nil {
		return nil, err
	}
	if s.MemoryFormat == autotune.Auto {
		s.MemoryFormat = "channels_last"
	}
	k, err := openClassification(s, set, ckpt, ema, nClass, toStderr)
	if err != nil {
		return nil, err
	}
	if err := k.choose(); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// choose settles how the encoder is trained.
func (k *classification) choose() error {
	print := func(format string, args ...any) { printNote(fmt.Sprintf(format, args...)) }
	net, precision := k.encoder.Model.Config, k.Precision
	chosen, err := setup.Precision(tuner(k.Retune, print), k.Shared, net, 1)
	if err != nil {
		return err
	}
	images, err := k.images(false)
	if err != nil {
		return err
	}
	split, err := setup.SplitThreads(tuner(k.Retune, print), k.Shared, precision, net, 1, autotune.Images{Dataset: k.train, Views: []views.Spec{images.Spec}, From: absolute(k.DataFolder)})
	for _, said := range []string{chosen, split} {
		if said != "" {
			printNote(said)
		}
	}
	return err
}

// fit makes sure that data and number of classes go together.
func (k *classification) fit(nClass int) error {
	k.classes = slices.Clone(k.train.Classes())
	switch n := len(k.classes); {
	case n < 2:
		return fmt.Errorf("--data_folder %s: want images in folders of at least 2 classes, got %d; a classifier learns from labels", k.DataFolder, n)
	case k.test == nil:
		return fmt.Errorf("--data_folder %s: want a val/ or test/ folder beside train/ to test on, found none in dataset %s", k.DataFolder, k.train.Name())
	case nClass > 0 && nClass < n:
		return fmt.Errorf("--n_class %d: dataset %s has %d classes; give --n_class %d, or leave it out", nClass, k.train.Name(), n, n)
	case nClass > n:
		printNote(fmt.Sprintf("--n_class %d: dataset %s has %d classes; the other outputs learn never to answer", nClass, k.train.Name(), n))
		for i := n; i < nClass; i++ {
			k.classes = append(k.classes, fmt.Sprint("unused ", i))
		}
	}
	for _, d := range []data.Dataset{k.train, k.test} {
		if err := eval.Labeled(d); err != nil {
			return fmt.Errorf("%w; a classifier learns from labels", err)
		}
	}
	k.counts = data.ClassCounts(k.train)
	return nil
}

// prepare makes the run directory; c is a pointer to the configuration.
func (k *classification) prepare(dir string, c any) (err error) {
	k.dir, k.options = dir, config.Values(c)
	if k.Resume != "" && k.Resume != "auto" && !isFile(k.Resume) {
		return fmt.Errorf("--resume %s: want a checkpoint, or auto for the run directory's newest, but there is no such file", k.Resume)
	}
	if k.release, err = train.Prepare(dir, c, *k.Shared, os.Args); err != nil {
		return err
	}
	k.log, err = os.OpenFile(filepath.Join(dir, "log.txt"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

func (k *classification) close() {
	k.encoder.Model.Free()
	if k.release != nil {
		k.release()
	}
	if k.log != nil {
		k.log.Close()
	}
}

// print writes a line to the display and the log.
func (k *classification) print(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	fmt.Fprintln(k.out, line)
	fmt.Fprintln(k.log, line)
}

func (k *classification) evalOptions(ctx context.Context) eval.Options {
	return eval.Options{Size: k.InputRes, Batch: max(64, min(256, k.BatchSize)), Workers: k.Workers, BF16: k.Precision == "bf16", Progress: featureProgress(), Context: ctx}
}

// images is the source of augmented training images.
func (k *classification) images(balanced bool) (*classify.Images, error) {
	spec, err := views.Preset(k.AugLinear, k.InputRes, k.Crop)
	spec.Exact = k.Decode == "exact"
	return &classify.Images{
		Dataset: k.train, Batch: k.BatchSize, Workers: k.Workers, Spec: eval.View(k.encoder.Model, spec),
		Seed: k.Seed, Balanced: balanced, Device: k.encoder.Model.Config.Device,
	}, err
}

func (k *classification) schedule() optim.Schedule {
	return optim.Schedule{Rate: k.LearningRate, Epochs: k.Epochs, Cosine: k.Cosine, DecayRate: k.DecayRate, Milestones: k.Milestones}
}

func (k *classification) record(protocol string) classify.Record {
	return classify.Record{
		Protocol: protocol, Config: k.options, Classes: k.classes, Encoder: classify.EncoderRecord{Path: absolute(k.encoder.Path), SHA256: k.encoder.SHA256, Epoch: k.encoder.Epoch},
		Threads: torch.Threads(), Workers: data.Workers(k.Workers), Machine: machine.Kind(),
	}
}

func absolute(path string) string {
	if path == "" {
		return ""
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return full
}

// run trains in the run directory, or goes on with --resume, and tells whether
// it was stopped.
func (k *classification) run(ctx context.Context, r *classify.Run, curves string) error {
	if path := k.Resume; path != "" {
		if path == "auto" {
			var skipped []error
			path, skipped = train.Newest(r.Dir)
			for _, err := range skipped {
				k.print("note: passed over: %v", err)
			}
		}
		if path == "" {
			k.print("note: --resume auto: %s has no checkpoint yet, training starts at the beginning", r.Dir)
		} else {
			warning, err := r.Resume(path)
			if err != nil {
				return err
			}
			if warning != "" {
				k.print("note: %s", warning)
			}
			k.print("resuming %s: epoch %d, step %d", path, r.Trainer.Epoch, r.Trainer.StepInEpoch+1)
		}
	}
	w, err := events.NewWriter(curves, max(1, r.Trainer.Epoch))
	if err != nil {
		return err
	}
	defer w.Close()
	r.SaveFreq, r.PrintFreq, r.Print, r.Curves = k.SaveFreq, k.PrintFreq, k.print, w
	err = r.Do(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		k.print("stopped; %s has everything: go on with the same command and --resume auto", r.Interrupted())
		return train.ErrStopped
	}
	return err
}

// metrics are the results' metrics of a test.
func (k *classification) metrics(s eval.Scores, more map[string]any) map[string]any {
	perClass := map[string]float64{}
	for i, a := range s.PerClass {
		if a >= 0 {
			perClass[k.classes[i]] = a
		}
	}
	m := map[string]any{"top1": s.Top1, "top5": s.Top5, "loss": s.Loss, "per_class": perClass, "train_images": k.train.Len(), "test_images": k.test.Len()}
	addShots(m, s.Shots)
	for name, v := range more {
		m[name] = v
	}
	return m
}

// addShots adds the shots that there are classes for.
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

// finish prints a result and appends it to the run's.
func (k *classification) finish(r eval.Result, s eval.Scores, asJSON bool) error {
	if err := r.Append(k.dir); err != nil {
		return err
	}
	for _, line := range summaryLines(r.Protocol, s, k.classes) {
		k.print("%s", line)
	}
	k.print("results: %s", filepath.Join(k.dir, eval.ResultsFile))
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return nil
}

// summaryLines are a test's scores in words: of many classes the best and worst.
func summaryLines(protocol string, s eval.Scores, classes []string) []string {
	lines := []string{fmt.Sprintf("%s top-1: %.2f %%  top-%d: %.2f %%", protocol, s.Top1, min(5, len(s.PerClass)), s.Top5)}
	if s.Shots != nil {
		part := func(v float64) string {
			if v < 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f %%", v)
		}
		lines = append(lines, fmt.Sprintf("classes with many (>100) training images: %s  medium (20–100): %s  few (<20): %s", part(s.Shots.Many), part(s.Shots.Medium), part(s.Shots.Few)))
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
