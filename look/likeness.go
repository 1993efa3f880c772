package look

import (
	"math"
	"math/rand/v2"
	"slices"
)

const (
	// alikeMedian is the correlation of random pairs from which a dataset counts as alike:
	// scans, centered objects, a fixed camera. In photos of all kinds it is about 0.
	alikeMedian = 0.25
	fewestAlike = 100       // images from which that is decided
	medianPairs = 4001      // random pairs behind the median
	mostPairs   = 2_000_000 // random pairs behind the limit of a dataset that is alike
	chancePairs = 3         // of these may reach the limit
)

// likeness returns the correlation from which images of a dataset are near-duplicates: the
// usual one, or if the dataset is alike, one that next to no random pair reaches.
func likeness(photos []*photo, which []int, seed uint64) (least float64, alike bool) {
	if len(which) < fewestAlike {
		return nearCorrelation, false
	}
	rng := rand.New(rand.NewPCG(seed, 0x616c696b65))
	draw := func() float64 {
		i, j := rng.IntN(len(which)), rng.IntN(len(which)-1)
		if j >= i {
			j++
		}
		return correlate(photos[which[i]].fingerprint, photos[which[j]].fingerprint)
	}
	sample := make([]float64, medianPairs)
	for i := range sample {
		sample[i] = draw()
	}
	if median(sample) < alikeMedian {
		return nearCorrelation, false
	}
	var highest [chancePairs]float64 // in rising order
	// A quarter of all pairs: a single copy is not drawn often enough to count as usual.
	for range min(mostPairs, len(which)*(len(which)-1)/8) {
		if c := draw(); c > highest[0] {
			highest[0] = c
			slices.Sort(highest[:])
		}
	}
	return max(nearCorrelation, math.Nextafter(highest[0], 2)), true
}
