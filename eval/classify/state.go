package classify

import (
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/peers"
	"contralens/rundir"
	"contralens/statedict"
	"contralens/torch"
)

// Record is the part of a classifier's checkpoint under "contralens", except for the
// state of the training.
type Record struct {
	Protocol string            // as in rundir.Result
	Config   map[string]string // all options
	Classes  []string          // names of the outputs
	Encoder  EncoderRecord
	// Threads and workers of the computation, and the kind of machine.
	Threads, Workers int
	Machine          string
	// World is the number of processes, and Groups that of a batch's batch-norm groups; 0: unknown.
	World, Groups int
}

// EncoderRecord identifies the encoder of a classifier.
type EncoderRecord struct {
	Stored bool   // in the classifier's own file, because it was trained too
	Path   string `key:"path"` // of its checkpoint; empty: untrained, drawn from the probe's seed
	SHA256 string `key:"sha256"`
	Epoch  int    `key:"epoch"`
}

// checkpointRecord is the record as it is stored, beside PyTorch's keys.
type checkpointRecord struct {
	rundir.CheckpointRecord
	Protocol string        `key:"protocol"`
	Classes  []string      `key:"classes"`
	Batches  int           `key:"batches"` // per epoch
	BestTop1 float64       `key:"best_top1"`
	Totals   Totals        `key:"epoch_totals"`
	Encoder  EncoderRecord `key:"encoder"`
	Buckets  []string      `key:"bucket_layout"` // of gradients, in several processes
}

// Save writes the trainer's state as PyTorch's linear evaluation does (epoch,
// classifier, optimizer), the scale of its loss in fp16, and our record. If encoder is not nil, it is stored as
// "model". best is the best accuracy so far.
func (t *Trainer) Save(path string, r Record, encoder *nn.Model, best float64) error {
	completed, inEpoch, totals := t.Epoch-1, t.StepInEpoch, t.Totals
	if inEpoch == t.Source.Batches() {
		completed, inEpoch, totals = t.Epoch, 0, Totals{}
	}
	h := t.Heads[0]
	root := checkpoint.Dict{
		{Key: "epoch", Value: completed},
		{Key: "classifier", Value: checkpoint.OrderedDict{
			{Key: "module.weight", Value: statedict.Tensor(h.Weight)}, {Key: "module.bias", Value: statedict.Tensor(h.Bias)},
		}},
		{Key: "optimizer", Value: statedict.SGD(t.Optimizer, t.Schedule.Epoch(max(completed, 1)))},
	}
	root = append(root, statedict.LossScale(t.Optimizer.Scale)...)
	if encoder != nil {
		root = append(root, checkpoint.Item{Key: "model", Value: statedict.Of(encoder.State, "module.")})
	}
	return checkpoint.Write(path, rundir.WithRecord(root, checkpointRecord{
		CheckpointRecord: rundir.CheckpointRecord{
			Version: rundir.CheckpointVersion, Config: r.Config, Epoch: completed, StepInEpoch: inEpoch, GlobalStep: t.Step,
			Threads: r.Threads, Workers: r.Workers, Machine: r.Machine, Torch: torch.Version(),
			World: r.World, Groups: r.Groups,
		},
		Protocol: r.Protocol, Classes: r.Classes, Batches: t.Source.Batches(), BestTop1: best,
		Totals: totals, Encoder: r.Encoder, Buckets: peers.LayoutTexts(t.Shared.layout()),
	}))
}

