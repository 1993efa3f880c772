package dashboard

import (
	"errors"
	"io/fs"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/record"
)

// metricSeries lists the values of metrics.jsonl that are shown.
var metricSeries = []struct {
	name, title, axis string
	value             func(rundir.Metrics) *float64
}{
	{"loss", "Loss", "InfoNCE loss", contrastiveLoss},
	{
		"accuracy", "Contrastive accuracy", "positive ranked first, %",
		func(m rundir.Metrics) *float64 { return m.Accuracy },
	},
	{"lr", "Learning rate", "learning rate", func(m rundir.Metrics) *float64 { return m.Rate }},
	{"knn", "k-NN accuracy", "top-1, %", func(m rundir.Metrics) *float64 { return m.KNN }},
	{"speed", "Speed", "images/s", func(m rundir.Metrics) *float64 { return m.Speed }},
	{"wait", "Waiting for data", "% of the time", waiting},
	{"slowest", "Slowest process", "% more time for a step than the median", slowest},
	{"ap", "AP", "average precision, %", detection(func(d *rundir.DetectionMetrics) *float64 { return d.AP })},
	{"ap50", "AP50", "average precision, %", detection(func(d *rundir.DetectionMetrics) *float64 { return d.AP50 })},
	{"ap75", "AP75", "average precision, %", detection(func(d *rundir.DetectionMetrics) *float64 { return d.AP75 })},
	{"mask_ap", "AP of masks", "average precision, %",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.MaskAP })},
	{"loss_total", "Loss of the detector", "sum of the losses", detectorLoss},
	{"loss_cls", "Loss: classes", "cross entropy",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.ClassLoss })},
	{"loss_box_reg", "Loss: boxes", "L1", detection(func(d *rundir.DetectionMetrics) *float64 { return d.BoxLoss })},
	{"loss_rpn_cls", "Loss: objectness", "cross entropy",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.AnchorLoss })},
	{"loss_rpn_loc", "Loss: proposals", "L1",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.LocateLoss })},
	{"loss_mask", "Loss: masks", "cross entropy",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.MaskLoss })},
	{"fg", "Foreground regions", "per image",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.Foreground })},
	{"cls_accuracy", "Regions classified right", "% of the regions",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.Accuracy })},
	{"fg_cls_accuracy", "Objects classified right", "% of the foreground regions",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.ForegroundAccuracy })},
	{"false_negative", "Objects taken for background", "% of the foreground regions",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.Missed })},
	{"rpn_pos", "Positive anchors", "per image",
		detection(func(d *rundir.DetectionMetrics) *float64 { return d.Anchors })},
}

// contrastiveLoss returns the loss of a line, unless a detector trains.
func contrastiveLoss(m rundir.Metrics) *float64 {
	if m.DetectionMetrics != nil {
		return nil
	}
	return m.Loss
}

// detectorLoss returns the loss of a line if a detector trains.
func detectorLoss(m rundir.Metrics) *float64 {
	if m.DetectionMetrics == nil {
		return nil
	}
	return m.Loss
}

// detection returns a value of a training of a detector, nil for other trainings.
func detection(of func(*rundir.DetectionMetrics) *float64) func(rundir.Metrics) *float64 {
	return func(m rundir.Metrics) *float64 {
		if m.DetectionMetrics == nil {
			return nil
		}
		return of(m.DetectionMetrics)
	}
}

// waiting returns the share of the time since the last line in which the training waited for
// images, in percent.
func waiting(m rundir.Metrics) *float64 {
	if m.Wait == nil || m.Compute == nil || *m.Wait+*m.Compute <= 0 {
		return nil
	}
	return new(100 * *m.Wait / (*m.Wait + *m.Compute))
}

// systemSeries lists the values of system.jsonl that are shown.
var systemSeries = []struct {
	name, title, axis string
	value             func(rundir.System) *float64
}{
	{"cpu", "Processors", "% of their time, this training", func(s rundir.System) *float64 { return s.Own }},
	{"cpu_others", "Processors: other programs", "% of their time", func(s rundir.System) *float64 { return s.Others }},
	{"memory", "Memory", "MiB, this training", func(s rundir.System) *float64 { return s.Resident }},
	{"memory_free", "Memory: free", "MiB", func(s rundir.System) *float64 { return s.Available }},
	{"gpu", "GPU", "% of the time", func(s rundir.System) *float64 { return s.GPU }},
	{"gpu_memory", "GPU memory", "MiB, all programs", func(s rundir.System) *float64 { return s.GPUMemory }},
}

