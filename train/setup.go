package train

import (
	"fmt"

	"contralens/config"
	"contralens/data"
	"contralens/nn"
	"contralens/optim"
	"contralens/setup"
)

// Chooser settles the precision and the memory format of a network where options
// leave them open.
type Chooser func(*config.Shared, nn.Config) error

// NewRun opens the data, has choose settle how to compute, which without one is in
// fp32 and channels_last, and builds the model. It must be called, and the Run used,
// inside torch.Run.
func NewRun(c config.Contrast, dir string, choose Chooser) (*Run, error) {
	r := &Run{Config: c, Dir: dir, Epoch: 1}
	parts, err := setup.Splits(c.Shared, r.notes.add)
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
		Transform: setup.Transform(c), BF16: c.Precision == "bf16", Parts: c.Accum, Seed: c.Seed,
	})
	if err != nil {
		return nil, err
	}
	r.Views, err = setup.Views(c, r.Model.Method.Crops())
	return r, err
}

// network is the one that the options describe, once they are settled.
func (r *Run) network(choose Chooser) (nn.Config, error) {
	s := &r.Config.Shared
	if choose != nil {
		net, err := setup.Network(*s)
		if err == nil {
			err = choose(s, net)
		}
		if err != nil {
			return net, err
		}
	}
	s.Settle()
	return setup.Network(*s)
}

// Close frees the model.
func (r *Run) Close() {
	if r.Model != nil {
		r.Model.Free()
	}
}
