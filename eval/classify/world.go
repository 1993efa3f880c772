package classify

import (
	"cmp"
	"context"

	"contralens/nn"
	"contralens/peers"
	"contralens/torch"
)

// Shared is how several processes train together. Each computes the features of its own images.
// Those of all meet in every process, which trains the same heads on the whole batch. The gradient
// of the own images' features goes back through the own encoder, and those of its weights are
// summed. So a world trains what one process trains that splits its batches for batch norm.
type Shared struct {
	*peers.Peers
	Groups     int             // of a batch with batch-norm statistics of their own, over all processes
	Trained    []*torch.Tensor // parameters of the encoder that are trained; nil: none
	Statistics nn.State        // buffers of the trained stages, which become means over the groups
	Layout     [][]int         // buckets of gradients, of a resumed training; nil: any

	reducer peers.Reducer
	asked   bool // whether this process wants to stop, which it says in the next step
	agreed  bool // all processes stop
}

// meeting is what the processes exchange in one step.
type meeting struct {
	own   *torch.Tensor // features of own images [n, D], the end of the encoder's graph
	all   *torch.Tensor // of all images [N, D], a leaf
	first int           // the first of the own images
	rows  []int         // number of images of each process
	told  *torch.Tensor // [size, 1] float32: 1 of a process that asks to stop
}

// one reports whether there is no other process.
func (s *Shared) one() bool { return s == nil || s.One() }

// first reports whether this process writes for all.
func (s *Shared) first() bool { return s == nil || s.First() }

// byFirst runs f in the first process, while the others wait.
func (s *Shared) byFirst(f func() error) error {
	if s == nil {
		return f()
	}
	return s.ByFirst(f)
}

// stops reports whether the training ends after this step. Several processes have agreed on it.
func (t *Trainer) stops(ctx context.Context) bool {
	if t.Shared.one() {
		return ctx.Err() != nil
	}
	t.Shared.asked = ctx.Err() != nil
	return t.Shared.agreed
}

// end is the error of a training that stops.
func end(ctx context.Context) error { return cmp.Or(ctx.Err(), context.Canceled) }

// hear takes what a process asked for in a step.
func (s *Shared) hear(told []float64) {
	for _, v := range told {
		if v != 0 && !s.agreed {
			s.agreed = true
			if s.Stop != nil {
				s.Stop()
			}
		}
	}
}

// at says what this process does in the next step.
func (t *Trainer) at(phase string) {
	if !t.Shared.one() {
		t.Shared.Tell(t.Step+1, phase)
	}
}

// features returns the features of a batch of n images, of which x has those of this process.
func (t *Trainer) features(x *torch.Tensor, n int) (f *torch.Tensor, m *meeting) {
	s := t.Shared
	if s.one() {
		return t.Features(x), nil
	}
	m = &meeting{}
	for rank := range s.World.Size {
		from, to := s.World.Of(rank).Images(n, s.Groups)
		m.rows = append(m.rows, to-from)
	}
	m.first, _ = s.World.Images(n, s.Groups)
	if m.rows[s.World.Rank] > 0 {
		m.own = t.Features(x)
	} else {
		m.own = torch.Zeros([]int{0, t.Heads[0].Weight.Size(1)}).ToDevice(x.Device())
	}
	asks := float32(0)
	if s.asked {
		asks = 1
	}
	m.all, m.told = peers.Gather(s.Group, m.own, m.rows, []float32{asks})
	m.told = m.told.Narrow(1, 0, 1)
	if s.Trained != nil {
		m.all.SetRequiresGrad(true)
	}
	return m.all, m
}

// reduce takes the gradient of own features to the weights of the encoder, and sums those over the
// processes. The reducer takes means, so gradients are multiplied by the number of processes.
// The heads have the gradients of the whole batch; they are those of the first process, so that
// processors that round otherwise do not drift apart.
func (t *Trainer) reduce(m *meeting) {
	s := t.Shared
	if s.Trained != nil {
		if s.reducer == nil {
			var err error
			if s.reducer, err = s.NewReducer(s.Trained, s.Layout); err != nil {
				panic(&torch.Error{Op: "reduce", Message: err.Error()})
			}
		}
		if n := m.rows[s.World.Rank]; n > 0 {
			g := m.all.Grad().Narrow(0, m.first, n).MulScalar(float64(s.World.Size))
			s.reducer.Backward([]*torch.Tensor{m.own}, []*torch.Tensor{g})
		} else {
			s.reducer.Reduce()
		}
	}
	var above []*torch.Tensor
	for _, h := range t.Heads {
		above = append(above, torch.Grads(h.Parameters())...)
	}
	s.Group.Broadcast(0, above...)
}

// average makes the running statistics of the trained stages those of the whole batch.
func (s *Shared) average(n int, m *meeting) {
	own, all := s.World.Groups(n, s.Groups)
	uneven := false
	for _, rows := range m.rows {
		uneven = uneven || rows != m.rows[0]
	}
	peers.AverageStatistics(s.Group, s.Statistics, float64(own)/float64(all), uneven)
}

// layout returns the buckets of gradients, which a checkpoint keeps.
func (s *Shared) layout() [][]int {
	switch {
	case s.one():
		return nil
	case s.reducer == nil:
		return s.Layout
	}
	return s.reducer.Layout()
}

// close frees the reducer.
func (s *Shared) close() {
	if s != nil && s.reducer != nil {
		s.Layout = s.reducer.Layout()
		s.reducer.Close()
		s.reducer = nil
	}
}
