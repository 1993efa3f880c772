package spectrum

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// A training has settled if all of this holds for a tenth of its planned epochs, at least three
// measurements: at the pace of these measurements a tenth of the training changes fewer than
// settledChurn of the neighbors, and moves rank and alignment by less than settledSlope of their value
// and W₂ by less than settledSlope. Decision 148 has what other values save and lose.
const (
	settledChurn = 0.36
	settledSlope = 0.25
	settledShare = 0.1
)

// SettledEpochs is the number of measurements below which it is never known whether a training has settled.
const SettledEpochs = 3

// Settled reports whether a training that was planned for a number of epochs has settled by its measures
// so far, and says in which sense. Without neighbors of the backbone's features, embeddings or two views
// it is never known.
func Settled(lines []Line, planned int) (why string, settled bool) {
	tenth := settledShare * float64(planned)
	n := 0
	last := 0
	for n < len(lines) {
		l := lines[len(lines)-1-n]
		if n == 0 {
			last = l.Epoch
		}
		if n >= SettledEpochs && float64(last-l.Epoch) > tenth {
			break
		}
		n++
	}
	window := lines[len(lines)-n:]
	if n < SettledEpochs || float64(last-window[0].Epoch) < tenth-1 {
		return "", false
	}
	churn := 0.0
	for i, l := range window {
		v, ok := l.Value("backbone", ChurnName)
		before := len(lines) - n + i - 1 // the line that it was compared with
		for before >= 0 && lines[before].Backbone == nil {
			before--
		}
		if !ok || before < 0 {
			return "", false
		}
		// Neighbors change as in a random walk.
		churn += v * math.Sqrt(tenth/float64(max(1, l.Epoch-lines[before].Epoch))) / float64(n)
	}
	rank, ok1 := slope(window, RankMeName, true)
	align, ok2 := slope(window, AlignmentName, true)
	uniform, ok3 := slope(window, WassersteinName, false)
	if !ok1 || !ok2 || !ok3 || churn >= settledChurn || tenth*max(rank, align, uniform) >= settledSlope {
		return "", false
	}
	why = fmt.Sprintf("since epoch %d a tenth of the training changes %.0f %% of an image's neighbors and moves "+
		"RankMe by %.0f %%, the alignment by %.0f %% and W₂ by %.2f",
		window[0].Epoch, 100*min(churn, 1), 100*tenth*rank, 100*tenth*align, tenth*uniform)
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
