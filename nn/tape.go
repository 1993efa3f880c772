package nn

import "contralens/torch"

// Tape has the pieces of a forward pass that keep for the backward pass nothing but
// their inputs: when its turn comes, a piece runs once more, this time recorded
// (activation check-pointing; Chen et al., 2016). That takes the time of a second
// forward pass, and the memory of one piece instead of all.
//
// Values are those without a tape, bit for bit, and so are gradients, unless more than
// two of them are added up for a parameter: their order may be another. A piece must
// compute the same each time; batch norm's running statistics move the first time only.
type Tape struct{ pieces []piece }

// piece was run on in; the loss's derivative arrives at out, a leaf.
type piece struct {
	in, out *torch.Tensor
	run     func(x *torch.Tensor) *torch.Tensor
}

// recomputing is set while a tape runs its pieces once more.
var recomputing bool

// Pass is f(x) as a piece of the tape. It takes x over, and the result is the
// tape's as well. On a nil tape, and where nothing is recorded, it is f(x) alone.
func (t *Tape) Pass(x *torch.Tensor, f func(x *torch.Tensor) *torch.Tensor) (y *torch.Tensor) {
	if t == nil || !torch.GradEnabled() {
		y = f(x)
		x.Free()
		return y
	}
	torch.NoGrad(func() { y = torch.Scoped1(func() *torch.Tensor { return f(x) }) })
	t.pieces = append(t.pieces, piece{x.Keep(), y.Keep().SetRequiresGrad(true), f})
	return y
}

// Backward takes the gradients that a loss's Backward has left at the ends of the
// tape to its beginnings, and empties it. Pieces run inside recorded, a function
// that gives them the precision they had. A piece may put pieces of its own on the
// tape.
func (t *Tape) Backward(recorded func(f func())) {
	recomputing = true
	defer func() { recomputing = false }()
	for n := len(t.pieces); n > 0; n = len(t.pieces) {
		p := t.pieces[n-1]
		t.pieces = t.pieces[:n-1]
		torch.Scoped(func() {
			gradient := p.out.Grad()
			p.out.Free()
			if gradient == nil { // nothing of the loss came from it
				return
			}
			var y *torch.Tensor
			recorded(func() { y = p.run(p.in) })
			y.BackwardFrom(gradient)
		})
		// Where the input is the piece before's result, its gradient is there by now and
		// that piece's to take.
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
