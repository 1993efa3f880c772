package contrast

import (
	"slices"
	"testing"
	"time"

	"contralens/contrast/ft"
	"contralens/torch"
)

// bench has a batch of queries, a queue, and the settings of the loss.
type bench struct {
	n, k, d   int
	transform ft.Transform
	record    bool // Options.Bound: statistics for the score record
	forward   bool // alone: logits, transformation and statistics without gradients

	q, key *torch.Tensor
	queue  *Queue
	stream Stream
}

func (c *bench) setUp() {
	c.q, c.key, c.queue = unitRows(c.n, c.d, 1).SetRequiresGrad(true), unitRows(c.n, c.d, 2), NewQueue(c.k, c.d, 3, torch.CPU)
	c.stream = Stream{Seed: 1}
}

// fused does what a training step does: draw, scores, transformation, statistics, loss and
// the gradient of the queries.
func (c *bench) fused() {
	o := Options{Temperature: 0.2, Scores: true}
	if c.record {
		o.Bound = 2
	}
	draw := c.stream.Next(c.transform, c.n, c.k, c.d, torch.CPU)
	if c.forward {
		QueueNegatives{Rows: c.queue.Keys}.mix(draw).Attend(c.q.Detach(), o.Temperature, false, counting(o.Bound))
		return
	}
	InfoNCE(c.q, c.key, QueueNegatives{Rows: c.queue.Keys}, draw, o).Loss.Backward()
}

// operators does the same in the formulation of a device, without our kernels.
func (c *bench) operators() {
	o := Options{Temperature: 0.2, Scores: true, byOperators: true}
	if c.record {
		o.Bound = 2
	}
	draw := c.stream.Next(c.transform, c.n, c.k, c.d, torch.CPU)
	InfoNCE(c.q, c.key, QueueNegatives{Rows: c.queue.Keys}, draw, o).Loss.Backward()
}

// plain does the same in the plain formulation: a mixed copy of the queue, logits,
// statistics from the logits, cross entropy, autograd. Each histogram of the record needs
// its own matrix of scores.
func (c *bench) plain() {
	o := Options{Temperature: 0.2, Scores: true}
	draw := c.stream.Next(c.transform, c.n, c.k, c.d, torch.CPU)
	if c.forward {
		torch.NoGrad(func() { InfoNCEPlain(c.q, c.key, QueueNegatives{Rows: c.queue.Keys}, draw, o) })
		return
	}
	out := InfoNCEPlain(c.q, c.key, QueueNegatives{Rows: c.queue.Keys}, draw, o)
	out.Loss.Backward()
	if c.record {
		torch.NoGrad(func() {
			var raw, seen Distribution
			raw.describe(c.q.Mm(c.queue.Keys.T()), o)
			seen.describe(out.Logits.Narrow(1, 1, c.k).MulScalar(o.Temperature), o)
		})
	}
}

// measure runs f in a scope and returns its time and its peak memory beyond what was in
// use before.
func measure(f func()) (time.Duration, int64) {
	before := torch.MemoryInUse()
	torch.ResetMemoryPeak()
	begin := time.Now()
	torch.Scoped(f)
	return time.Since(begin), torch.MemoryPeak() - before
}

// The fused path needs at most a third of the memory of the plain one, with and without
// the score record.
func TestFusedMemory(t *testing.T) {
	for _, record := range []bool{false, true} {
		inRun(t, func() {
			c := bench{n: 64, k: 32768, d: 128, transform: ft.Paper(), record: record}
			c.setUp()
			defer c.queue.Free()
			_, plain := measure(c.plain)
			_, fused := measure(c.fused)
			t.Logf("plain %.1f MB, fused %.1f MB", float64(plain)/1e6, float64(fused)/1e6)
			if fused > plain/3 || fused <= 0 {
				t.Errorf("recording %v: fused takes %d bytes, plain %d", record, fused, plain)
			}
		})
	}
}

