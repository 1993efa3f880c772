package protocol

import (
	"context"
	"fmt"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/data/codec"
	"contralens/dist"
	"contralens/eval/classify"
	"contralens/features"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/setup"
	"contralens/torch"
)

// Prediction is the result for one image.
type Prediction struct {
	Image   string        `json:"image"`   // path
	Classes []Probability `json:"classes"` // the most probable first
}

// Probability is the probability of a class, in [0, 1].
type Probability struct {
	Class       string  `json:"class"`
	Probability float64 `json:"probability"`
}

// Predict classifies images with a classifier that Linear, Finetune or Supervised
// trained, and calls each with every image's most probable classes, in order.
// Unreadable images are noted and skipped; at the end they are an error.
func Predict(ctx context.Context, c config.Predict, images data.Dataset, o Options, each func(Prediction) error) error {
	m, n := config.Machine{Device: c.Device, Threads: c.Threads}, config.Net{Arch: "its network"}
	o.Launch = dist.Launch{} // one process
	return compute(ctx, &o, &m, &n, c.BatchSize, func(ctx context.Context) error {
		return predict(ctx, &c, images, o, each)
	})
}

func predict(
	ctx context.Context, c *config.Predict, images data.Dataset, o Options, each func(Prediction) error,
) error {
	host := config.Machine{Device: c.Device, Precision: "fp32", Threads: c.Threads, Workers: c.Workers}
	device, err := setup.Device(host)
	if err != nil {
		return err
	}
	setup.Host(&host, device)
	head, record, err := classify.Read(c.Ckpt, device)
	if err != nil {
		return err
	}
	defer head.Free()
	model, s, err := encoderOf(c, record, o)
	if err != nil {
		return err
	}
	defer model.Free()
	if f, ok := images.(data.Files); ok && f.Decoder() != nil {
		f.Decoder().Gray16 = codec.Gray16(s.Gray16) // as in the classifier's training
	}
	if got, want := model.FeatureDim(), head.Weight.Size(1); got != want {
		return fmt.Errorf("checkpoint %s: its classifier wants %d features, the encoder has %d; "+
			"does it belong to another encoder?", c.Ckpt, want, got)
	}
	whole, unreadable := data.WithPlaceholder(images, func(err error) { o.note("%v", err) })
	top := min(c.Top, head.Classes())
	err = features.EachBatch(model, whole, features.Options{
		Size: s.InputRes, Batch: c.BatchSize, Workers: host.Workers, Precision: setup.Dtype(s.Precision), Context: ctx,
	}, func(f *torch.Tensor, b *prefetch.Batch) error {
		p, classes := head.Logits(f).Softmax(1).TopK(top, 1)
		probabilities, indices := p.Float64s(), classes.Int64s()
		for i, index := range b.Indices {
			if unreadable.Unreadable(index) {
				continue
			}
			answer := Prediction{Image: images.Path(index)}
			for j := i * top; j < (i+1)*top; j++ {
				answer.Classes = append(answer.Classes, Probability{className(record.Classes, int(indices[j])), probabilities[j]})
			}
			if err := each(answer); err != nil {
				return err
			}
		}
		return nil
	})
	if n := unreadable.Count(); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d images could not be read and have no prediction", n, images.Len())
	}
	return err
}

func className(classes []string, i int) string {
	if 0 <= i && i < len(classes) {
		return classes[i]
	}
	return fmt.Sprint("class ", i)
}

// encoderOf opens the encoder of a classifier. It is in the classifier's file if both
// were trained, or else in its own checkpoint. record has the options of the training,
// which encoderOf returns.
func encoderOf(c *config.Predict, record classify.Record, o Options) (m *nn.Model, s config.Linear, err error) {
	s = config.DefaultLinear()
	if err := config.Apply(&s, record.Config); err != nil {
		return nil, s, fmt.Errorf("checkpoint %s: its record of options: %w", c.Ckpt, err)
	}
	s.Device, s.GPU = c.Device, ""
	setup.AdoptPrecision(&s.Machine)
	if s.Ckpt, s.UseEMA, err = encoderFile(c, record, o); err != nil {
		return nil, s, err
	}
	if record.Encoder.Stored {
		s.Prefix = "" // which was that of the checkpoint the training began with
	}
	if s.Ckpt == "" { // a probe on an untrained encoder, which its seed determines
		e, err := setup.UntrainedEncoder(s.Net, s.Machine, s.Seed)
		if err != nil {
			return nil, s, err
		}
		return e.Model, s, nil
	}
	e, notes, err := setup.LoadEncoder(&s.Net, s.Machine, s.Weights, nil)
	if err != nil {
		return nil, s, err
	}
	for _, n := range notes {
		o.note("%s", n)
	}
	return e.Model, s, nil
}

// encoderFile returns the checkpoint of a classifier's encoder, or "" if it is
// untrained. ema reports whether the classifier was trained on the key encoder in it.
func encoderFile(c *config.Predict, record classify.Record, o Options) (path string, ema bool, err error) {
	if record.Encoder.Stored {
		return c.Ckpt, false, nil
	}
	path, ema = record.Encoder.Path, record.Config["use_ema"] == "true" && record.Protocol != "crt"
	switch {
	case c.Encoder != "":
		path = c.Encoder
	case path == "" && record.Protocol == "":
		return "", false, fmt.Errorf("checkpoint %s does not say which encoder it was trained on; name it with --encoder",
			c.Ckpt)
	case path != "" && !isFile(path):
		return "", false, fmt.Errorf("checkpoint %s was trained on the encoder %s, which is gone; name it with --encoder",
			c.Ckpt, path)
	}
	if path == "" {
		return "", ema, nil
	}
	return path, ema, sameFile(c, path, record.Encoder.SHA256, o)
}

// sameFile checks that the encoder is the one that the probe was trained on.
func sameFile(c *config.Predict, path, want string, o Options) error {
	got, err := checkpoint.SHA256(path)
	if err != nil || want == "" || got == want {
		return err
	}
	if c.Encoder != "" {
		o.note("%s is not the file that the probe was trained on", path)
		return nil
	}
	return fmt.Errorf("encoder %s has changed since the probe %s was trained on it: want SHA-256 %.12s…, got %.12s…; "+
		"train the probe again, or name a copy of the old encoder with --encoder", path, c.Ckpt, want, got)
}
