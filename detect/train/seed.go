package train

import "math"

// choices is the seed of the choice of anchors and regions in an iteration. It depends on
// nothing else, so that a run which resumes chooses the same (SplitMix64; Steele et al., 2014).
func choices(seed uint64, iteration int) uint64 {
	z := seed + (uint64(iteration)+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
