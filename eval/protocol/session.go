package protocol

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"contralens/autotune"
	"contralens/config"
	"contralens/data"
	"contralens/data/loader"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/features"
	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/setup"
	"contralens/torch"
	"contralens/views"
)

// session is the common part of all protocols that train: the encoder, the images, and
// the run directory with its log.
type session struct {
	*config.Classifier
	Options
	encoder     *evaluatedEncoder
	train, test data.Dataset
	heldOut     string            // a sentence about test images that are held out; "" for a test split
	counts      []int             // training images per class
	classes     []string          // names of the outputs
	values      map[string]string // all options, as typed on the command line
	dir         string
	log         atomic.Pointer[os.File] // of the first process
	release     func()                  // unlocks the run directory
	groups      int                     // of a batch, each normalized by itself; 0: the encoder is not trained
	together    bool                    // all processes normalize a batch together
}

// openSession opens the encoder and the data, and checks that they fit together. nClass
// is the number of outputs that the user asked for; 0 is the dataset's number of
// classes.
func openSession(ctx context.Context, c *config.Classifier, o Options, w config.Weights, nClass int) (*session, error) {
	k := &session{Classifier: c, Options: o}
	var err error
	if k.encoder, err = openEncoder(&c.Net, c.Machine, w, c.Seed, o); err != nil {
		return nil, err
	}
	setup.Host(&c.Machine, k.encoder.Model.Config.Device)
	if k.train, k.test, err = setup.Datasets(ctx, c.Data, c.Net, o.Note); err == nil {
		if k.train, k.test, k.heldOut = setup.HoldOut(k.train, k.test); k.heldOut != "" {
			k.note("%s", k.heldOut)
		}
		err = k.fit(nClass)
	}
	if stopped(ctx, err) {
		err = ErrStopped
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// openTraining is openSession for an encoder that is trained as well. place is the
// run's. The network is known only after the encoder's file has been read, so its
// memory format is not chosen by measuring.
func openTraining(ctx context.Context, c *config.Finetune, o Options, place setup.Place) (*session, error) {
	if err := setup.ResumeCompute(&c.Machine, c.Resume, place.Dir); err != nil {
		return nil, err
	}
	if c.MemoryFormat == "auto" {
		c.MemoryFormat = "channels_last"
	}
	k, err := openSession(ctx, &c.Classifier, o, c.Weights, c.NClass)
	if err != nil {
		return nil, err
	}
	if err := k.tune(ctx, c.Retune); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// tune chooses how the encoder is computed in training.
func (k *session) tune(ctx context.Context, retune bool) error {
	if k.Tuner == nil {
		k.Settle()
		return nil
	}
	t := *k.Tuner
	t.Retune = t.Retune || retune
	if t.Note == nil {
		t.Note = func(format string, args ...any) {
			k.note("%s", strings.TrimPrefix(fmt.Sprintf(format, args...), "note: "))
		}
	}
	asked := k.Precision
	step := setup.Step{Net: k.encoder.Model.Config, Batch: k.BatchSize, Side: k.InputRes}
	var chosen string
	measure := func() (err error) {
		chosen, err = setup.Precision(&t, &k.Machine, step)
		return err
	}
	if w := k.Launch.World(); !w.Alone() {
		step.Batch = max(2, step.Batch/w.Size)
		err := k.company.met.ChooseMachine(ctx, &k.Machine, measure)
		if err == nil && chosen != "" {
			k.note("%s", chosen)
		}
		k.Settle()
		return err
	}
	images, err := k.images(false)
	if err != nil {
		return err
	}
	if err := measure(); err != nil {
		return err
	}
	split, _, err := setup.SplitThreads(&t, &k.Machine, asked, step, autotune.Images{
		Dataset: k.train, Views: []views.Spec{images.Spec}, From: absolute(k.DataFolder),
	})
	for _, described := range []string{chosen, split} {
		if described != "" {
			k.note("%s", described)
		}
	}
	return err
}

// fit checks that the data and the number of classes fit together.
func (k *session) fit(nClass int) error {
	k.classes = slices.Clone(k.train.Classes())
	switch n := len(k.classes); {
	case n < 2:
		return fmt.Errorf("--data_folder %s: want images in folders of at least 2 classes, got %d; a classifier learns "+
			"from labels", k.DataFolder, n)
	case k.test == nil:
		return fmt.Errorf("--data_folder %s: want a val/ or test/ folder beside train/ to test on, or classes of at "+
			"least 2 images, found neither in dataset %s", k.DataFolder, k.train.Name())
	case nClass > 0 && nClass < n:
		return fmt.Errorf("--n_class %d: dataset %s has %d classes; use --n_class %d, or omit it",
			nClass, k.train.Name(), n, n)
	case nClass > n:
		k.note("--n_class %d: dataset %s has %d classes; the other outputs are never the right answer",
			nClass, k.train.Name(), n)
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

// prepare joins the other processes, and makes the run directory. c points to the configuration.
func (k *session) prepare(ctx context.Context, place setup.Place, c any) (err error) {
	k.dir, k.values = place.Dir, config.Values(c)
	if k.Resume != "" && k.Resume != "auto" && !isFile(k.Resume) {
		return fmt.Errorf("--resume %s: want a checkpoint, or auto for the run directory's newest, but there is no such file",
			k.Resume)
	}
	if err := k.join(ctx, c); err != nil {
		return err
	}
	k.release, err = setup.Prepare(k.Launch.World(), place, c, k.Output, os.Args)
	if err = k.company.peers().Agree(err); err != nil {
		return err
	}
	if k.first() {
		var log *os.File
		log, err = os.OpenFile(filepath.Join(k.dir, rundir.LogFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		k.log.Store(log)
	}
	if err == nil && k.Begin != nil {
		k.Begin()
	}
	return err
}

// first reports whether this process writes for all.
func (k *session) first() bool { return k.company.peers().First() }

func (k *session) close() {
	k.encoder.Model.Free()
	if k.release != nil {
		k.release()
	}
	if log := k.log.Load(); log != nil {
		log.Close()
	}
}

// print reports a line and writes it to the log.
func (k *session) print(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	k.line(line)
	k.write(line)
}

// write writes a line to the log, which the first process has. It may be called from any goroutine.
func (k *session) write(line string) {
	if log := k.log.Load(); log != nil {
		fmt.Fprintln(log, line)
	}
}

func (k *session) evalOptions(ctx context.Context) features.Options {
	return features.Options{
		Size: k.InputRes, Batch: max(64, min(256, k.BatchSize)), Workers: k.Workers, Precision: k.dtype(),
		Progress: k.Features, Context: ctx, Peers: k.company.peers(),
	}
}

func (k *session) dtype() torch.Dtype { return setup.Dtype(k.Precision) }

// images returns the source of augmented training images.
func (k *session) images(balanced bool) (*classify.Images, error) {
	spec, err := views.Preset(k.AugLinear, k.InputRes, k.Crop)
	spec.Exact = k.Decode == "exact"
	return &classify.Images{
		Dataset: k.train, Batch: k.BatchSize, Workers: k.Workers, Spec: features.View(k.encoder.Model, spec),
		Seed: k.Seed, Balanced: balanced, Device: k.encoder.Model.Config.Device, Dtype: k.dtype(),
		World: k.Launch.World(), Groups: max(1, k.Launch.World().Size),
	}, err
}

// newHead makes a classifier with n outputs on the encoder's features.
func (k *session) newHead(n int, seed uint64) *classify.Linear {
	return classify.NewLinear(n, k.encoder.Model.FeatureDim(), seed, k.encoder.Model.Config.Device)
}

// record returns the record of a classifier's checkpoint.
func (k *session) record(protocol string) classify.Record {
	return classify.Record{
		Protocol: protocol, Config: k.values, Classes: k.classes,
		Encoder: classify.EncoderRecord{Path: absolute(k.encoder.Path), SHA256: k.encoder.SHA256, Epoch: k.encoder.Epoch},
		Threads: torch.Threads(), Workers: loader.Workers(k.Workers), Machine: machine.Kind(),
		World: k.Launch.World().Size, Groups: k.groups,
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