// Plain and fused alternately, at the paper's size and that of small trainings: the median
// times, their ratio, and the peak memory.
func BenchmarkInfoNCE(b *testing.B) {
	paper := ft.Paper()
	for name, c := range map[string]bench{
		"65536":                {n: 256, k: 65536, d: 128, transform: paper},
		"65536/record":         {n: 256, k: 65536, d: 128, transform: paper, record: true},
		"65536/batch64":        {n: 64, k: 65536, d: 128, transform: paper},
		"65536/batch64/record": {n: 64, k: 65536, d: 128, transform: paper, record: true},
		"65536/unmixed":        {n: 256, k: 65536, d: 128},
		"65536/forward":        {n: 256, k: 65536, d: 128, transform: paper, forward: true},
		"4096":                 {n: 256, k: 4096, d: 128, transform: paper},
		"4096/record":          {n: 256, k: 4096, d: 128, transform: paper, record: true},
	} {
		b.Run(name, func(b *testing.B) {
			err := torch.Run(func() error {
				torch.Scoped(func() {
					c.setUp()
					defer c.queue.Free()
					measure(c.fused)
					var plain, fused []float64
					var most [2]int64
					for b.Loop() {
						t, m := measure(c.plain)
						plain, most[0] = append(plain, t.Seconds()*1e3), max(most[0], m)
						t, m = measure(c.fused)
						fused, most[1] = append(fused, t.Seconds()*1e3), max(most[1], m)
					}
					slices.Sort(plain)
					slices.Sort(fused)
					p, f := plain[len(plain)/2], fused[len(fused)/2]
					b.ReportMetric(p, "ms-plain")
					b.ReportMetric(f, "ms-fused")
					b.ReportMetric(p/f, "times-faster")
					b.ReportMetric(float64(most[0])/1e6, "MB-plain")
					b.ReportMetric(float64(most[1])/1e6, "MB-fused")
				})
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// The kernels of the CPU and the operators that devices use, alternately: mean, variance,
// maximum and histogram of scores (summary), and the whole contrast with its gradient
// (InfoNCE). Median times and their ratio.
func BenchmarkKernels(b *testing.B) {
	paper := ft.Paper()
	for name, c := range map[string]bench{
		"64×65536":        {n: 64, k: 65536, d: 128, transform: paper},
		"64×65536/record": {n: 64, k: 65536, d: 128, transform: paper, record: true},
		"256×4096":        {n: 256, k: 4096, d: 128, transform: paper},
		"256×4096/record": {n: 256, k: 4096, d: 128, transform: paper, record: true},
	} {
		compare(b, "InfoNCE/"+name, &c, c.fused, c.operators)
		if c.record {
			summary := func(o Options) func() {
				return func() { summarize(c.q.Detach().Mm(c.queue.Keys.T()), 2, o, func(torch.Summary) {}) }
			}
			compare(b, "summary with its product/"+name, &c, summary(Options{}), summary(Options{byOperators: true}))
		}
	}
}

func compare(b *testing.B, name string, c *bench, kernel, operators func()) {
	b.Run(name, func(b *testing.B) {
		if err := torch.Run(func() error {
			torch.Scoped(func() {
				c.setUp()
				defer c.queue.Free()
				var times [2][]float64
				for b.Loop() {
					for i, f := range []func(){kernel, operators} {
						begin := time.Now()
						torch.Scoped(f)
						times[i] = append(times[i], time.Since(begin).Seconds()*1e3)
					}
				}
				slices.Sort(times[0])
				slices.Sort(times[1])
				k, o := times[0][len(times[0])/2], times[1][len(times[1])/2]
				b.ReportMetric(k, "ms-kernel")
				b.ReportMetric(o, "ms-operators")
				b.ReportMetric(o/k, "times-faster")
			})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	})
}

// Only the draw of λ and π, which both paths include.
func BenchmarkDraw(b *testing.B) {
	err := torch.Run(func() error {
		stream := Stream{Seed: 1}
		for b.Loop() {
			torch.Scoped(func() { stream.Next(ft.Paper(), 256, 65536, 128, torch.CPU) })
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
