package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data/loader"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/optim"
	"contralens/peers"
	"contralens/rundir"
	"contralens/setup"
	"contralens/statedict"
	"contralens/torch"
)

// checkpointRecord is what a checkpoint of a pre-training stores besides PyTorch's keys,
// so that it can be resumed exactly. The method's memory and hooks with a state have
// entries of their own.
type checkpointRecord struct {
	rundir.CheckpointRecord
	Images       int        `key:"images"` // of the dataset
	RNG          rng        `key:"rng"`
	Precision    string     `key:"precision"`
	MemoryFormat string     `key:"memory_format"`
	Meter        EpochMeter `key:"epoch_sums"`
	// Buckets are the parameters of each bucket of gradients, by their indices. The order of a
	// sum over three or more processes depends on it.
	Buckets []string `key:"bucket_layout"`
	Backend string   `key:"backend"` // of the exchange between processes
}

// rng is the state of the random numbers.
type rng struct {
	Seed       int `key:"seed"`
	LambdaStep int `key:"lambda_step"`
}

// Save writes the run's state: PyTorch's keys (model, contrast, optimizer, epoch,
// model_ema) as the reference implementation has them, and our record. epoch is the last
// complete one. Hooks write what they have buffered first, so that a checkpoint is never
// ahead of the other files of the run. The first process alone writes the file.
func (r *Run) Save(path string) error {
	if r.flight.ahead > 0 {
		return fmt.Errorf("checkpoint %s: want the state after step %d, but step %d has begun: a hook that saves in Step "+
			"needs Settle", path, r.GlobalStep, r.Launched())
	}
	if err := r.each(func(h Hook) func(*Run) error { return h.Save }); err != nil {
		return err
	}
	if !r.World.First() {
		r.setSaved(path, r.GlobalStep)
		return nil
	}
	states, err := r.states()
	if err != nil {
		return err
	}
	completed := r.Epoch
	if r.StepInEpoch < r.Batches {
		completed-- // in the middle of an epoch, or before the first
	}
	m := r.Model
	inEpoch, meter := r.StepInEpoch%r.Batches, r.Meter
	if inEpoch == 0 {
		meter = EpochMeter{} // the next epoch's
	}
	record := checkpointRecord{
		CheckpointRecord: rundir.CheckpointRecord{
			Version: rundir.CheckpointVersion, Config: config.Values(&r.Config),
			Epoch: completed, StepInEpoch: inEpoch, GlobalStep: r.GlobalStep,
			Threads: torch.Threads(), Workers: loader.Workers(r.Config.Workers), Machine: machine.Kind(),
			Torch: torch.Version(),
			World: max(1, r.World.Size), Groups: m.Groups,
		},
		Images: r.Train.Len(), RNG: rng{Seed: int(r.Config.Seed), LambdaStep: int(m.Stream.Step)},
		Precision: r.Config.Precision, MemoryFormat: r.Config.MemoryFormat,
		Meter: meter, Buckets: peers.LayoutTexts(m.BucketLayout()), Backend: r.peers.Backend,
	}
	file := checkpoint.Dict{
		{Key: "model", Value: statedict.Of(m.Query.State, "module.")},
		{Key: "contrast", Value: statedict.Of(m.Method.State().Contrast, "")},
		{Key: "optimizer", Value: statedict.SGD(m.Optimizer, r.Schedule.Epoch(max(completed, 1)))},
		{Key: "epoch", Value: completed},
	}
	file = rundir.WithRecord(file, record, append(states, saveMethod(m)...)...)
	if m.Key != nil {
		file = append(file, checkpoint.Item{Key: "model_ema", Value: statedict.Of(m.Key.State, "")})
	}
	file = append(file, statedict.LossScale(m.Optimizer.Scale)...)
	if err := checkpoint.Write(path, file); err != nil {
		return err
	}
	r.setSaved(path, r.GlobalStep)
	return nil
}

// saveInterrupted saves a run that was stopped, unless its state is in a
// checkpoint already.
func (r *Run) saveInterrupted() error {
	if r.saved != "" && r.savedStep == r.GlobalStep {
		return nil
	}
	return r.Save(filepath.Join(r.Dir, rundir.InterruptedFile))
}

// Saved returns the newest checkpoint, which this run wrote or was resumed from; "" if
// there is none.
func (r *Run) Saved() string { return r.saved }

// LastGood adds to an error of Do which checkpoint the run can be resumed from, once. Of several
// processes the first one knows, and tells it the others with its error.
func (r *Run) LastGood(err error) error {
	var told *located
	if errors.As(err, &told) || !r.World.First() {
		return err
	}
	if r.saved == "" {
		return &located{fmt.Errorf("%w; no checkpoint has been saved yet", err)}
	}
	if drift := (*drifted)(nil); errors.As(err, &drift) && r.savedStep > drift.from {
		return &located{fmt.Errorf("%w; the newest checkpoint %s, of step %d, may have wrong weights: resume from "+
			"an earlier one",
			err, r.saved, r.savedStep)}
	}
	return &located{fmt.Errorf("%w; the last good checkpoint is %s, of step %d", err, r.saved, r.savedStep)}
}

// located is an error that says which checkpoint is the last good one.
type located struct{ error }

func (l *located) Unwrap() error { return l.error }

