package methods

import (
	"time"

	"contralens/torch"
)

// Group is how the processes of a world exchange tensors. All of them call the same methods
// in the same order. An exchange that fails panics with a *torch.Error. The groups of package
// torch/dist are some.
type Group interface {
	// AllGather returns the tensors of all processes by rank. They have one shape.
	AllGather(t *torch.Tensor) []*torch.Tensor
	// AllReduceSum replaces each tensor by its sum over all processes.
	AllReduceSum(ts ...*torch.Tensor)
	// Broadcast replaces each tensor by that of the process of rank root.
	Broadcast(root int, ts ...*torch.Tensor)
	// AllToAll sends inRows[r] rows of in to rank r, in order, and writes outRows[r] rows from
	// rank r to out.
	AllToAll(out, in *torch.Tensor, outRows, inRows []int)
}

// Reducer averages gradients over the processes of a world while they are computed, as
// PyTorch's DistributedDataParallel does.
type Reducer interface {
	// Backward propagates the gradients of roots to the parameters, each of which must get one.
	Backward(roots, gradients []*torch.Tensor)
	// Reduce averages gradients that the parameters have already, or that this process lacks. It
	// meets Backward of other processes.
	Reduce()
	// Layout returns the parameters of each bucket, by their indices. With the layout of before,
	// a resumed training rounds as before.
	Layout() [][]int
	Close()
}

// Control is what the processes of a world tell each other in every step, with their
// embeddings.
type Control struct {
	Stop       int           // a number other than 0 asks all to end the training
	Wait       time.Duration // for the images of this step
	Compute    time.Duration // of the step before, without waits for other processes
	Unreadable int           // images so far
	Checksum   uint64        // of the weights, 48 bits; 0: not computed
}

// controls is the number of values of a Control in a tensor.
const controls = 6

// half is 2^24: float32 has all whole numbers up to it.
const half = 1 << 24

func (c Control) values() []float32 {
	return []float32{
		float32(c.Stop), float32(c.Wait.Seconds()), float32(c.Compute.Seconds()), float32(c.Unreadable),
		float32(c.Checksum / half % half), float32(c.Checksum % half),
	}
}

func controlOf(v []float64) Control {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return Control{
		Stop: int(v[0]), Wait: seconds(v[1]), Compute: seconds(v[2]), Unreadable: int(v[3]),
		Checksum: uint64(v[4])*half + uint64(v[5]),
	}
}
