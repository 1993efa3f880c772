package rcnn

import (
	"testing"

	"contralens/internal/tensortest"
	"contralens/torch"
)

// rows is a group of a process that others have the rows of. It counts its norms.
type rows struct{ norms, empty int }

func (r *rows) Norm(x, weight, bias, _, _ *torch.Tensor, _, _ float64) *torch.Tensor {
	r.norms++
	if x.Size(0) == 0 {
		r.empty++
	}
	shape := []int{1, x.Size(1)}
	if x.Dim() == 4 {
		shape = append(shape, 1, 1)
	}
	return x.Mul(weight.Reshape(shape...)).Add(bias.Reshape(shape...))
}

func (*rows) AllReduceSum(...*torch.Tensor) {}

// A batch without a region gives every parameter of the heads a gradient of 0. If norms are those
// of several processes, it takes part in each, since the others wait for that, forward and back.
func TestNoRegions(t *testing.T) {
	for _, detector := range []string{C4, FPN} {
		for _, together := range []bool{false, true} {
			tensortest.Run(t, func() {
				m, err := New(small(detector), 3)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Free()
				g := &rows{}
				m.Join(g, together)
				b := smallBatch()
				maps := m.maps(m.images(b))
				before := *g
				var l Losses
				p := m.rpn.forward(maps)
				l.RPNClass, l.RPNBox = m.rpn.losses(p, m.rpn.targets(p.anchors, b.Samples, First))
				if err := m.headLosses(&l, maps, nil, b.Samples); err != nil {
					t.Fatal(err)
				}
				norms, empty := map[string]int{C4: 6, FPN: 8}[detector], g.empty-before.empty
				if !together {
					norms = 0
				}
				if got := g.norms - before.norms; got != norms || empty != norms {
					t.Errorf("%s, together %v: %d norms, %d of them without rows; want %d", detector, together, got, empty, norms)
				}
				for what, loss := range map[string]*torch.Tensor{"class": l.Class, "box": l.Box, "mask": l.Mask} {
					if loss.Item() != 0 {
						t.Errorf("%s, together %v: loss %s is %v", detector, together, what, loss.Item())
					}
				}
				m.Backward(l.Class.Add(l.Box).Add(l.Mask).Add(l.RPNClass).Add(l.RPNBox), func(f func()) { f() })
				for _, e := range m.Trained() {
					g := e.Tensor.Grad()
					if g == nil || isHead(e.Name) && g.Abs().Max().Item() != 0 {
						t.Errorf("%s, together %v: %s has no gradient of 0", detector, together, e.Name)
					}
				}
			})
		}
	}
}
