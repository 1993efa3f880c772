package optim

import "math"

// Swing is a value that swings between two others, such as the temperature (Kukleva et al.,
// ICLR 2023): high at the start, low after half a period T, and high again,
//
//	low + (high-low) (1+cos(2π t/T)) / 2
//
// t and period are in the same unit.
func Swing(low, high, t, period float64) float64 {
	return low + (high-low)*(1+math.Cos(2*math.Pi*t/period))/2
}

// Rise is the momentum of a key encoder that rises from first to 1 over a training of a
// number of steps (BYOL, Grill et al., 2020):
//
//	1 - (1-first) (1+cos(π step/steps)) / 2
func Rise(first float64, step, steps int) float64 {
	return 1 - (1-first)*(1+math.Cos(math.Pi*float64(step)/float64(steps)))/2
}
