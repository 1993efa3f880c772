package spectrum

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// A training has settled if all of this holds for a tenth of its planned epochs, at least three
// measurements: fewer than settledChurn of the neighbors change, and the rank and the alignment move by
// less than settledSlope of their value in an epoch, W₂ by less than settledSlope.
const (
	settledChurn  = 0.05
	settledSlope  = 0.01
	settledShare  = 0.1
	settledEpochs = 3 // measurements
)

// Settled reports whether a training that was planned for a number of epochs has settled by its measures
// so far, and says in which sense. Without neighbors of the backbone's features, embeddings or two views
// it is never known.
func Settled(lines []Line, planned int) (why string, settled bool) {
	n := 0
	last := 0
	for n < len(lines) {
		l := lines[len(lines)-1-n]
		if n == 0 {
			last = l.Epoch
		}
		if n >= settledEpochs && float64(last-l.Epoch) > settledShare*float64(planned) {
			break
		}
		n++
	}
	window := lines[len(lines)-n:]
	if n < settledEpochs || float64(last-window[0].Epoch) < settledShare*float64(planned)-1 {
		return "", false
	}
	churn := 0.0
	for i, l := range window {
		v, ok := l.Value("backbone", ChurnName)
		if !ok {
			return "", false
		}
		if at := len(lines) - n + i; at > 0 {
			v /= math.Sqrt(float64(max(1, l.Epoch-lines[at-1].Epoch))) // as of a random walk
		}
		churn = max(churn, v)
	}
	rank, ok1 := slope(window, RankMeName, true)
	align, ok2 := slope(window, AlignmentName, true)
	uniform, ok3 := slope(window, WassersteinName, false)
	if !ok1 || !ok2 || !ok3 || churn >= settledChurn || max(rank, align, uniform) >= settledSlope {
		return "", false
	}
	why = fmt.Sprintf("for %d epochs at most %.1f %% of an image's neighbors changed in an epoch, RankMe moved by "+
		"%.1f %% an epoch, the alignment by %.1f %% and W₂ by %.3f",
		last-window[0].Epoch, 100*churn, 100*rank, 100*align, uniform)
	return why, true
}

// slope returns how far a measure of the embeddings moves in an epoch by a line through the window, as a
// share of its mean if relative. ok is false if an epoch has none.
func slope(window []Line, name string, relative bool) (moved float64, ok bool) {
	var x, y []float64
	for _, l := range window {
		v, ok := l.Value("head", name)
		if !ok {
			return 0, false
		}
		x, y = append(x, float64(l.Epoch)), append(y, v)
	}
	_, moved = stat.LinearRegression(x, y, nil, false)
	if relative {
		moved /= max(math.Abs(stat.Mean(y, nil)), 1e-12)
	}
	return math.Abs(moved), true
}
