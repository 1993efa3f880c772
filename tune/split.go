package tune

import (
	"io"
	"time"

	"contralens/data"
	"contralens/torch"
)

// hopeless is how much slower than the best so far a split may begin: it is not
// measured on.
const hopeless = 1.25

// measureSplits times, for each split of the processors, what a step with a momentum
// encoder takes while the images of the next ones are loaded.
func measureSplits(t Task, report func(Measured)) (all []Measured, err error) {
	p, err := newProbe(t.Net, t.Given.Format)
	if err != nil {
		return nil, err
	}
	defer p.Free()
	defer torch.SetThreads(torch.Threads())
	choices := t.candidates(true)
	share := budget / 2 / time.Duration(len(choices)) // precision and format have had theirs
	n := 2
	p.step(t.Given, n, t.Side) // kernels are made at their first use
	each := p.step(t.Given, n, t.Side) / time.Duration(n)
	if fits := int(share / max(1, each) / 6); fits > n { // about four steps
		n = min(fits, max(n, t.Batch), t.Loading.Dataset.Len())
	}
	best := 0.0
	for _, c := range choices {
		torch.SetThreads(c.Threads)
		m := Measured{Choice: c}
		if m.Rate, err = p.loading(t, c, n, share, best); err != nil {
			return nil, err
		}
		if best = max(best, m.Rate); report != nil {
			report(m)
		}
		all = append(all, m)
	}
	return all, nil
}

// loading is how many images a second go through the encoders and back while the next
// are loaded, n a step: in so long, or less if that is hopeless beside the best so
// far. The first step, for which nothing was loaded ahead, doesn't count.
func (p *probe) loading(t Task, c Choice, n int, long time.Duration, best float64) (float64, error) {
	o := *t.Loading
	o.BatchSize, o.Workers, o.Shuffle = n, c.Workers, true
	l := data.NewLoader(o)
	defer func() { l.Close() }()
	begin, images := time.Time{}, 0
	for {
		b, err := l.Next()
		if err == io.EOF { // after an epoch the next
			l.Close()
			l = data.NewLoader(o)
			continue
		}
		if err != nil {
			return 0, err
		}
		p.views(c, b, t.Loading.Views[0].Shape())
		l.Recycle(b)
		if begin.IsZero() {
			begin = time.Now()
			continue
		}
		images += b.N
		took := time.Since(begin)
		if rate := float64(images) / took.Seconds(); took >= long || hopeless*rate < best {
			return rate, nil
		}
	}
}

// views sends a batch's first crops through a key encoder, which takes as long as this
// one, and forth and back.
func (p *probe) views(c Choice, b *data.Batch, shape []int) {
	torch.Scoped(func() {
		x := torch.FromFloat32(b.Views[0], append([]int{b.N}, shape...)...).ToDevice(p.Config.Device)
		torch.NoGrad(func() { torch.Scoped(func() { p.forward(c, x) }) })
		p.forthAndBack(c, x)
	})
}
