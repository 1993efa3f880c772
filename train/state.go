package train

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/statedict"
	"contralens/torch"
)

// recordVersion is the version of the record that a checkpoint keeps under
// "contralens".
const recordVersion = 1

// Save writes the run's state: PyTorch's keys (model, contrast, optimizer,
// epoch, model_ema) as the reference implementation has them, and our record
// with what is needed to go on exactly. epoch is the last completed one.
func (r *Run) Save(path string) error {
	completed := r.Epoch
	if r.StepInEpoch < r.Batches {
		completed-- // in the middle of an epoch, or before the first
	}
	m := r.Model
	inEpoch := r.StepInEpoch % r.Batches
	options := checkpoint.Dict{}
	for _, f := range config.Fields(&r.Config) {
		options = append(options, checkpoint.Item{Key: f.Name, Value: f.String()})
	}
	return checkpoint.Write(path, checkpoint.Dict{
		{Key: "model", Value: statedict.Of(m.Query.State, "module.")},
		{Key: "contrast", Value: checkpoint.OrderedDict{{Key: "memory", Value: statedict.Tensor(m.Queue.Keys)}}},
		{Key: "optimizer", Value: statedict.SGD(m.Optimizer, r.Schedule.Epoch(max(completed, 1)))},
		{Key: "epoch", Value: completed},
		{Key: "model_ema", Value: statedict.Of(m.Key.State, "")},
		{Key: "contralens", Value: checkpoint.Dict{
			{Key: "version", Value: recordVersion}, {Key: "config", Value: options},
			{Key: "epoch", Value: completed}, {Key: "step_in_epoch", Value: inEpoch}, {Key: "global_step", Value: r.Step},
			{Key: "queue_index", Value: m.Queue.Index}, {Key: "rng", Value: checkpoint.Dict{{Key: "lambda_step", Value: int(m.Stream.Step)}}},
			{Key: "precision", Value: r.Config.Precision}, {Key: "memory_format", Value: "channels_last"},
		}},
	})
}

// Load puts the run where a checkpoint left it. warning is a sentence for files
// that don't tell everything.
func (r *Run) Load(path string) (warning string, err error) {
	file, err := checkpoint.Read(path)
	if err != nil {
		return "", err
	}
	m := r.Model
	if err := statedict.Load(path, m.Query.State, file.Get("model"), "module."); err != nil {
		return "", err
	}
	if err := statedict.Load(path, m.Key.State, file.Get("model_ema"), ""); err != nil {
		return "", err
	}
	memory, _ := statedict.Items(file.Get("contrast")).Get("memory").(*checkpoint.Tensor)
	if want := m.Queue.Keys.Shape(); memory == nil || fmt.Sprint(memory.Shape) != fmt.Sprint(want) {
		return "", fmt.Errorf("checkpoint %s: want a queue %v under contrast.memory; was it trained with another -k or -d?", path, want)
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			m.Queue.Keys.Copy_(torch.FromFloat32(memory.Float32s(), memory.Shape...))
		})
	})
	statedict.LoadSGD(m.Optimizer, file.Get("optimizer"))
	r.Epoch = statedict.Int(file.Get("epoch")) + 1
	record := statedict.Items(file.Get("contralens"))
	if record == nil {
		r.StepInEpoch, r.Step = 0, (r.Epoch-1)*r.Batches
		return fmt.Sprintf("checkpoint %s has no record of ours: the queue's index, the order of the data and the random numbers start afresh", path), nil
	}
	r.StepInEpoch, r.Step = statedict.Int(record.Get("step_in_epoch")), statedict.Int(record.Get("global_step"))
	m.Queue.Index = statedict.Int(record.Get("queue_index"))
	m.Stream.Step = uint64(statedict.Int(statedict.Items(record.Get("rng")).Get("lambda_step")))
	if p, _ := record.Get("precision").(string); p != "" && p != r.Config.Precision {
		return "", fmt.Errorf("checkpoint %s: it was trained in %s; give --precision %s to go on", path, p, p)
	}
	return "", nil
}

// Newest finds the newest readable checkpoint of a run directory; the unreadable
// ones that it passed over are in skipped.
func Newest(dir string) (path string, skipped []error) {
	type found struct {
		path string
		info fs.FileInfo
	}
	var all []found
	for _, pattern := range []string{"current.pth", "interrupted.pth", "ckpt_epoch_*.pth"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, p := range paths {
			if info, err := os.Stat(p); err == nil {
				all = append(all, found{p, info})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].info.ModTime().After(all[j].info.ModTime()) })
	for _, f := range all {
		if _, err := checkpoint.Read(f.path); err != nil {
			skipped = append(skipped, err)
			continue
		}
		return f.path, skipped
	}
	return "", skipped
}
