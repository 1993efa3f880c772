package autotune

import (
	"io"
	"time"

	"contralens/data"
	"contralens/torch"
	"contralens/views"
)

const (
	// fewestSteps are timed of every split: a single one may meet another program.
	fewestSteps = 3
	// hopeless is how much slower than the best so far a split may begin, to be measured
	// on: more than trainings of the same split differ by, a tenth.
	hopeless = 1.25
	// most images are loaded for a split.
	most = 1 << 16
)

// measureSplits times, for each split of the processors, what a step takes while the
// images of the next ones are loaded.
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
		n = min(fits, max(n, t.Batch))
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
// far. The first step, for which nothing was loaded ahead, doesn't count. A small
// dataset is loaded again and again.
func (p *probe) loading(t Task, c Choice, n int, long time.Duration, best float64) (rate float64, err error) {
	l := data.NewLoader(data.LoaderOptions{Dataset: data.Repeat(t.Images.Dataset, most), Views: t.Images.Views, BatchSize: n, Workers: c.Workers, Shuffle: true, DropLast: true})
	defer l.Close()
	var begin time.Time
	for step := 0; step <= fewestSteps || time.Since(begin) < long && hopeless*rate >= best; step++ {
		b, err := l.Next()
		if err == io.EOF {
			break // so many images are enough
		}
		if err != nil {
			return 0, err
		}
		p.batch(c, b, t.Images.Views)
		l.Recycle(b)
		if step == 0 {
			begin = time.Now()
		} else {
			rate = float64(n*step) / time.Since(begin).Seconds()
		}
	}
	return rate, nil
}

// batch sends a batch's first crops forth and back. Where there are more views, they go
// through a key encoder, which takes as long as this one without its way back.
func (p *probe) batch(c Choice, b *data.Batch, specs []views.Spec) {
	torch.Scoped(func() {
		x := torch.FromFloat32(b.Views[0], append([]int{b.N}, specs[0].Shape()...)...).ToDevice(p.Config.Device)
		if len(specs) > 1 {
			torch.NoGrad(func() { torch.Scoped(func() { p.forward(c, x) }) })
		}
		p.forthAndBack(c, x)
	})
}
