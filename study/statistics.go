package study

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Confidence is the level of all intervals.
const Confidence = 0.95

// Method names the intervals of a report.
const Method = "95 % confidence intervals by Student's t over seeds, on the same test images; " +
	"differences are paired by seed"

// Estimate is the mean of values with its confidence interval,
//
//	mean ± t s/√n,
//
// where s is the sample standard deviation (divisor n-1) and t the quantile of Student's
// distribution with n-1 degrees of freedom (Student, "The Probable Error of a Mean", 1908). One
// value has no interval.
type Estimate struct {
	N    int      `json:"n"`
	Mean float64  `json:"mean"`
	Low  *float64 `json:"low"` // nil for fewer than two values
	High *float64 `json:"high"`
}

// NewEstimate returns the estimate from values; without any, N is 0.
func NewEstimate(values []float64) Estimate {
	n := len(values)
	if n == 0 {
		return Estimate{}
	}
	if n == 1 {
		return Estimate{N: 1, Mean: values[0]}
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile((1 + Confidence) / 2)
	half := t * deviation / math.Sqrt(float64(n))
	return Estimate{n, mean, new(mean - half), new(mean + half)}
}

// differences returns the differences of values and others that have the same seed.
func differences(values, others []Score) (all []Score) {
	bySeed := map[uint64]float64{}
	for _, o := range others {
		bySeed[o.Seed] = o.Value
	}
	for _, v := range values {
		if other, ok := bySeed[v.Seed]; ok {
			all = append(all, Score{v.Seed, v.Value - other})
		}
	}
	return all
}

// Score is a value of a cell.
type Score struct {
	Seed  uint64  `json:"seed"`
	Value float64 `json:"value"`
}

func estimate(scores []Score) Estimate {
	var values []float64
	for _, s := range scores {
		values = append(values, s.Value)
	}
	return NewEstimate(values)
}
