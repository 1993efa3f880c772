package dashboard

import (
	"math"
	"slices"
	"strconv"

	"contralens/rundir"
	"contralens/scores"
)

// evidence collects the input of Diagnose. source may be nil. The caller holds the lock.
func (r *run) evidence(record rundir.Record, source scores.Source, knn []Accuracy) Evidence {
	number := func(key string) float64 {
		text, ok := record.Chosen[key]
		if !ok {
			text = record.Config[key]
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0
		}
		return v
	}
	e := Evidence{
		Memory: record.Config["mem"],
		Tau:    number("nce_t"), Alpha: number("alpha"), K: int(number("nce_k")), Keys: int(number("batch_size")),
		FT:     ftOf(record.Config),
		Recent: map[string]float64{}, Earlier: map[string]float64{}, Jumps: map[string]float64{}, Step: r.metrics.last(),
		Collapse: r.metrics.collapse, Slow: r.metrics.slow,
	}
	if e.Memory != "" && e.Memory != "moco" && e.Memory != "bank" {
		e.K = 0 // nce_k has no meaning
	}
	if record.Config["symmetric"] == "true" {
		e.Keys *= 2 // the keys of both crops enter the queue
	}
	for _, a := range knn {
		e.KNN = append(e.KNN, a.Value)
	}
	if source != nil {
		e.take(source)
	}
	e.Vitals, e.damage = r.vitals(record)
	for name, points := range r.metrics.series {
		if _, ok := e.Recent[name]; ok || name == "knn" {
			continue
		}
		var values []float64
		for _, p := range points[len(points)-min(len(points), max(5, len(points)/20)):] {
			values = append(values, p.value)
		}
		if len(values) > 0 {
			e.Recent[name] = mean(values)
		}
	}
	return e
}

// take takes the statistics of the recorded series: of the last steps, and of those that
// tell where the run is heading also in its middle.
func (e *Evidence) take(source scores.Source) {
	first, last := source.Range()
	e.Step = max(e.Step, last)
	window := min(max(20, (last-first+1)/20), 1000)
	each := func(names []string, to int, use func(name string, values []float64)) {
		// One bin per step, because jumps are between consecutive steps.
		curves, err := source.Curves(names, to-window+1, to, window)
		for i := range curves {
			if err != nil || len(curves[i]) == 0 {
				continue
			}
			var values []float64
			for _, b := range curves[i] {
				values = append(values, b.Mean)
			}
			use(names[i], values)
		}
	}
	names := source.Series()
	each(names, last, func(name string, values []float64) {
		e.Recent[name] = mean(values)
		if len(values) > 10 {
			e.Jumps[name] = jump(values)
		}
	})
	if middle := first + (last-first)/2; middle+window/2 < last-window {
		still := func(name string) bool {
			return !slices.Contains([]string{"uniformity", "neg_mean", "raw_neg_mean"}, name)
		}
		names = slices.DeleteFunc(slices.Clone(names), still)
		each(names, middle+window/2, func(name string, values []float64) { e.Earlier[name] = mean(values) })
	}
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

// jump returns the standard deviation of the change from one value to the next.
func jump(values []float64) float64 {
	sum := 0.0
	for i := range values[1:] {
		d := values[i+1] - values[i]
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(values)-1))
}

// onset returns the first step whose features were transformed, or 0.
func onset(options map[string]string, source scores.Source) int {
	if source == nil {
		return 0
	}
	step, err := rundir.Onset(options, source)
	if err != nil || step == rundir.NotYet {
		return 0
	}
	return step
}
