package classify

import (
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/rundir"
	"contralens/statedict"
	"contralens/torch"
)

// Record is what a classifier's checkpoint keeps of its training under
// "contralens", beside the state to resume from.
type Record struct {
	Protocol string            // as in rundir.Result
	Config   map[string]string // every option
	Classes  []string          // the names of the outputs
	Encoder  EncoderRecord
	// How it computes, and on which kind of machine.
	Threads, Workers int
	Machine          string
}

// EncoderRecord says which encoder a classifier belongs to.
type EncoderRecord struct {
	Stored bool   // with the classifier in its own file, as it was trained with it
	Path   string `key:"path"` // of its checkpoint; empty: untrained, of the probe's seed
	SHA256 string `key:"sha256"`
	Epoch  int    `key:"epoch"`
}

// checkpointRecord is what a classifier's checkpoint keeps beside PyTorch's keys.
type checkpointRecord struct {
	rundir.CheckpointRecord
	Protocol string        `key:"protocol"`
	Classes  []string      `key:"classes"`
	Batches  int           `key:"batches"` // of an epoch
	BestTop1 float64       `key:"best_top1"`
	Totals   Totals        `key:"epoch_totals"`
	Encoder  EncoderRecord `key:"encoder"`
}

// Save writes the trainer's state as PyTorch's linear evaluation has it (epoch,
// classifier, optimizer) and our record. encoder, when it is trained as well, is
// stored as "model"; nil leaves it out. best is the best accuracy so far.
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
	if encoder != nil {
		root = append(root, checkpoint.Item{Key: "model", Value: statedict.Of(encoder.State, "module.")})
	}
	return checkpoint.Write(path, rundir.WithRecord(root, checkpointRecord{
		CheckpointRecord: rundir.CheckpointRecord{
			Version: rundir.CheckpointVersion, Config: r.Config, Epoch: completed, StepInEpoch: inEpoch, GlobalStep: t.Step,
			Threads: r.Threads, Workers: r.Workers, Machine: r.Machine,
		},
		Protocol: r.Protocol, Classes: r.Classes, Batches: t.Source.Batches(), BestTop1: best,
		Totals: totals, Encoder: r.Encoder,
	}))
}

// Load puts the trainer, whose classifier and optimizer have their final shapes,
// where a checkpoint left it, and the encoder too when the file has one.
// warning is a sentence for files without our record, or of other data.
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
	t.Epoch = file.Int("epoch") + 1
	var record checkpointRecord
	if rundir.DecodeRecord(file, &record) == nil {
		t.StepInEpoch, t.Step = 0, (t.Epoch-1)*t.Source.Batches()
		return 0, fmt.Sprintf("checkpoint %s has no record of ours: the order of the data starts afresh at epoch %d",
			path, t.Epoch), nil
	}
	t.StepInEpoch, t.Step = record.StepInEpoch, record.GlobalStep
	if n := t.Source.Batches(); t.StepInEpoch > 0 && record.Batches != n {
		t.StepInEpoch = 0
		return record.BestTop1, fmt.Sprintf("the dataset or --batch_size is another than when %s was saved: "+
			"epoch %d starts at its beginning, with %d steps", path, t.Epoch, n), nil
	}
	t.Totals = record.Totals
	return record.BestTop1, "", nil
}

// loadLinear copies a file's classifier: PyTorch's names, with "module." or
// without.
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

// Read reads the classifier of a checkpoint and its record; the record of a file
// that PyTorch wrote is empty. Free the classifier when done.
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
