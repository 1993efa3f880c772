package features

import (
	"context"

	"contralens/data"
	"contralens/data/loader"
	"contralens/nn"
	"contralens/peers"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
	"contralens/world"
)

// What a process tells the others with its batch.
const (
	goesOn = iota
	stops  // its context has ended
	failed // it has no features of its batch
)

// together computes features in several processes. In each round every process computes one of
// the next batches, and all get the features of all of them, in order. Batches are those of one
// process, so that features are, too: kernels see the same shapes.
type together struct {
	Options
	m    *nn.Model
	d    data.Dataset
	each func(*torch.Tensor, *prefetch.Batch) error
	l    *prefetch.Loader // of this process's batches
	n    int              // batches
}

// eachTogether is EachBatch in a world.
func eachTogether(
	m *nn.Model, d data.Dataset, o Options, each func(*torch.Tensor, *prefetch.Batch) error,
) error {
	if o.Context == nil {
		o.Context = context.Background()
	}
	t := &together{Options: o, m: m, d: d, each: each, n: loader.Batches(d.Len(), o.Batch, false)}
	var own []int
	for b := o.First + o.Peers.World.Rank; b < t.n; b += o.Peers.World.Size {
		own = append(own, t.images(b)...)
	}
	// No process stops before all have agreed.
	t.l = prefetch.New(context.WithoutCancel(o.Context), prefetch.Options{
		Device: m.Config.Device, Dtype: o.Precision, ViewOptions: loader.ViewOptions{
			Dataset: data.Select(d, own), Views: []views.Spec{View(m, views.Evaluation(o.Size))}, BatchSize: o.Batch,
			Workers: o.Workers,
		},
	})
	defer t.l.Close()
	for first := o.First; first < t.n; first += o.Peers.World.Size {
		var err error
		torch.NoGrad(func() {
			torch.Scoped(func() { err = t.round(first) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// images returns the images of a batch. There are none after the last one.
func (t *together) images(b int) (indices []int) {
	for i := b * t.Batch; i < min((b+1)*t.Batch, t.d.Len()); i++ {
		indices = append(indices, i)
	}
	return indices
}

// round computes the batches from first on, one in each process.
func (t *together) round(first int) error {
	p := t.Peers
	own := t.images(first + p.World.Rank)
	p.Tell(first+1, "images")
	f, err := t.compute(own)
	p.Tell(first+1, world.Computing)
	said := goesOn
	if t.Context.Err() != nil {
		said = stops
	}
	if err != nil {
		said = failed
	}
	var rows []int
	for rank := range p.World.Size {
		rows = append(rows, len(t.images(first+rank)))
	}
	all, messages := peers.Gather(p.Group, f, rows, []float32{float32(said)})
	most := goesOn
	for _, v := range messages.Narrow(1, 0, 1).Reshape(-1).Float32s() {
		most = max(most, int(v))
	}
	switch most {
	case failed:
		return p.Agree(err)
	case stops:
		if p.Stop != nil {
			p.Stop()
		}
		if err := t.Context.Err(); err != nil {
			return err
		}
		return context.Canceled
	}
	return t.use(first, rows, all)
}

// compute returns the features [n, D] of this process's next batch, which has these images. After
// an error they are zeros.
func (t *together) compute(own []int) (*torch.Tensor, error) {
	empty := torch.Zeros([]int{len(own), t.m.FeatureDim()}).ToDevice(t.m.Config.Device)
	if len(own) == 0 {
		return empty, nil
	}
	b, err := t.l.Next()
	if err != nil {
		return empty, err
	}
	defer t.l.Recycle(b)
	f := Frozen(t.m, t.Precision)(b.View(0))
	if err := finite(f, f.Sum().Item(), func(row int) string { return t.d.Path(own[row]) }); err != nil {
		return empty, err
	}
	omit(f, own, t.Missing)
	return f, nil
}

// use calls each with the features of the batches of a round.
func (t *together) use(first int, rows []int, all *torch.Tensor) (err error) {
	at := 0
	for k, n := range rows {
		if n == 0 {
			break
		}
		b := &prefetch.Batch{N: n, Indices: t.images(first + k)}
		b.Whole = b.Indices
		for _, i := range b.Indices {
			b.Labels = append(b.Labels, int64(t.d.Label(i)))
		}
		torch.Scoped(func() { err = t.each(all.Narrow(0, at, n), b) })
		if err != nil {
			return err
		}
		at += n
		if t.Progress != nil {
			t.Progress(b.Indices[n-1]+1, t.d.Len())
		}
	}
	return nil
}
