package train

import (
	"cmp"
	"context"
	"math"
	"slices"

	"contralens/contrast"
	"contralens/data"
	"contralens/scores/record"
	"contralens/setup"
	"contralens/torch"
)

// What the record keeps of the images behind the scores.
const (
	traceEvery     = 10 // steps
	traceQueries   = 8  // of a traced step
	traceNegatives = 6  // of a query
)

// classes has the classes of a dataset's images on a device.
type classes struct {
	looked bool
	labels *torch.Tensor // int32; nil without classes
}

// of returns the classes of all images of a dataset, int32, or nil if it has none.
func (c *classes) of(d data.Dataset, device torch.Device) *torch.Tensor {
	if c.looked {
		return c.labels
	}
	c.looked = true
	all := make([]int64, d.Len())
	for i := range all {
		all[i] = int64(d.Label(i))
	}
	if slices.Max(all) >= 0 {
		c.labels = torch.Scoped1(func() *torch.Tensor {
			return torch.FromInt64(all, len(all)).To(torch.Int32).ToDevice(device)
		}).Keep()
	}
	return c.labels
}

func (c *classes) free() { c.labels.Free() }

// imagesHeader describes the images that the run's record keeps, if its loss has negatives.
func (r *Run) imagesHeader() record.ImagesHeader {
	h := record.ImagesHeader{
		Every: traceEvery, Queries: traceQueries, Negatives: traceNegatives, Total: r.Train.Len(), EpochSteps: r.Batches,
		KeyCrop: 1, Sample: new(setup.SampleOf(context.Background(), r.Train)),
	}
	if r.Model.Method.Crops() < 2 {
		h.KeyCrop = -1
	}
	return record.NewImagesHeader(h)
}

// traced reports whether the step after GlobalStep is one that the record traces.
func (r *Run) traced() bool { return r.GlobalStep%traceEvery == 0 }

// traceValues are the series of a trace; NaN for a step without one.
func traceValues(t *contrast.Trace) map[string]float64 {
	v := map[string]float64{}
	if t == nil {
		none := math.NaN()
		t = &contrast.Trace{Untrained: none, MeanAge: none, Own: none, Near: none, Class: none}
		t.Age, t.Hardest = [4]float64{none, none, none, none}, [4]float64{none, none, none, none}
	}
	for i, name := range []string{"grad_hardest1", "grad_hardest10", "grad_hardest100", "grad_hardest1000"} {
		v[name] = t.Hardest[i]
	}
	for i, name := range []string{"grad_age1", "grad_age2", "grad_age3", "grad_age4"} {
		v[name] = t.Age[i]
	}
	v["grad_untrained"], v["grad_age"] = t.Untrained, t.MeanAge
	v["grad_own"], v["grad_near"], v["grad_class"] = t.Own, t.Near, t.Class
	return v
}

// traceRow selects what the record keeps of a trace: the queries with the weakest positives, and
// those on which a single negative weighs most.
func traceRow(step int, t *contrast.Trace) record.ImagesRow {
	row := record.ImagesRow{Step: step}
	taken := make([]bool, len(t.Queries))
	take := func(count int, before func(a, b contrast.TracedQuery) int) {
		order := make([]int, len(t.Queries))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return before(t.Queries[a], t.Queries[b]) })
		for _, i := range order {
			if count > 0 && !taken[i] {
				taken[i] = true
				count--
				row.Queries = append(row.Queries, query(t.Queries[i]))
			}
		}
	}
	heaviest := func(q contrast.TracedQuery) float64 {
		if len(q.Heaviest) == 0 {
			return 0
		}
		return q.Weight * q.Heaviest[0].Share
	}
	take(traceQueries/2, func(a, b contrast.TracedQuery) int { return cmp.Compare(a.Positive, b.Positive) })
	take(traceQueries-traceQueries/2, func(a, b contrast.TracedQuery) int { return cmp.Compare(heaviest(b), heaviest(a)) })
	return row
}

func query(q contrast.TracedQuery) record.Query {
	out := record.Query{Image: q.Image, Positive: q.Positive, Weight: q.Weight}
	for _, h := range q.Heaviest {
		out.Negatives = append(out.Negatives, record.Negative{
			Key: record.Key(h.Of), Mixed: record.Key(h.Mixed), Lambda: h.Lambda, Score: h.Score, Share: h.Share,
		})
	}
	return out
}
