package ft_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"contralens/contrast/ft"
)

// draws are samples of Beta(α, α).
func draws(α float64, n int) (x []float64) {
	d := distuv.Beta{Alpha: α, Beta: α, Src: rand.New(rand.NewPCG(1, 2))}
	for range n {
		x = append(x, d.Rand())
	}
	return x
}

// What Choose aims at holds for samples of λ: the share of positives above negatives, and the
// hardest negative that meets the mean positive.
func TestChoose(t *testing.T) {
	const n = 200_000
	for name, s := range map[string]ft.Scores{
		"well apart":     {Positive: 0.9, Negative: 0.02, Hardest: 0.55},
		"hard negatives": {Positive: 0.85, Negative: 0.1, Hardest: 0.7},
		"just apart":     {Positive: 0.75, Negative: 0, Hardest: 0.5},
	} {
		got := ft.Paper().Choose(s)
		if !got.Positive.On || !got.Negative.On {
			t.Fatalf("%s: %v", name, got)
		}
		above, mean := 0.0, 0.0
		for _, x := range draws(got.Positive.Alpha, n) {
			positive := s.Positive - 2*x*(1+x)*(1-s.Positive)
			mean += positive / n
			if positive > s.Negative {
				above += 1.0 / n
			}
		}
		if above < 0.945 || got.Positive.Alpha > 0.5 && above > 0.955 {
			t.Errorf("%s: with α %v, %.3f of the positives are above negatives", name, got.Positive.Alpha, above)
		}
		hardest := s.Negative
		for _, λ := range draws(got.Negative.Alpha, n) {
			hardest += (s.Hardest - s.Negative) * math.Max(λ, 1-λ) / n
		}
		switch α := got.Negative.Alpha; {
		case α == 0.5 && hardest < mean+0.01, α == 16 && hardest > mean-0.01:
		case math.Abs(hardest-mean) > 0.01:
			t.Errorf("%s: with α %v, the hardest negative is at %.3f, the mean positive at %.3f", name, α, hardest, mean)
		}
	}
}

// Scores that are not apart leave positives as they are; sides that are off stay off.
func TestChooseSides(t *testing.T) {
	near := ft.Scores{Positive: 0.5, Negative: 0.2, Hardest: 0.6}
	if got := ft.Paper().Choose(near); got.Positive.On || !got.Negative.On {
		t.Errorf("near scores: %v", got)
	}
	far := ft.Scores{Positive: 0.95, Negative: 0, Hardest: 0.3}
	got := ft.Transform{Positive: ft.Paper().Positive}.Choose(far)
	if !got.Positive.On || got.Negative.On {
		t.Errorf("positives alone: %v", got)
	}
	if α := got.Positive.Alpha; α != 0.5 {
		t.Errorf("far apart: α %v, want the smallest", α)
	}
}

// The chosen temperature makes half of normal scores count.
func TestChooseTemperature(t *testing.T) {
	const σ, τ = 0.15, 0.2
	s := ft.Scores{Share: math.Exp(-σ * σ / (2 * τ * τ))}
	if got, want := s.ChooseTemperature(τ), σ/math.Sqrt(2*math.Ln2); math.Abs(got-want) > 0.001 {
		t.Errorf("τ %v, want %v", got, want)
	}
	for share, want := range map[float64]float64{0: τ, 1: 0.03, 1e-300: 1} {
		if got := (ft.Scores{Share: share}).ChooseTemperature(τ); got != want {
			t.Errorf("share %v: τ %v, want %v", share, got, want)
		}
	}
}
