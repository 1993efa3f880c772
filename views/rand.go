package views

import "math/rand/v2"

// Rand is the stream of random numbers of one view. It depends only on its key, so a
// view is the same whichever worker draws it.
type Rand struct {
	pcg rand.PCG
	*rand.Rand
}

// NewRand makes the stream for the key (seed, epoch, image index, view).
func NewRand(seed uint64, epoch, index, view int) *Rand {
	r := &Rand{}
	r.Rand = rand.New(&r.pcg)
	r.Reset(seed, epoch, index, view)
	return r
}

// Reset makes r the stream for another key without allocating.
func (r *Rand) Reset(seed uint64, epoch, index, view int) {
	a := mix(seed + 0x9E3779B97F4A7C15*uint64(epoch+1))
	b := mix(a ^ uint64(index)<<8 ^ uint64(view))
	r.pcg.Seed(a, b)
}

// mix is the output function of SplitMix64 (Steele et al., 2014).
func mix(z uint64) uint64 {
	z += 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *Rand) uniform(low, high float64) float64 { return low + (high-low)*r.Float64() }
