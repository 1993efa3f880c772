// Package peers is what the processes of a world do together with tensors: they exchange rows and
// sums, and agree on how a work ends. It knows no network; package join meets the others through
// libtorch's c10d.
//
// All processes call the same functions in the same order. An exchange that fails panics with a
// *torch.Error.
package peers

import (
	"fmt"

	"contralens/torch"
	"contralens/world"
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

// Peers are the processes that work together, as one of them sees the others. The zero value, and
// nil, are a process alone.
type Peers struct {
	World  world.World
	Group  Group
	Device torch.Device // of the tensors that are exchanged
	// NewReducer makes what averages gradients, with buckets of the given layout, or nil for any.
	NewReducer func(parameters []*torch.Tensor, layout [][]int) (Reducer, error)
	// Names are those of the processes in messages, by rank: "rank 3 (node1)". nil: "rank 3".
	Names []string
	// Alone, if set, runs f in the first process, and lets the others wait for it without a time
	// limit. Without it, they wait in their next exchange.
	Alone func(f func() error) error
	// At, if set, is told in which step this process is, and what it does.
	At func(step int, phase string)
	// Stop, if set, is called when another process has asked all to stop. It ends the context of the
	// work.
	Stop func()
	// Backend is named in checkpoints, such as gloo.
	Backend string
}

// One reports whether there is no other process.
func (p *Peers) One() bool { return p == nil || p.World.Alone() }

// First reports whether this process is the first, which writes and speaks for all.
func (p *Peers) First() bool { return p == nil || p.World.First() }

// Name is a process in messages.
func (p *Peers) Name(rank int) string {
	if rank < len(p.Names) {
		return p.Names[rank]
	}
	return fmt.Sprintf("rank %d", rank)
}

// Tell says which step this process is in, and what it does there: world.Computing, or what it waits
// for, as "images".
func (p *Peers) Tell(step int, phase string) {
	if p != nil && p.At != nil {
		p.At(step, phase)
	}
}

// ByFirst runs f in the first process, while the others wait for it. All return an error if f does.
func (p *Peers) ByFirst(f func() error) error {
	switch {
	case p.One():
		return f()
	case p.Alone != nil:
		return p.Alone(f)
	case p.First():
		return p.Agree(f())
	}
	return p.Agree(nil)
}

// StoppedByFirst is ByFirst for work that may be stopped: stops reports whether an error of it is
// that of a stop, which all processes hear of.
func (p *Peers) StoppedByFirst(f func() error, stops func(error) bool) (stopped bool, err error) {
	asked := 0
	err = p.ByFirst(func() error {
		err := f()
		if err != nil && stops(err) {
			asked = 1
			return nil
		}
		return err
	})
	if err == nil && !p.One() {
		_, asked, _ = p.Loudest(asked, "")
	}
	return asked > 0, err
}

// Failure is the error of another process.
type Failure struct {
	Rank int
	Text string // the whole sentence, which names the process
}

func (f *Failure) Error() string { return f.Text }

// Agree returns an error in every process if err is one in any. Each gets its own, and those
// without one the first process's that has.
func (p *Peers) Agree(err error) error {
	if p.One() {
		return err
	}
	failed, text := 0, ""
	if err != nil {
		failed, text = 1, err.Error()
	}
	rank, most, said := p.Loudest(failed, text)
	if err != nil || most == 0 {
		return err
	}
	return &Failure{rank, fmt.Sprintf("%s: %s", p.Name(rank), said)}
}
