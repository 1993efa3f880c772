package classify

import (
	"fmt"
	"maps"
	"slices"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
)

// Record is what a classifier's checkpoint keeps of its training under
// "contralens", beside the state to go on from.
type Record struct {
	Protocol string            // as in eval.Result
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
	Path   string // of its checkpoint; empty: untrained, of the probe's seed
	SHA256 string
	Epoch  int
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
		{Key: "classifier", Value: checkpoint.OrderedDict{{Key: "module.weight", Value: statedict.Tensor(h.Weight)}, {Key: "module.bias", Value: statedict.Tensor(h.Bias)}}},
		{Key: "optimizer", Value: statedict.SGD(t.Optimizer, t.Schedule.Epoch(max(completed, 1)))},
	}
	if encoder != nil {
		root = append(root, checkpoint.Item{Key: "model", Value: statedict.Of(encoder.State, "module.")})
	}
	options := checkpoint.Dict{}
	for _, name := range slices.Sorted(maps.Keys(r.Config)) {
		options = append(options, checkpoint.Item{Key: name, Value: r.Config[name]})
	}
	classes := make([]any, len(r.Classes))
	for i, c := range r.Classes {
		classes[i] = c
	}
	return checkpoint.Write(path, append(root, checkpoint.Item{Key: "contralens", Value: checkpoint.Dict{
		{Key: "version", Value: 1}, {Key: "protocol", Value: r.Protocol}, {Key: "config", Value: options}, {Key: "classes", Value: classes},
		{Key: "epoch", Value: completed}, {Key: "step_in_epoch", Value: inEpoch}, {Key: "batches", Value: t.Source.Batches()}, {Key: "global_step", Value: t.Step}, {Key: "best_top1", Value: best},
		{Key: "epoch_totals", Value: checkpoint.Dict{{Key: "images", Value: totals.Images}, {Key: "loss", Value: totals.Loss}, {Key: "top1", Value: totals.Top1}, {Key: "top5", Value: totals.Top5}}},
		{Key: "threads", Value: r.Threads}, {Key: "workers", Value: r.Workers}, {Key: "machine", Value: r.Machine},
		{Key: "encoder", Value: checkpoint.Dict{{Key: "path", Value: r.Encoder.Path}, {Key: "sha256", Value: r.Encoder.SHA256}, {Key: "epoch", Value: r.Encoder.Epoch}}},
	}}))
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
	t.Epoch = statedict.Int(file.Get("epoch")) + 1
	record := statedict.Items(file.Get("contralens"))
	if record == nil {
		t.StepInEpoch, t.Step = 0, (t.Epoch-1)*t.Source.Batches()
		return 0, fmt.Sprintf("checkpoint %s has no record of ours: the order of the data starts afresh at epoch %d", path, t.Epoch), nil
	}
	t.StepInEpoch, t.Step = statedict.Int(record.Get("step_in_epoch")), statedict.Int(record.Get("global_step"))
	best, _ = record.Get("best_top1").(float64)
	if n := t.Source.Batches(); t.StepInEpoch > 0 && statedict.Int(record.Get("batches")) != n {
		t.StepInEpoch = 0
		return best, fmt.Sprintf("the dataset or --batch_size is another than when %s was saved: epoch %d starts at its beginning, with %d steps", path, t.Epoch, n), nil
	}
	totals := statedict.Items(record.Get("epoch_totals"))
	t.Totals.Images = statedict.Int(totals.Get("images"))
	t.Totals.Loss, _ = totals.Get("loss").(float64)
	t.Totals.Top1, _ = totals.Get("top1").(float64)
	t.Totals.Top5, _ = totals.Get("top5").(float64)
	return best, "", nil
}

// loadLinear copies a file's classifier: PyTorch's names, with "module." or
// without.
func loadLinear(path string, l *Linear, v any) error {
	weight, bias := linearTensors(v)
	if weight == nil || bias == nil {
		return fmt.Errorf("checkpoint %s: want a classifier (weight and bias under \"classifier\"), found none; was it written by contralens linear or finetune?", path)
	}
	if want := l.Weight.Shape(); !slices.Equal(weight.Shape, want) || len(bias.Shape) != 1 || bias.Shape[0] != want[0] {
		return fmt.Errorf("checkpoint %s: want a classifier of %d classes on %d features, got %v; was it trained with another --n_class or encoder?", path, want[0], want[1], weight.Shape)
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
	d := statedict.Items(v)
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
		return nil, r, fmt.Errorf("checkpoint %s: want a classifier (weight and bias under \"classifier\"), found none; train one with contralens linear or finetune", path)
	}
	l := NewLinear(weight.Shape[0], weight.Shape[1], 0, device)
	if err := loadLinear(path, l, file.Get("classifier")); err != nil {
		l.Free()
		return nil, r, err
	}
	record := statedict.Items(file.Get("contralens"))
	r.Protocol, _ = record.Get("protocol").(string)
	r.Config = map[string]string{}
	for _, i := range statedict.Items(record.Get("config")) {
		r.Config[fmt.Sprint(i.Key)] = fmt.Sprint(i.Value)
	}
	classes, _ := record.Get("classes").([]any)
	for _, c := range classes {
		r.Classes = append(r.Classes, fmt.Sprint(c))
	}
	encoder := statedict.Items(record.Get("encoder"))
	r.Encoder.Stored = file.Get("model") != nil
	r.Encoder.Path, _ = encoder.Get("path").(string)
	r.Encoder.SHA256, _ = encoder.Get("sha256").(string)
	r.Encoder.Epoch = statedict.Int(encoder.Get("epoch"))
	return l, r, nil
}
