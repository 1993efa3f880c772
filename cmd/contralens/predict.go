package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/eval/classify"
	"contralens/nn"
	"contralens/setup"
	"contralens/torch"
)

func predictCommand() *cobra.Command {
	c := config.DefaultPredict()
	cmd := &cobra.Command{
		Use:   "predict IMAGE...",
		Short: "Name the most probable classes of images",
		Example: `  contralens predict --ckpt save/run_linear/current.pth cat.jpg dog.jpg
  contralens predict --ckpt save/run_finetune/current.pth --top 1 --json photos/`,
		Args: cobra.ArbitraryArgs,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		if len(args) == 0 {
			return usageError{fmt.Errorf("predict: want images or folders of images, as contralens predict --ckpt %s photo.jpg", c.Ckpt)}
		}
		images, err := data.Paths(args)
		if err != nil {
			return err
		}
		return compute(c.Threads, func() error { return predict(&c, images) })
	}
	return cmd
}

// prediction is the answer for an image.
type prediction struct {
	Image   string         `json:"image"`
	Classes []classPercent `json:"classes"`
}

type classPercent struct {
	Class       string  `json:"class"`
	Probability float64 `json:"probability"`
}

func predict(c *config.Predict, images data.Dataset) error {
	device, err := torch.ParseDevice(c.Device)
	if err != nil {
		return usageError{fmt.Errorf("--device: %w", err)}
	}
	head, record, err := classify.Read(c.Ckpt, device)
	if err != nil {
		return err
	}
	defer head.Free()
	model, s, err := predictor(c, record)
	if err != nil {
		return err
	}
	defer model.Free()
	if got, want := model.FeatureDim(), head.Weight.Size(1); got != want {
		return fmt.Errorf("checkpoint %s: its classifier wants %d features, the encoder has %d; is it another encoder's?", c.Ckpt, want, got)
	}
	whole, gaps := data.WithGaps(images, func(err error) { printNote(err.Error()) })
	top := min(c.Top, head.Classes())
	out := json.NewEncoder(os.Stdout)
	err = eval.EachBatch(model, whole, eval.Options{Size: s.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: s.Precision == "bf16"}, func(f *torch.Tensor, b *data.Batch) error {
		p, classes := head.Logits(f).Softmax(1).TopK(top, 1)
		probabilities, indices := p.Float64s(), classes.Int64s()
		for i, index := range b.Indices {
			if gaps.Bad(index) {
				continue
			}
			answer := prediction{Image: images.Path(index)}
			for j := i * top; j < (i+1)*top; j++ {
				answer.Classes = append(answer.Classes, classPercent{className(record.Classes, int(indices[j])), probabilities[j]})
			}
			if c.JSON {
				if err := out.Encode(answer); err != nil {
					return err
				}
				continue
			}
			var parts []string
			for _, a := range answer.Classes {
				parts = append(parts, fmt.Sprintf("%s %.1f %%", a.Class, 100*a.Probability))
			}
			fmt.Printf("%s: %s\n", answer.Image, strings.Join(parts, ", "))
		}
		return nil
	})
	if n := gaps.Count(); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d images could not be read, and have no prediction", n, images.Len())
	}
	return err
}

func className(classes []string, i int) string {
	if i < len(classes) {
		return classes[i]
	}
	return fmt.Sprint("class ", i)
}

// predictor is the encoder of a classifier: in the same file where both were
// trained, in a checkpoint of its own for a probe.
func predictor(c *config.Predict, record classify.Record) (*nn.Model, *config.Shared, error) {
	s := config.DefaultLinear().Shared
	for _, f := range config.Fields(&s) {
		if v, ok := record.Config[f.Name]; ok {
			if err := f.Set(v); err != nil {
				return nil, nil, fmt.Errorf("checkpoint %s: its record of --%s: %w", c.Ckpt, f.Name, err)
			}
		}
	}
	s.Device, s.GPU = c.Device, ""
	path, ema := c.Ckpt, false
	if !record.Encoder.Stored {
		path, ema = record.Encoder.Path, record.Config["use_ema"] == "true" && record.Protocol != "crt"
		switch {
		case c.Encoder != "":
			path = c.Encoder
		case path == "" && record.Protocol == "":
			return nil, nil, fmt.Errorf("checkpoint %s does not say which encoder it was trained on; name it with --encoder", c.Ckpt)
		case path != "" && !isFile(path):
			return nil, nil, fmt.Errorf("checkpoint %s was trained on the encoder %s, which is gone; name it with --encoder", c.Ckpt, path)
		}
		if path != "" {
			if err := sameFile(c, path, record.Encoder.SHA256); err != nil {
				return nil, nil, err
			}
		}
	}
	if path == "" { // a probe on an untrained encoder, whose seed says everything
		e, err := setup.UntrainedEncoder(s)
		if err != nil {
			return nil, nil, err
		}
		return e.Model, &s, nil
	}
	e, notes, err := setup.LoadEncoder(path, &s, nil, ema)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range notes {
		printNote(n)
	}
	return e.Model, &s, nil
}

// sameFile makes sure that the encoder is the one that the probe was trained on.
func sameFile(c *config.Predict, path, want string) error {
	got, err := eval.SHA256(path)
	if err != nil || want == "" || got == want {
		return err
	}
	if c.Encoder != "" {
		printNote(fmt.Sprintf("%s is not the file that the probe was trained on", path))
		return nil
	}
	return fmt.Errorf("encoder %s has changed since the probe %s was trained on it: want SHA-256 %.12s…, got %.12s…; train the probe again, or name a copy of the old encoder with --encoder", path, c.Ckpt, want, got)
}
