package methods

import (
	"time"

	"contralens/peers"
)

// Group is how the processes of a world exchange tensors.
type Group = peers.Group

// Reducer averages their gradients.
type Reducer = peers.Reducer

// Control is what the processes of a world tell each other in every step, with their
// embeddings.
type Control struct {
	Stop     int           // a number other than 0 asks all to end the training
	Wait     time.Duration // for the images of this step
	Compute  time.Duration // of the step before, without waits for other processes
	Checksum uint64        // of the weights, 48 bits; 0: not computed
}

// half is 2^24: float32 has all whole numbers up to it.
const half = 1 << 24

func (c Control) values() []float32 {
	return []float32{
		float32(c.Stop), float32(c.Wait.Seconds()), float32(c.Compute.Seconds()),
		float32(c.Checksum / half % half), float32(c.Checksum % half),
	}
}

func controlOf(v []float64) Control {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return Control{
		Stop: int(v[0]), Wait: seconds(v[1]), Compute: seconds(v[2]),
		Checksum: uint64(v[3])*half + uint64(v[4]),
	}
}