// metrics has the contents of metrics.jsonl, system.jsonl and spectrum.jsonl, read as they grow.
type metrics struct {
	lines    rundir.Follower[rundir.Metrics]
	system   rundir.Follower[rundir.System]
	spectrum rundir.Follower[spectrum.Line]
	results  rundir.Follower[map[string]any] // others read them; this one finds damage
	series   map[string][]point
	ends     map[int]int // the last step of each epoch
	clock    clock

	collapse int    // the step at which the training itself found a collapse; 0: none
	slow     string // what it said last of a process that all others wait for
	ranks    ranks
}

type point struct {
	step  int
	value float64
}

// refresh reads the lines that were added. A file that cannot be read does not keep it from the others.
func (m *metrics) refresh(folder fs.StatFS) error {
	if m.series == nil {
		m.series, m.ends = map[string][]point{}, map[int]int{}
	}
	return errors.Join(
		m.lines.Follow(folder, rundir.MetricsFile, m.addMetrics, func() {
			for _, s := range metricSeries {
				delete(m.series, s.name)
			}
			m.clock, m.collapse, m.slow, m.ranks = clock{}, 0, "", nil
		}),
		m.system.Follow(folder, rundir.SystemFile, m.addSystem, func() {
			for _, s := range systemSeries {
				delete(m.series, s.name)
			}
		}),
		m.spectrum.Follow(folder, spectrum.FileName, m.addSpectrum, func() {
			for _, s := range spectrumSeries {
				delete(m.series, s.Name)
			}
		}),
		m.results.Follow(folder, rundir.ResultsFile, func(map[string]any) {}, func() {}),
	)
}

// skipped says of each file which of its lines were skipped.
func (m *metrics) skipped() error {
	return errors.Join(
		m.lines.Skipped(rundir.MetricsFile), m.system.Skipped(rundir.SystemFile),
		m.spectrum.Skipped(spectrum.FileName), m.results.Skipped(rundir.ResultsFile),
	)
}

func (m *metrics) addMetrics(line rundir.Metrics) {
	if line.Step == nil || !(*line.Step >= 0 && *line.Step < 1<<31) {
		return
	}
	m.clock.add(int(*line.Step), line)
	m.ranks.add(line)
	if line.EpochEnd {
		m.ends[int(line.Epoch)] = int(*line.Step)
	}
	if line.Event == rundir.EventCollapse {
		m.collapse = int(*line.Step)
	}
	if line.Event == rundir.EventSlow {
		m.slow = line.Message
	}
	for _, s := range metricSeries {
		m.add(s.name, *line.Step, s.value(line))
	}
}

func (m *metrics) addSystem(line rundir.System) {
	for _, s := range systemSeries {
		m.add(s.name, line.Step, s.value(line))
	}
}

// add adds a value to a series, unless it is nil or its step is none.
func (m *metrics) add(name string, at float64, value *float64) {
	if value == nil || !(at >= 0 && at < 1<<31) {
		return
	}
	step, points := int(at), m.series[name]
	// A run that was resumed from a checkpoint repeats steps.
	for len(points) > 0 && points[len(points)-1].step >= step {
		points = points[:len(points)-1]
	}
	m.series[name] = append(points, point{step, *value})
}

// described lists the series that have values.
func (m *metrics) described() (list []series) {
	add := func(name, title, axis string) {
		if len(m.series[name]) > 0 {
			list = append(list, series{name, title, axis})
		}
	}
	for _, s := range metricSeries {
		add(s.name, s.title, s.axis)
	}
	for _, s := range spectrumSeries {
		add(s.Name, s.Title, s.Axis)
	}
	for _, s := range systemSeries {
		add(s.name, s.title, s.axis)
	}
	return list
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
