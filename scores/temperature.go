package scores

import (
	"errors"
	"fmt"
	"math"

	"contralens/scores/record"
)

// Replayed is InfoNCE at another temperature, on features as they were. It is computed from the histograms of the
// scores. Scores are taken to be spread evenly over their bins, and the negatives of every query to have
// the distribution of all: what differs between queries is lost. docs/record-format.md has the bounds.
type Replayed struct {
	Temperature float64 `json:"nce_t"`
	Loss        float64 `json:"loss"`
	Chance      float64 `json:"chance"` // ln(K+1)
	// Effective is the exponential of the entropy of the softmax over a query's negatives.
	Effective float64 `json:"effective_negatives"`
	// Pull is the share of the negatives in the softmax over all scores, 1 - p of the positive.
	Pull    float64    `json:"pull"`
	Hardest [3]float64 `json:"hardest"` // share of the negatives' gradient of a query's 1, 10 and 100 hardest
}

// ReplayCounts are the numbers of negatives of Replayed.Hardest.
var ReplayCounts = [3]float64{1, 10, 100}

// Replay computes InfoNCE at temperature τ from one histogram of positives and one of negatives, of the
// same steps. A histogram has edges and one row of counts.
func Replay(pos, neg record.Heat, τ float64) (r Replayed, err error) {
	if !(τ > 0) || math.IsInf(τ, 0) {
		return r, fmt.Errorf("want a temperature above 0, got %v", τ)
	}
	if len(pos.Rows) == 0 || len(neg.Rows) == 0 {
		return r, errors.New("want histograms of positives and negatives, got none")
	}
	queries, negatives := sum(pos.Rows[0].Counts), sum(neg.Rows[0].Counts)
	if queries == 0 || negatives == 0 {
		return r, fmt.Errorf("want positives and negatives, got %v and %v scores", queries, negatives)
	}
	k := negatives / queries
	r.Temperature, r.Chance = τ, math.Log(k+1)
	// All exponentials are divided by that of the highest edge, so that none overflows.
	top := neg.Edges[len(neg.Edges)-1]
	z, weighted := 0.0, 0.0
	for i, count := range neg.Rows[0].Counts {
		e, s := exponential(neg.Edges[i]-top, neg.Edges[i+1]-top, τ)
		z += count * e
		weighted += count * s
	}
	if z == 0 {
		return r, fmt.Errorf("want a larger temperature than %v: exponentials of the scores are too small", τ)
	}
	// Entropy of a query's softmax: that of all negatives of N queries, minus ln N.
	r.Effective = math.Exp(math.Log(z) - weighted/z/τ - math.Log(queries))
	logSum := math.Log(z/queries) + top/τ // log Σ_j exp(s_j/τ) of a query
	for i, count := range pos.Rows[0].Counts {
		// Three points of a bin: the loss is close to a parabola there (Simpson's rule).
		low, high := pos.Edges[i], pos.Edges[i+1]
		for _, point := range [][2]float64{{low, 1. / 6}, {(low + high) / 2, 4. / 6}, {high, 1. / 6}} {
			margin := logSum - point[0]/τ
			r.Loss += count * point[1] * softplus(margin) / queries
			r.Pull += count * point[1] / (1 + math.Exp(-margin)) / queries
		}
	}
	for at, hardest := range ReplayCounts {
		left := hardest * queries
		for i := len(neg.Rows[0].Counts) - 1; i >= 0 && left > 0; i-- {
			count := neg.Rows[0].Counts[i]
			low, high := neg.Edges[i]-top, neg.Edges[i+1]-top
			if count > left { // the hardest of the bin
				low, count = high-(high-low)*left/count, left
			}
			e, _ := exponential(low, high, τ)
			r.Hardest[at] += count * e / z
			left -= count
		}
	}
	return r, nil
}

// exponential returns the means of exp(s/τ) and of s·exp(s/τ) for s spread evenly from low to high.
func exponential(low, high, τ float64) (mean, weighted float64) {
	if width := (high - low) / τ; width < 1e-4 {
		mean = math.Exp((low + high) / 2 / τ)
		return mean, mean * (low + high) / 2
	}
	a, b := math.Exp(low/τ), math.Exp(high/τ)
	mean = (b - a) * τ / (high - low)
	return mean, (high*b-low*a)*τ/(high-low) - mean*τ
}

func sum(v []float64) (total float64) {
	for _, x := range v {
		total += x
	}
	return total
}

// softplus is log(1 + exp(x)).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
