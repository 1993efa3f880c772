package train

import (
	"fmt"
	"slices"

	"contralens/config"
	"contralens/contrast"
	"contralens/data"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
	"contralens/views"
)

// Chooser settles the precision and the memory format of a network where options
// leave them open.
type Chooser func(*config.Shared, nn.Config) error

// NewRun opens the data, has choose settle how to compute, which without one is in
// fp32 and channels_last, and builds the model. It must be called, and the Run used,
// inside torch.Run.
func NewRun(c config.Contrast, dir string, choose Chooser) (*Run, error) {
	r := &Run{Config: c, Dir: dir, Epoch: 1}
	parts, err := OpenParts(c.Shared, r.notes.add)
	if err != nil {
		return nil, err
	}
	r.Train, r.Bank, r.Test = parts.Train, parts.Train, parts.Test
	if parts.Unlabeled != nil {
		r.Train = parts.Unlabeled
	}
	n := r.Train.Len()
	if n < 2 {
		return nil, fmt.Errorf("--data_folder %s: want at least 2 training images, got %d", c.DataFolder, n)
	}
	// Batch norm cannot train on one image: a last batch of one is left out.
	r.DropLast = n%c.BatchSize == 1
	r.Batches = data.Batches(n, c.BatchSize, r.DropLast)
	r.Schedule = optim.Schedule{Rate: c.LearningRate, Epochs: c.Epochs, Cosine: c.Cosine, DecayRate: c.DecayRate, Milestones: c.Milestones}.Warmed(c.Warm)
	net, err := r.network(choose)
	if err != nil {
		return nil, err
	}
	c = r.Config
	net.Jigsaw, net.Groups, net.Checkpoint = c.Jigsaw, c.BNSplits, c.CheckpointActivations
	r.Model, err = NewModel(Options{
		Net: net, Memory: c.Memory, Images: n, K: c.K, Symmetric: c.Symmetric, Alpha: c.Alpha, BankMomentum: c.BankMomentum,
		Temperature: c.Temperature, Beta: c.Beta, Momentum: c.Momentum, WeightDecay: c.WeightDecay,
		Transform: transform(c), BF16: c.Precision == "bf16", Parts: c.Accum, Seed: c.Seed,
	})
	if err != nil {
		return nil, err
	}
	r.Views, err = viewSpecs(c, r.Model.Method.Crops())
	return r, err
}

// network is the one that the options describe, once they are settled.
func (r *Run) network(choose Chooser) (nn.Config, error) {
	s := &r.Config.Shared
	if choose != nil {
		net, err := Network(*s)
		if err == nil {
			err = choose(s, net)
		}
		if err != nil {
			return net, err
		}
	}
	s.Settle()
	return Network(*s)
}

// Network is the network that the options describe.
func Network(s config.Shared) (nn.Config, error) {
	name := s.Device
	if s.GPU != "" {
		name = "cuda:" + s.GPU
	}
	device, err := torch.ParseDevice(name)
	if err != nil {
		return nn.Config{}, fmt.Errorf("--device: %w", err)
	}
	return nn.Config{Arch: s.Arch, Width: s.Width, Stem: s.Stem, Head: s.Head, FeatDim: s.FeatDim, Modal: s.Modal, Format: nn.Format(s.MemoryFormat), Device: device}, nil
}

// viewSpecs are the views of each image that the options describe: that many random
// crops, and the jigsaw if there is one.
func viewSpecs(c config.Contrast, crops int) ([]views.Spec, error) {
	s, err := views.Preset(c.Aug, c.InputRes, c.Crop)
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		from *float64
		to   *float64
	}{{c.CropMin, &s.CropMin}, {c.JitterP, &s.JitterP}, {c.GrayP, &s.GrayP}, {c.BlurP, &s.BlurP}} {
		if o.from != nil {
			*o.to = *o.from
		}
	}
	all := slices.Repeat([]views.Spec{s}, crops)
	if c.Jigsaw {
		j, err := views.JigsawPreset(c.InputRes)
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	for i := range all {
		if c.Modal == "CMC" {
			all[i] = all[i].CMC()
		}
		all[i].Exact = c.Decode == "exact"
	}
	return all, nil
}

func transform(c config.Contrast) contrast.Transform {
	t := c.FeatureTransformation()
	return contrast.Transform{
		Positive: contrast.Side{On: t.Positive, Uniform: t.Uniform, Alpha: t.PosAlpha, Elementwise: t.PosElementwise, Extrapolate: t.Extrapolate, Normalize: t.PosNormalize},
		Negative: contrast.Side{On: t.Negative, Uniform: t.Uniform, Alpha: t.NegAlpha, Elementwise: t.NegElementwise, Normalize: t.NegNormalize},
	}
}

// Close frees the model.
func (r *Run) Close() {
	if r.Model != nil {
		r.Model.Free()
	}
}
