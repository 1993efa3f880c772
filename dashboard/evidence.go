package dashboard

import (
	"math"
	"strconv"

	"contralens/rundir"
	"contralens/scores"
)

// evidence collects the input of Diagnose. source may be nil.
func (r *run) evidence(record rundir.Record, source scores.Source) Evidence {
	number := func(key string) float64 {
		v, err := strconv.ParseFloat(record.Config[key], 64)
		if err != nil {
			return 0
		}
		return v
	}
	e := Evidence{
		Memory: record.Config["mem"],
		Tau:    number("nce_t"), Alpha: number("alpha"), K: int(number("nce_k")), Keys: int(number("batch_size")),
		FT:     ftOf(record.Config),
		Recent: map[string]float64{}, Jumps: map[string]float64{}, Step: r.metrics.last(),
	}
	if e.Memory != "" && e.Memory != "moco" && e.Memory != "bank" {
		e.K = 0 // nce_k has no meaning
	}
	if record.Config["symmetric"] == "true" {
		e.Keys *= 2 // the keys of both crops enter the queue
	}
	for _, p := range r.metrics.series["knn"] {
		e.KNN = append(e.KNN, p.value)
	}
	if source != nil {
		first, last := source.Range()
		e.Step = max(e.Step, last)
		window := min(max(20, (last-first+1)/20), 1000)
		names := source.Series()
		// One bin per step, because jumps are between consecutive steps.
		curves, err := source.Curves(names, last-window+1, last, window)
		for i := range curves {
			if err != nil || len(curves[i]) == 0 {
				continue
			}
			var values []float64
			for _, b := range curves[i] {
				values = append(values, b.Mean)
			}
			e.Recent[names[i]] = mean(values)
			if len(values) > 10 {
				e.Jumps[names[i]] = jump(values)
			}
		}
	}
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
