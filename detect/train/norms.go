package train

import (
	"context"
	"time"

	"contralens/detect"
	"contralens/torch"
	"contralens/world"
)

// measured is added to the seed of the batches on which norms are measured.
const measured = 1 << 32

// measureNorms is precise BN: fresh batches, augmented as in training. If it ends early, the norms
// are as before, so that the state can be saved and the norms measured later.
func (r *Run) measureNorms(ctx context.Context) error {
	defer r.setAside(time.Now())
	seed := r.Seed + measured + uint64(r.Iteration)
	batches, err := r.Source(r.loading(ctx), seed, 0)
	if err != nil {
		return err
	}
	defer batches.Close()
	restore := r.remember()
	r.Peers.Tell(r.Iteration, world.Computing)
	err = r.Model.MeasureNorms(r.PreciseBN, seed, func() (*detect.Batch, error) {
		if err := r.listen(ctx); err != nil {
			return nil, err
		}
		return batches.Next()
	})
	restore(err != nil)
	return err
}

// remember keeps the buffers of the model. What it returns frees what it keeps, and restores the
// buffers before if they are wanted.
func (r *Run) remember() (restore func(wanted bool)) {
	var buffers, before []*torch.Tensor
	for _, e := range r.Model.State() {
		if e.Buffer {
			buffers, before = append(buffers, e.Tensor), append(before, torch.Scoped1(e.Tensor.Clone).Keep())
		}
	}
	return func(wanted bool) {
		for i, t := range buffers {
			if wanted {
				torch.NoGrad(func() { t.Copy_(before[i]) })
			}
			before[i].Free()
		}
	}
}
