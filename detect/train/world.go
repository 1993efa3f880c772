package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"contralens/torch"
)

// checkEvery is the number of iterations after which processes compare their weights.
const checkEvery = 100

// loading is the context of the loader: of several processes, none stops before all have agreed.
func (r *Run) loading(ctx context.Context) context.Context {
	if r.Peers.One() {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// ended reports whether the training stops here because ctx has ended. Several processes agree on
// it in every step.
func (r *Run) ended(ctx context.Context) bool {
	if r.Peers.One() {
		return ctx.Err() != nil
	}
	return r.stopping
}

// stopped returns ErrStopped for the error of a context that ended, here or in another process.
func (r *Run) stopped(ctx context.Context, err error) error {
	if r.stopping && errors.Is(err, context.Canceled) {
		return ErrStopped
	}
	return Stopped(ctx, err)
}

// average makes gradients, and the statistics of norms, the means of those of all processes: each
// has the gradients of its own losses, which are means over its own images and regions, as in
// Detectron2 under PyTorch's DistributedDataParallel.
func (r *Run) average() {
	if r.Peers.One() {
		return
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			var all []*torch.Tensor
			for name, p := range r.Model.Trained().NamedParameters() {
				g := p.Grad()
				if g == nil {
					panic(&torch.Error{Op: "average", Message: name + ": want a gradient in every step, got none"})
				}
				all = append(all, g)
			}
			r.mean(all)
			if !r.Together {
				r.mean(r.Model.Statistics())
			}
		})
	})
}

// mean replaces tensors by their means over all processes.
func (r *Run) mean(all []*torch.Tensor) {
	if len(all) > 0 {
		r.Peers.Group.AllReduceSum(all...)
		torch.ForeachMul_(all, 1/float64(r.Peers.World.Size))
	}
}

// told is what a process tells the others in each step, besides the terms of its loss.
type told struct {
	foreground, background, anchors float64
	images                          float64
	stop                            float64 // 1 asks all to stop after this step
	checksum                        float64 // of the weights before the step, 48 bits; 0: not computed
}

func (c told) values() []float64 {
	return []float64{c.foreground, c.background, c.anchors, c.images, c.stop, c.checksum}
}

func toldBy(v []float64) told { return told{v[0], v[1], v[2], v[3], v[4], v[5]} }

// exchange has s get the means of the losses over all processes once read has arrived, and returns
// the mean of the total, []. What the processes tell each other goes along.
func (r *Run) exchange(
	ctx context.Context, s *Step, read *torch.Readback, l Losses, total *torch.Tensor,
) *torch.Tensor {
	own := told{
		foreground: l.Foreground, background: l.Background, anchors: l.Anchors, images: float64(s.Images),
	}
	if ctx.Err() != nil {
		own.stop = 1
	}
	if r.checksDue() {
		own.checksum = r.checksum()
	}
	s.Terms = make([]Value, len(l.Terms))
	terms := make([]*torch.Tensor, len(l.Terms))
	for i, t := range l.Terms {
		s.Terms[i].Name, terms[i] = t.Name, t.Value
	}
	return torch.Scoped1(func() (mean *torch.Tensor) {
		torch.NoGrad(func() {
			mean = torch.Scoped1(func() *torch.Tensor {
				var row []*torch.Tensor
				for _, t := range append(terms, total) {
					row = append(row, t.Detach().To(torch.Float64).View(1))
				}
				more := own.values()
				row = append(row, l.Classified.To(torch.Float64), torch.FromFloat64(more, len(more)).ToDevice(total.Device()))
				rows := r.Peers.Group.AllGather(torch.Cat(row, 0))
				all := torch.Stack(rows, 0)
				read.Values(all, func(v []float64) { r.hear(s, v) })
				return all.Select(1, len(terms)).Mean().To(total.Dtype())
			})
		})
		return mean
	})
}

// hear takes what the processes told each other in a step: v has a row for each.
func (r *Run) hear(s *Step, v []float64) {
	size := r.Peers.World.Size
	row := len(v) / size
	r.heard = r.heard[:0]
	s.Images, s.Loss, s.Losses = 0, 0, Losses{}
	for rank := range size {
		from := v[rank*row : (rank+1)*row]
		for i := range s.Terms {
			s.Terms[i].Value += from[i] / float64(size)
		}
		s.Loss += from[len(s.Terms)] / float64(size)
		s.classified(from[len(s.Terms)+1:])
		c := toldBy(from[len(s.Terms)+4:])
		r.heard = append(r.heard, c)
		s.Images += int(c.images)
		s.Foreground += c.foreground / float64(size)
		s.Background += c.background / float64(size)
		s.Anchors += c.anchors / float64(size)
	}
}

// agree acts on what the processes told each other in a step: all stop if one was asked to, and
// all fail if their weights differ.
func (r *Run) agree() error {
	var differ []string
	for rank, c := range r.heard {
		r.stopping = r.stopping || c.stop > 0
		if c.checksum != r.heard[0].checksum {
			differ = append(differ, r.Peers.Name(rank))
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("weights of %s differ from those of %s since between iteration %d and %d: nothing is saved",
			strings.Join(differ, ", "), r.Peers.Name(0), r.compared, r.Iteration-1)
	}
	if len(r.heard) > 0 && r.heard[0].checksum != 0 {
		r.compared = r.Iteration - 1
	}
	return nil
}

// checksDue reports whether weights are compared in the next iteration: in the first two, where
// mistakes show, and then now and then.
func (r *Run) checksDue() bool { return r.Iteration-r.began < 2 || r.Iteration%checkEvery == 0 }

// checksum returns 48 bits that depend on every bit of the trained weights, and are not 0.
func (r *Run) checksum() float64 {
	sum := uint64(14695981039346656037) // FNV-1a
	torch.NoGrad(func() {
		torch.Scoped(func() {
			var parts []*torch.Tensor
			for _, p := range r.Model.Trained().Parameters() {
				parts = append(parts, p.Detach().Bits().Sum())
			}
			for _, v := range torch.Stack(parts, 0).Int64s() {
				sum = (sum ^ uint64(v)) * 1099511628211
			}
		})
	})
	return float64(cmp.Or((sum^sum>>48)&(1<<48-1), 1))
}

// listen returns an error if a process was asked to stop: the error of ctx, or context.Canceled.
// Several processes tell each other.
func (r *Run) listen(ctx context.Context) error {
	if r.Peers.One() {
		return ctx.Err()
	}
	if r.any(ctx.Err() != nil) {
		r.stopping = true
		return cmp.Or(ctx.Err(), context.Canceled)
	}
	return nil
}

// any reports whether yes is true in any process.
func (r *Run) any(yes bool) bool {
	if r.Peers.One() {
		return yes
	}
	said := 0
	if yes {
		said = 1
	}
	_, said, _ = r.Peers.Loudest(said, "")
	return said > 0
}

// processes is the number of processes that train.
func (r *Run) processes() int {
	if r.Peers.One() {
		return 1
	}
	return r.Peers.World.Size
}
