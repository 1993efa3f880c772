package layers

import "contralens/torch"

// Tape holds the pieces of a forward pass that keep nothing but their inputs for the
// backward pass. When its turn comes, a piece runs once more, this time recorded
// (activation checkpointing; Chen et al., 2016). This costs the time of a second forward
// pass and needs the memory of one piece instead of all.
//
// Values are those without a tape, bit for bit. So are gradients, unless more than two
// of them are added up for a parameter: their order may differ. A piece must compute the
// same each time; batch norm's running statistics move the first time only.
type Tape struct{ pieces []piece }

// piece was run on in; the loss's derivative arrives at out, a leaf.
type piece struct {
	in, out *torch.Tensor
	run     func(x *torch.Tensor) *torch.Tensor
}

// recomputing is set while a tape runs its pieces again.
var recomputing bool

// Pass returns f(x) as a piece of the tape. It takes ownership of x, and the tape owns
// the result until the backward pass. On a nil tape, and where autograd records nothing,
// it only frees x, and the result is the caller's.
func (t *Tape) Pass(x *torch.Tensor, f func(x *torch.Tensor) *torch.Tensor) (y *torch.Tensor) {
	y = t.Branch(x, f)
	if !t.records() {
		x.Free()
	}
	return y
}

// Branch is Pass for an x that is needed afterwards, such as a stage's output: where
// there is no tape, x stays the caller's.
func (t *Tape) Branch(x *torch.Tensor, f func(x *torch.Tensor) *torch.Tensor) (y *torch.Tensor) {
	if !t.records() {
		return f(x)
	}
	torch.NoGrad(func() { y = torch.Scoped1(func() *torch.Tensor { return f(x) }) })
	t.pieces = append(t.pieces, piece{x.Keep(), y.Keep().SetRequiresGrad(true), f})
	return y
}

func (t *Tape) records() bool { return t != nil && torch.GradEnabled() }

// Backward carries the gradients that a loss's Backward has left at the ends of the tape
// to its beginnings, and empties it. Pieces run inside recorded, a function that gives
// them the precision they had. A piece may put pieces of its own on the tape.
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
		// An input that is the result of the piece before stays: that piece takes its gradient.
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
