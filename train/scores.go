package train

import (
	"errors"
	"fmt"
	"maps"
	"math"

	"contralens/contrast"
	"contralens/methods"
	"contralens/scores/record"
)

// fineSteps is the longest training whose record has histograms of every step. In longer
// ones, a histogram is the sum of eight steps.
const fineSteps = 100_000

// RecordHook keeps the score record.
func RecordHook() Hook {
	var w *record.Writer
	var images *record.ImagesWriter // nil until a step has a trace
	var h record.Header
	return Hook{
		Order: Records,
		Collect: func(r *Run) methods.Collect {
			c := methods.Collect{Statistics: true}
			if r.traced() {
				c.Trace = traceNegatives
			}
			return c
		},
		Start: func(r *Run) (err error) {
			h = record.NewHeader(record.TrainingNames(), record.TrainingHistograms(r.Model.Transform.On()))
			if r.Config.Epochs*r.Batches > fineSteps {
				h.HistogramSteps = 8
			}
			h = h.Continuing(record.Dir(r.Dir))
			w, err = record.NewWriter(record.Dir(r.Dir), h, r.GlobalStep)
			return err
		},
		Step: func(r *Run, s Step) (err error) {
			if s.Trace != nil && images == nil {
				if images, err = record.NewImagesWriter(record.Dir(r.Dir), r.imagesHeader(), s.Step-1); err != nil {
					return err
				}
			}
			if s.Trace != nil {
				err = images.Add(traceRow(s.Step, s.Trace))
			}
			return errors.Join(err, w.Add(recordStep(r, s, h)))
		},
		Save: func(*Run) error { return w.Flush() },
		Stop: func(*Run) (err error) {
			if images != nil {
				err = images.Close()
			}
			if w != nil {
				err = errors.Join(err, w.Close())
			}
			return err
		},
	}
}

// recordStep converts a step to a row of the record.
func recordStep(r *Run, s Step, h record.Header) record.Step {
	st := s.Statistics
	age, fill := queueAge(s.Epoch-1, s.Batch, r.Batches, r.Config.BatchSize, r.Train.Len(), r.Model.Method.State().Queue)
	v := map[string]float64{
		"epoch": float64(s.Epoch), "loss": s.Loss, "accuracy": s.Accuracy, "lr": s.Rate,
		"neg_entropy": st.Entropy, "effective_negatives": math.Exp(st.Entropy), "grad_q": st.Gradient,
		"alignment": st.Alignment, "uniformity": st.Uniformity, "queue_age": age, "queue_fill": fill,
		"lambda_pos": st.LambdaPositive, "lambda_neg": st.LambdaNegative,
	}
	maps.Copy(v, traceValues(s.Trace))
	for prefix, d := range map[string]contrast.Distribution{"": st.Seen, "raw_": st.Raw} {
		v[prefix+"pos_mean"], v[prefix+"pos_var"], v[prefix+"exp_pos"] = d.PosMean, d.PosVar, d.PosExp
		v[prefix+"neg_mean"], v[prefix+"neg_var"], v[prefix+"exp_neg"] = d.NegMean, d.NegVar, d.NegExp
		v[prefix+"hardest_neg"] = d.Hardest
	}
	for _, share := range record.Quantiles {
		name := fmt.Sprintf("_q%02.0f", 100*share)
		v["pos"+name], v["neg"+name] = st.Seen.PosQuantile(share), st.Seen.NegQuantile(share)
	}
	row := record.Step{Step: s.Step}
	for _, name := range h.Series {
		row.Values = append(row.Values, float32(v[name]))
	}
	for _, k := range h.Histograms {
		counts := make([]float32, k.Bins)
		count(counts, k, st)
		row.Histograms = append(row.Histograms, counts)
	}
	return row
}

// count adds a step's scores to the histogram of a kind.
func count(counts []float32, k record.Histogram, st *contrast.Statistics) {
	switch k.Kind {
	case "pos":
		countPositives(counts, k, st.Seen)
	case "neg":
		countNegatives(counts, k, st.Seen)
	case "raw_pos":
		countPositives(counts, k, st.Raw)
	case "raw_neg":
		countNegatives(counts, k, st.Raw)
	}
}

// bin returns the bin of a score.
func bin(k record.Histogram, score float64) int {
	return int(max(0, min((score-k.Low)/(k.High-k.Low)*float64(k.Bins), float64(k.Bins-1))))
}

func countPositives(counts []float32, k record.Histogram, d contrast.Distribution) {
	for _, v := range d.Positives {
		if !math.IsNaN(float64(v)) {
			counts[bin(k, float64(v))]++
		}
	}
}

// countNegatives sums the fine bins of a batch.
func countNegatives(counts []float32, k record.Histogram, d contrast.Distribution) {
	width := 2 * d.Bound / contrast.Bins
	for i, c := range d.Negatives {
		if c > 0 {
			counts[bin(k, -d.Bound+(float64(i)+0.5)*width)] += float32(c)
		}
	}
}

// queueAge returns the mean age in steps of the keys that training has put into a queue
// of k rows, and their share of the queue. It is that seen by the step after `epochs`
// whole epochs and `batch` steps. The keys of the step before have age 1. An epoch has
// `batches` batches of batchSize; the last has the rest of the images.
func queueAge(epochs, batch, batches, batchSize, images, k int) (age, fill float64) {
	last := min(batchSize, images-(batches-1)*batchSize)
	keys, sum := 0, 0.0
	for step := epochs*batches + batch - 1; step >= 0 && keys < k; step-- {
		n := batchSize
		if step%batches == batches-1 {
			n = last
		}
		n = min(n, k-keys)
		keys += n
		sum += float64(n) * float64(epochs*batches+batch-step)
	}
	if keys == 0 {
		return 0, 0
	}
	return sum / float64(keys), float64(keys) / float64(k)
}
