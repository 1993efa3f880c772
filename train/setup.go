package train

import (
	"context"
	"fmt"

	"contralens/config"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/methods"
	"contralens/nn"
	"contralens/setup"
	"contralens/world"
)

// Chooser settles the precision and the memory format of a network if the options
// leave them open.
type Chooser func(*config.Machine, nn.Config) error

// NewRun opens the data and builds the model. choose settles the precision and the
// memory format; without it, they are fp32 and channels_last where c leaves them open. If
// ctx ends, the opening of the data stops with an error; data that is open stays readable.
// Call NewRun, and use the Run, inside torch.Run.
func NewRun(ctx context.Context, w world.World, c config.Contrast, dir string, choose Chooser) (*Run, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	r := &Run{Config: c, Dir: dir, Epoch: 1, World: w, monitors: []Hook{watchCollapse(), watchOnset(), watchRanks()}}
	splits, err := setup.Splits(ctx, c, r.notes.add)
	if err != nil {
		return nil, err
	}
	r.Train, r.Bank, r.Test = setup.Pretraining(splits), splits.Train, splits.Test
	if c.KNNEvery > 0 && r.Test == nil {
		var said string
		if r.Bank, r.judge, said = setup.HoldOut(r.Bank, nil); said != "" {
			r.notes.add(said + "; the pre-training sees them too, without their labels")
		}
	}
	n := r.Train.Len()
	if n < 2 {
		return nil, &sets.OptionError{
			Option: sets.Folder, Value: c.DataFolder, Err: fmt.Errorf("want at least 2 training images, got %d", n),
		}
	}
	r.DropLast = dropsLast(n, c.BatchSize)
	r.Batches = loader.Batches(n, c.BatchSize, r.DropLast)
	r.Schedule = setup.PretrainingSchedule(c)
	net, err := r.network(choose)
	if err != nil {
		return nil, err
	}
	c = r.Config
	groups, err := r.norms().Groups()
	if err != nil {
		return nil, err
	}
	net.Jigsaw, net.Groups, net.Checkpoint = c.Jigsaw, groups/max(1, w.Size), c.CheckpointActivations
	r.Model, err = methods.NewModel(methods.Options{
		Net: net, Memory: c.Memory, Images: n, K: c.K, MaskSelf: c.MaskSelf, Symmetric: c.Symmetric, Alpha: c.Alpha,
		BankMomentum: c.BankMomentum, Temperature: c.Temperature, Loss: setup.Loss(c.Relatives), Beta: c.Beta,
		Momentum: c.Momentum, WeightDecay: c.WeightDecay, NewOptimizer: setup.Optimizer(c),
		Mixture: setup.Mixture(c.Relatives), Transform: c.Transform(), Precision: setup.Dtype(c.Precision),
		Microbatches: c.Accum, Seed: c.Seed, World: r.World, Groups: groups, Shuffle: c.ShuffleBN,
	})
	if err != nil {
		return nil, err
	}
	if r.Views, err = setup.Views(c, r.Model.Method.Crops()); err != nil {
		return r, err
	}
	return r, r.checkShuffle()
}

// dropsLast reports whether the last batch is left out because it has one image: batch norm cannot train on it.
func dropsLast(images, batch int) bool { return images%batch == 1 }

// network settles the options and returns the network that they describe.
func (r *Run) network(choose Chooser) (nn.Config, error) {
	c := &r.Config
	if choose != nil {
		net, err := setup.Network(c.Net, c.Machine)
		if err == nil {
			err = choose(&c.Machine, net)
		}
		if err != nil {
			return net, err
		}
	}
	c.Settle()
	net, err := setup.Network(c.Net, c.Machine)
	setup.Host(&c.Machine, net.Device)
	return net, err
}

// Close frees the model.
func (r *Run) Close() {
	r.classes.free()
	if r.Model != nil {
		r.Model.Free()
	}
}
