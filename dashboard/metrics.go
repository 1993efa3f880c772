package dashboard

import (
	"io/fs"

	"contralens/rundir"
	"contralens/scores/record"
)

// metricSeries lists the values of metrics.jsonl that are shown.
var metricSeries = []struct {
	name, title, axis string
	value             func(rundir.Metrics) *float64
}{
	{"loss", "Loss", "InfoNCE loss", func(m rundir.Metrics) *float64 { return m.Loss }},
	{
		"accuracy", "Contrastive accuracy", "positive ranked first, %",
		func(m rundir.Metrics) *float64 { return m.Accuracy },
	},
	{"lr", "Learning rate", "learning rate", func(m rundir.Metrics) *float64 { return m.Rate }},
	{"knn", "k-NN accuracy", "top-1, %", func(m rundir.Metrics) *float64 { return m.KNN }},
	{"speed", "Speed", "images/s", func(m rundir.Metrics) *float64 { return m.Speed }},
	{"wait", "Waiting for data", "seconds per line", func(m rundir.Metrics) *float64 { return m.Wait }},
}

// metrics has the contents of metrics.jsonl, read as it grows.
type metrics struct {
	rundir.MetricsFollower
	series map[string][]point
	clock  clock
}

type point struct {
	step  int
	value float64
}

// refresh reads the lines that were added.
func (m *metrics) refresh(folder fs.StatFS) error {
	if m.series == nil {
		m.series = map[string][]point{}
	}
	return m.Follow(folder, m.add, func() {
		clear(m.series)
		m.clock = clock{}
	})
}

func (m *metrics) add(line rundir.Metrics) {
	if line.Step == nil || !(*line.Step >= 0 && *line.Step < 1<<31) {
		return
	}
	step := int(*line.Step)
	m.clock.add(step, line)
	for _, s := range metricSeries {
		if v := s.value(line); v != nil {
			points := m.series[s.name]
			// A run that was resumed from a checkpoint repeats steps.
			for len(points) > 0 && points[len(points)-1].step >= step {
				points = points[:len(points)-1]
			}
			m.series[s.name] = append(points, point{step, *v})
		}
	}
}

// last returns the last step in the metrics.
func (m *metrics) last() int {
	n := 0
	for _, points := range m.series {
		if len(points) > 0 {
			n = max(n, points[len(points)-1].step)
		}
	}
	return n
}

// curve returns a series over the steps from … to in at most n bins, which keep its
// peaks. It omits empty bins.
func (m *metrics) curve(name string, from, to, n int) []record.Bin {
	span := max(1, (to-from+n)/n)
	var bins []record.Bin
	for _, p := range m.series[name] {
		if p.step < from || p.step > to {
			continue
		}
		b := record.Bin{Step: p.step, N: 1, Mean: p.value, Min: p.value, Max: p.value}
		if k := len(bins); k > 0 && (p.step-from)/span == (bins[k-1].Step-from)/span {
			a := &bins[k-1]
			a.Mean = (a.Mean*float64(a.N) + p.value) / float64(a.N+1)
			a.N, a.Min, a.Max = a.N+1, min(a.Min, p.value), max(a.Max, p.value)
			continue
		}
		bins = append(bins, b)
	}
	return bins
}