// Load restores the run from a checkpoint. notes are sentences about what the file
// lacks, and about options that differ from it.
func (r *Run) Load(path string) (notes []string, err error) {
	file, err := checkpoint.Read(path)
	if err != nil {
		return nil, rundir.Otherwise(path, err)
	}
	var record checkpointRecord
	ours := rundir.DecodeRecord(file, &record)
	if p := record.Precision; p != "" && !setup.SameState(p, r.Config.Precision) {
		return nil, fmt.Errorf("checkpoint %s: it was trained in %s; leave --precision out to resume it", path, p)
	}
	if f := record.MemoryFormat; f != "" && f != r.Config.MemoryFormat {
		notes = append(notes, fmt.Sprintf("--memory_format is %s, where %s was trained in %s: sums are rounded otherwise",
			r.Config.MemoryFormat, path, f))
	}
	if was := record.Config["optimizer"]; was != "" && was != r.Config.Optimizer.Optimizer {
		return nil, fmt.Errorf("checkpoint %s: it was trained with --optimizer %s, whose momenta are of no use to %s; give "+
			"--optimizer %s, or start anew from its weights with --init", path, was, r.Config.Optimizer.Optimizer, was)
	}
	if err := r.loadModel(path, file, ours); err != nil {
		return nil, err
	}
	if len(file.Dict("optimizer").Dict("state")) == 0 {
		notes = append(notes, fmt.Sprintf("checkpoint %s has no momentum: the optimizer starts from none", path))
	}
	r.Epoch = file.Int("epoch") + 1
	if ours == nil {
		r.StepInEpoch, r.GlobalStep = 0, (r.Epoch-1)*r.Batches
		r.setSaved(path, r.GlobalStep)
		return append(notes, fmt.Sprintf("checkpoint %s has no record of ours, as PyTorch programs write none: "+
			"it lacks the queue's index (0 is taken), the state of the random numbers, the order of the data and λ "+
			"(this run's --seed is taken), and the options; training continues with epoch %d, "+
			"but not exactly as it would have", path, r.Epoch)), nil
	}
	r.StepInEpoch, r.GlobalStep = record.StepInEpoch, record.GlobalStep
	r.setSaved(path, r.GlobalStep)
	r.Model.Stream.Step = uint64(record.RNG.LambdaStep)
	r.Meter = record.Meter
	r.loadStates(ours)
	if record.World == r.World.Size {
		r.Model.Layout = peers.LayoutOf(record.Buckets)
	}
	if was, is := max(1, record.World), max(1, r.World.Size); was != is {
		notes = append(notes, fmt.Sprintf("%s was trained in a world of %d, and resumes in one of %d: with the same "+
			"batches, draws and batch-norm groups, but sums are rounded otherwise", path, was, is))
	}
	if note := record.OtherTorch(path, torch.Version()); note != "" {
		notes = append(notes, note)
	}
	if n := record.Images; n != r.Train.Len() {
		if r.StepInEpoch > 0 {
			r.StepInEpoch, r.Meter = 0, EpochMeter{}
		}
		notes = append(notes, fmt.Sprintf("the dataset had %d images when %s was saved and has %d now: "+
			"epoch %d starts at its beginning, in another order", n, path, r.Train.Len(), r.Epoch))
	}
	return append(notes, r.differences(path, record.Config)...), nil
}

// loadModel loads the encoders, the method's memory and the optimizer. record is our
// record in the file, or nil.
func (r *Run) loadModel(path string, file, record checkpoint.Dict) error {
	m := r.Model
	if err := statedict.Load(path, m.Query.State, file.Get("model"), "module."); err != nil {
		return err
	}
	if m.Key != nil {
		if err := statedict.Load(path, m.Key.State, file.Get("model_ema"), ""); err != nil {
			return err
		}
	}
	if err := loadMethod(m, path, file.Get("contrast"), record); err != nil {
		return err
	}
	statedict.LoadLossScale(m.Optimizer.Scale, file)
	return statedict.LoadSGD(path, m.Optimizer, file.Get("optimizer"))
}

// rate returns the learning rate of the next step.
func (r *Run) rate() float64 { return r.Schedule.At(r.Epoch, r.StepInEpoch, r.Batches) }

// stretched says what follows another curve once the training has another number of epochs.
func (r *Run) stretched() string {
	c, curves := r.Config, []string(nil)
	if c.Cosine {
		curves = append(curves, fmt.Sprintf("the learning rate follows the cosine of %d epochs, at %s", c.Epochs,
			humanize.Digits(r.rate(), 2)))
	}
	if c.AlphaSchedule == "cosine" {
		curves = append(curves, fmt.Sprintf("the key encoder's momentum its rise over %d epochs, at %s", c.Epochs,
			humanize.Digits(optim.Rise(c.Alpha, r.GlobalStep, c.Epochs*r.Batches), 4)))
	}
	if c.HighestTau > 0 && c.PeriodEpochs == 0 {
		curves = append(curves, fmt.Sprintf("τ its swing over %d epochs", c.Epochs))
	}
	if c.AlphaAuto {
		curves = append(curves, "scores may choose α of positives for half of these epochs")
	}
	if len(curves) == 0 {
		return ""
	}
	return ": from here on " + strings.Join(curves, ", ") +
		", so that the result is not that of a training that was planned for as many"
}

// differences names the options whose values differ from those of a checkpoint.
func (r *Run) differences(path string, options map[string]string) (notes []string) {
	for _, f := range config.Fields(&r.Config) {
		if was, ok := f.Recorded(options); ok && was != f.String() && !f.Runtime && !f.Ignored {
			note := fmt.Sprintf("--%s is %s, where %s was trained with %s", f.Name, f.String(), path, was)
			if f.Name == "epochs" {
				note += r.stretched()
			}
			notes = append(notes, note)
		}
	}
	return notes
}
