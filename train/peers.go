package train

import (
	"context"
	"fmt"

	"contralens/nn/layers"
	"contralens/peers"
	"contralens/setup"
)

// norms say whose images share the statistics of batch norm.
func (r *Run) norms() setup.Norms {
	c := &r.Config
	return setup.Norms{
		Processes: r.World.Size, Batch: c.BatchSize, Parts: c.Accum, Splits: c.BNSplits, Together: c.SyncBN,
		Resume: c.Resume, Dir: r.Dir, Images: r.Train.Len(), DropLast: r.DropLast,
	}
}

// Connect gives the run the other processes of its world.
func (r *Run) Connect(p *peers.Peers) error {
	r.peers = *p
	r.peers.World, r.peers.Device = r.World, r.Model.Device()
	r.Model.Group, r.Model.NewReducer = p.Group, p.NewReducer
	if r.Config.SyncBN && !r.World.Alone() {
		t, ok := p.Group.(layers.Together)
		if !ok {
			return fmt.Errorf("%v: want a group that synchronizes batch norm, got one that does not", r.World)
		}
		r.Model.Query.NormalizeTogether(t)
		if r.Model.Key != nil {
			r.Model.Key.NormalizeTogether(t)
		}
	}
	return r.connected()
}

// connected returns an error if the others of the run's world cannot be reached.
func (r *Run) connected() error {
	if err := r.World.Check(); err != nil {
		return err
	}
	if !r.World.Alone() && r.peers.Group == nil {
		return fmt.Errorf("%v: want a group of processes to train with, got none", r.World)
	}
	return nil
}

// at says what this process does in the next step.
func (r *Run) at(phase string) { r.peers.Tell(r.GlobalStep+1, phase) }

// loading is the context of the loader: of several processes, none stops before all have agreed.
func (r *Run) loading(ctx context.Context) context.Context {
	if r.World.Alone() {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