// Load restores the trainer's state from a checkpoint, and the encoder's if the file
// has one. The classifier and the optimizer must have their final shapes. warning is a
// sentence about a file without our record or from other data; else it is "".
func (t *Trainer) Load(path string, encoder *nn.Model) (best float64, warning string, err error) {
	file, err := checkpoint.Read(path)
	if err != nil {
		return 0, "", err
	}
	if err := loadLinear(path, t.Heads[0], file.Get("classifier")); err != nil {
		return 0, "", err
	}
	if encoder != nil {
		if err := statedict.Load(path, encoder.State, file.Get("model"), "module."); err != nil {
			return 0, "", err
		}
	}
	if err := statedict.LoadSGD(path, t.Optimizer, file.Get("optimizer")); err != nil {
		return 0, "", err
	}
	statedict.LoadLossScale(t.Optimizer.Scale, file)
	t.Epoch = file.Int("epoch") + 1
	var record checkpointRecord
	if rundir.DecodeRecord(file, &record) == nil {
		t.StepInEpoch, t.Step = 0, (t.Epoch-1)*t.Source.Batches()
		return 0, fmt.Sprintf("checkpoint %s has no record of ours: the order of the data starts over at epoch %d",
			path, t.Epoch), nil
	}
	t.StepInEpoch, t.Step = record.StepInEpoch, record.GlobalStep
	if n := t.Source.Batches(); t.StepInEpoch > 0 && record.Batches != n {
		t.StepInEpoch = 0
		return record.BestTop1, fmt.Sprintf("the dataset or --batch_size differs from when %s was saved: "+
			"epoch %d starts at its beginning, with %d steps", path, t.Epoch, n), nil
	}
	t.Totals = record.Totals
	if !t.Shared.one() && record.World == t.Shared.World.Size {
		t.Shared.Layout = peers.LayoutOf(record.Buckets)
	}
	return record.BestTop1, record.OtherTorch(path, torch.Version()), nil
}

// loadLinear copies a file's classifier. It accepts PyTorch's names with and without
// "module.".
func loadLinear(path string, l *Linear, v any) error {
	weight, bias := linearTensors(v)
	if weight == nil || bias == nil {
		return fmt.Errorf("checkpoint %s: want a classifier (weight and bias under \"classifier\"), found none; "+
			"was it written by contralens linear or finetune?", path)
	}
	if want := l.Weight.Shape(); !slices.Equal(weight.Shape, want) || len(bias.Shape) != 1 || bias.Shape[0] != want[0] {
		return fmt.Errorf("checkpoint %s: want a classifier of %d classes on %d features, got %v; "+
			"was it trained with another --n_class or encoder?", path, want[0], want[1], weight.Shape)
	}
	if err := weight.Finite(path, "classifier.weight"); err != nil {
		return err
	}
	if err := bias.Finite(path, "classifier.bias"); err != nil {
		return err
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			l.Weight.Copy_(torch.FromFloat32(weight.Float32s(), weight.Shape...))
			l.Bias.Copy_(torch.FromFloat32(bias.Float32s(), bias.Shape...))
		})
	})
	return nil
}

func linearTensors(v any) (weight, bias *checkpoint.Tensor) {
	d := checkpoint.AsDict(v)
	for _, prefix := range []string{"module.", ""} {
		if w, ok := d.Get(prefix + "weight").(*checkpoint.Tensor); ok && len(w.Shape) == 2 {
			b, _ := d.Get(prefix + "bias").(*checkpoint.Tensor)
			return w, b
		}
	}
	return nil, nil
}

// Read reads the classifier of a checkpoint and its record, which is empty if PyTorch
// wrote the file. Free the classifier when done.
func Read(path string, device torch.Device) (*Linear, Record, error) {
	var r Record
	file, err := checkpoint.Read(path)
	if err != nil {
		return nil, r, err
	}
	weight, bias := linearTensors(file.Get("classifier"))
	if weight == nil || bias == nil {
		return nil, r, fmt.Errorf("checkpoint %s: want a classifier (weight and bias under \"classifier\"), found none; "+
			"train one with contralens linear or finetune", path)
	}
	l := NewLinear(weight.Shape[0], weight.Shape[1], 0, device)
	if err := loadLinear(path, l, file.Get("classifier")); err != nil {
		l.Free()
		return nil, r, err
	}
	var record checkpointRecord
	rundir.DecodeRecord(file, &record)
	r.Protocol, r.Config, r.Classes, r.Encoder = record.Protocol, record.Config, record.Classes, record.Encoder
	if r.Config == nil {
		r.Config = map[string]string{}
	}
	r.Encoder.Stored = file.Get("model") != nil
	return l, r, nil
}
