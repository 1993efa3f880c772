package autotune

import (
	"context"
	"io"
	"time"

	"contralens/data"
	"contralens/data/loader"
	"contralens/prefetch"
	"contralens/torch"
)

const (
	// fewestSteps is the number of steps that are timed for every split, because
	// another program may disturb a single one.
	fewestSteps = 3
	// hopeless is the factor by which a split's first steps may be slower than the best
	// split so far before it is abandoned. It exceeds the tenth by which training runs
	// of one split differ.
	hopeless = 1.25
	// most is the largest number of images loaded for a split.
	most = 1 << 16
)

// measureSplits times steps for each split of the processors, while images for the next
// steps are loaded.
func measureSplits(w Workload, r Reports) (all []Trial, err error) {
	p, err := newProbe(w.Net, w.Given.Format)
	if err != nil {
		return nil, err
	}
	defer p.Free()
	defer torch.SetThreads(torch.Threads())
	settings := w.candidates(true)
	each := budget / 2 / time.Duration(len(settings)) // precision and format take the other half
	n := 2
	p.step(w.Given, n, w.Side) // the first use of a kernel compiles it
	image := p.step(w.Given, n, w.Side) / time.Duration(n)
	if fits := int(each / max(1, image) / 6); fits > n { // about four steps
		n = min(fits, max(n, w.Batch))
	}
	best := 0.0
	for _, s := range settings {
		torch.SetThreads(s.Threads)
		t := Trial{Setting: s}
		if t.Rate, err = p.loading(w, s, n, each, best); err != nil {
			return nil, err
		}
		if best = max(best, t.Rate); r.First != nil {
			r.First(t)
		}
		all = append(all, t)
	}
	return all, nil
}

// loading returns the images per second that pass the encoders in steps of n, while
// images for the next steps are loaded. It measures for the given time, or less if the
// split is hopeless compared with the best rate so far. The first step is not timed,
// because nothing was loaded ahead of it. A small dataset is loaded repeatedly.
func (p *probe) loading(w Workload, s Setting, n int, long time.Duration, best float64) (rate float64, err error) {
	l := prefetch.New(context.Background(), prefetch.Options{Device: p.Config.Device, ViewOptions: loader.ViewOptions{
		Dataset: data.Repeat(w.Images.Dataset, most), Views: w.Images.Views,
		BatchSize: n, Workers: s.Workers, Shuffle: true, DropLast: true,
	}})
	defer l.Close()
	var begin time.Time
	for step := 0; step <= fewestSteps || time.Since(begin) < long && hopeless*rate >= best; step++ {
		b, err := l.Next()
		if err == io.EOF {
			break // enough images
		}
		if err != nil {
			return 0, err
		}
		p.batch(s, b, len(w.Images.Views))
		l.Recycle(b)
		if step == 0 {
			begin = time.Now()
		} else {
			rate = float64(n*step) / time.Since(begin).Seconds()
		}
	}
	return rate, nil
}

// batch passes a batch's first crops forward and backward. If there are more views, it
// also runs this network's forward pass in place of the key encoder's.
func (p *probe) batch(s Setting, b *prefetch.Batch, views int) {
	torch.Scoped(func() {
		x := b.View(0)
		if views > 1 {
			torch.NoGrad(func() { torch.Scoped(func() { p.forward(s, x) }) })
		}
		p.forwardBackward(s, x)
	})
}
