package layers

import "contralens/torch"

// Tape records pieces of a forward pass that store only their inputs for the backward
// pass. In the backward pass each piece runs again, this time recorded by autograd
// (activation checkpointing; Chen et al., 2016). This costs the time of a second
// forward pass and needs the memory of one piece instead of all.
//
// Values are the same as without a tape, bit for bit. So are gradients, unless more
// than two of them are added for one parameter, because their order may differ. A piece
// must compute the same each time; batch norm's running statistics are updated only the
// first time.
type Tape struct {
	// Off makes Pass and Branch plain calls, as for a nil tape, so that autograd records some
	// stages of a network and the tape others.
	Off bool

	pieces []piece
}

// piece was run on in. The gradient of the loss arrives at out, a leaf.
type piece struct {
	in, out *torch.Tensor
	run     func(x *torch.Tensor) *torch.Tensor
}

// recomputing is true while a tape runs its pieces again.
var recomputing bool

// Pass returns f(x) as a piece of the tape. It takes ownership of x, and the tape owns
// the result until the backward pass. If the tape is nil or Off or autograd records
// nothing, it only frees x, and the caller owns the result.
func (t *Tape) Pass(x *torch.Tensor, f func(x *torch.Tensor) *torch.Tensor) (y *torch.Tensor) {
	y = t.Branch(x, f)
	if !t.records() {
		x.Free()
	}
	return y
}

// Branch is Pass for an x that is needed afterwards, such as a stage's output: without
// a tape, the caller keeps x.
func (t *Tape) Branch(x *torch.Tensor, f func(x *torch.Tensor) *torch.Tensor) (y *torch.Tensor) {
	if !t.records() {
		return f(x)
	}
	torch.NoGrad(func() { y = torch.Scoped1(func() *torch.Tensor { return f(x) }) })
	t.pieces = append(t.pieces, piece{x.Keep(), y.Keep().SetRequiresGrad(true), f})
	return y
}

func (t *Tape) records() bool { return t != nil && !t.Off && torch.GradEnabled() }

// Records reports whether there are pieces for Backward to run.
func (t *Tape) Records() bool { return len(t.pieces) > 0 }

// Backward propagates the gradients that the loss's Backward left at the ends of the
// tape to its beginnings, and empties it. Pieces run inside recorded, which restores
// their precision. A piece may add pieces of its own to the tape.
func (t *Tape) Backward(recorded func(f func())) {
	recomputing = true
	defer func() { recomputing = false }()
	for n := len(t.pieces); n > 0; n = len(t.pieces) {
		p := t.pieces[n-1]
		t.pieces = t.pieces[:n-1]
		torch.Scoped(func() {
			gradient := p.out.Grad()
			p.out.Free()
			if gradient == nil { // the loss does not depend on it
				return
			}
			var y *torch.Tensor
			recorded(func() { y = p.run(p.in) })
			y.BackwardFrom(gradient)
		})
		// If the input is the result of the piece before, keep it: that piece needs its
		// gradient.
		if n == 1 || t.pieces[n-2].out != p.in {
			p.in.Free()
		}
	}
}

// Drop empties the tape without a backward pass.
func (t *Tape) Drop() {
	for _, p := range t.pieces {
		p.in.Free()
		p.out.Free()
	}
	t.pieces = nil
}
