package train

import (
	"fmt"
	"path/filepath"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data/loader"
	"contralens/internal/machine"
	"contralens/statedict"
	"contralens/torch"
)

// recordVersion is the version of the record that a checkpoint keeps under
// "contralens".
const recordVersion = 1

// Save writes the run's state: PyTorch's keys (model, contrast, optimizer,
// epoch, model_ema) as the reference implementation has them, and our record
// with what is needed to go on exactly. epoch is the last completed one. What
// hangs on the run is flushed first, so that a checkpoint never knows of more
// steps than the other files of the run.
func (r *Run) Save(path string) error {
	for _, h := range r.Hooks {
		if h.Save != nil {
			if err := h.Save(r); err != nil {
				return err
			}
		}
	}
	completed := r.Epoch
	if r.StepInEpoch < r.Batches {
		completed-- // in the middle of an epoch, or before the first
	}
	m := r.Model
	inEpoch, sums := r.StepInEpoch%r.Batches, r.Sums
	if inEpoch == 0 {
		sums = Sums{} // the next epoch's
	}
	options := checkpoint.Dict{}
	for _, f := range config.Fields(&r.Config) {
		options = append(options, checkpoint.Item{Key: f.Name, Value: f.String()})
	}
	file := checkpoint.Dict{
		{Key: "model", Value: statedict.Of(m.Query.State, "module.")},
		{Key: "contrast", Value: statedict.Of(m.Method.State().Contrast, "")},
		{Key: "optimizer", Value: statedict.SGD(m.Optimizer, r.Schedule.Epoch(max(completed, 1)))},
		{Key: "epoch", Value: completed},
		{Key: "contralens", Value: append(checkpoint.Dict{
			{Key: "version", Value: recordVersion}, {Key: "config", Value: options},
			{Key: "epoch", Value: completed}, {Key: "step_in_epoch", Value: inEpoch}, {Key: "global_step", Value: r.Step},
			{Key: "images", Value: r.Train.Len()},
			{Key: "rng", Value: checkpoint.Dict{{Key: "seed", Value: int(r.Config.Seed)}, {Key: "lambda_step", Value: int(m.Stream.Step)}}},
			{Key: "precision", Value: r.Config.Precision}, {Key: "memory_format", Value: r.Config.MemoryFormat},
			{Key: "threads", Value: torch.Threads()}, {Key: "workers", Value: loader.Workers(r.Config.Workers)}, {Key: "machine", Value: machine.Kind()},
			{Key: "epoch_sums", Value: sums.dict()}, {Key: "collapse", Value: r.collapse.dict()}, {Key: "mix_start", Value: r.mixStart.dict()},
		}, saveMethod(m)...)},
	}
	if m.Key != nil {
		file = append(file, checkpoint.Item{Key: "model_ema", Value: statedict.Of(m.Key.State, "")})
	}
	if err := checkpoint.Write(path, file); err != nil {
		return err
	}
	r.saved, r.savedStep = path, r.Step
	return nil
}

// saveInterrupted saves a run that was stopped, unless its state is in a
// checkpoint already.
func (r *Run) saveInterrupted() error {
	if r.saved != "" && r.savedStep == r.Step {
		return nil
	}
	return r.Save(filepath.Join(r.Dir, interruptedFile))
}

// Saved is the checkpoint that was written last, or that the run goes on from;
// "" before the first.
func (r *Run) Saved() string { return r.saved }

// LastGood adds to an error of Do which checkpoint there is to go on from.
func (r *Run) LastGood(err error) error {
	if r.saved == "" {
		return fmt.Errorf("%w; no checkpoint has been saved yet", err)
	}
	return fmt.Errorf("%w; the last good checkpoint is %s, of step %d", err, r.saved, r.savedStep)
}

// Load puts the run where a checkpoint left it. notes are sentences about what
// the file does not tell, or tells otherwise than the options.
func (r *Run) Load(path string) (notes []string, err error) {
	file, err := checkpoint.Read(path)
	if err != nil {
		return nil, otherwise(path, err)
	}
	record := statedict.Items(file.Get("contralens"))
	if p, _ := record.Get("precision").(string); p != "" && p != r.Config.Precision {
		return nil, fmt.Errorf("checkpoint %s: it was trained in %s; leave --precision out to go on", path, p)
	}
	if f, _ := record.Get("memory_format").(string); f != "" && f != r.Config.MemoryFormat {
		notes = append(notes, fmt.Sprintf("--memory_format is %s, where %s was trained in %s: sums are rounded otherwise", r.Config.MemoryFormat, path, f))
	}
	m := r.Model
	if err := statedict.Load(path, m.Query.State, file.Get("model"), "module."); err != nil {
		return nil, err
	}
	if m.Key != nil {
		if err := statedict.Load(path, m.Key.State, file.Get("model_ema"), ""); err != nil {
			return nil, err
		}
	}
	if err := loadMethod(m, path, file.Get("contrast"), record); err != nil {
		return nil, err
	}
	if err := statedict.LoadSGD(path, m.Optimizer, file.Get("optimizer")); err != nil {
		return nil, err
	}
	if len(statedict.Items(statedict.Items(file.Get("optimizer")).Get("state"))) == 0 {
		notes = append(notes, fmt.Sprintf("checkpoint %s has no momentum: SGD starts from none", path))
	}
	r.Epoch = statedict.Int(file.Get("epoch")) + 1
	r.saved = path
	if record == nil {
		r.StepInEpoch, r.Step = 0, (r.Epoch-1)*r.Batches
		r.savedStep = r.Step
		return append(notes, fmt.Sprintf("checkpoint %s has no record of ours, as PyTorch programs write none: it lacks the queue's index (0 is taken), the state of the random numbers, the order of the data and λ (this run's --seed is taken), and the options; training goes on with epoch %d, but not exactly as it would have", path, r.Epoch)), nil
	}
	r.StepInEpoch, r.Step = statedict.Int(record.Get("step_in_epoch")), statedict.Int(record.Get("global_step"))
	r.savedStep = r.Step
	m.Stream.Step = uint64(statedict.Int(statedict.Items(record.Get("rng")).Get("lambda_step")))
	r.Sums.set(statedict.Items(record.Get("epoch_sums")))
	r.collapse.set(statedict.Items(record.Get("collapse")))
	r.mixStart.set(statedict.Items(record.Get("mix_start")))
	if n := statedict.Int(record.Get("images")); n != r.Train.Len() {
		if r.StepInEpoch > 0 {
			r.StepInEpoch, r.Sums = 0, Sums{}
		}
		notes = append(notes, fmt.Sprintf("the dataset had %d images when %s was saved and has %d now: epoch %d starts at its beginning, in another order", n, path, r.Train.Len(), r.Epoch))
	}
	return append(notes, r.differences(path, statedict.Items(record.Get("config")))...), nil
}

// differences names the options that a checkpoint was trained with and that are
// others now.
func (r *Run) differences(path string, options checkpoint.Dict) (notes []string) {
	for _, f := range config.Fields(&r.Config) {
		if was, ok := options.Get(f.Name).(string); ok && was != f.String() && !f.Runtime && !f.Ignored {
			notes = append(notes, fmt.Sprintf("--%s is %s, where %s was trained with %s", f.Name, f.String(), path, was))
		}
	}
	return notes
}
