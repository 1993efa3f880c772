package dist

import (
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"contralens/torch"
)

// TestGradients holds the Reducer and batch norm over the ranks to one process.
func TestGradients(t *testing.T) {
	run(t, "gradients", 2, false)
	run(t, "gradients", 3, false)
}

// TestFlat takes many steps. Neither memory nor tensors may become more.
func TestFlat(t *testing.T) { run(t, "flat", 2, false) }

// A network has two layers, declared from the last to the first, so that the order of gradients is
// not that of the parameters.
type network struct {
	last, bias, first *torch.Tensor
}

func (n network) parameters() []*torch.Tensor { return []*torch.Tensor{n.first, n.last, n.bias} }

// newNetwork has the same values on all ranks.
func newNetwork(width int, dtype torch.Dtype) network {
	value := func(shape ...int) *torch.Tensor {
		return waves(0, 1/float64(width), shape...).To(dtype).SetRequiresGrad(true)
	}
	return network{last: value(width, 3), bias: value(3), first: value(5, width)}
}

func (n network) out(x *torch.Tensor) *torch.Tensor {
	return x.Matmul(n.first).Tanh().Matmul(n.last).Add(n.bias)
}

// rows are a rank's inputs at a step, and the gradients of its outputs.
func rows(rank, step, count int, dtype torch.Dtype) (x, gradient *torch.Tensor) {
	begin := 100*rank + 1000*step
	return waves(begin, 1, count, 5).To(dtype), waves(begin+7, 1, count, 3).To(dtype)
}

// waves are numbers without a pattern, between -height and height.
func waves(begin int, height float64, shape ...int) *torch.Tensor {
	count := 1
	for _, s := range shape {
		count *= s
	}
	values := make([]float64, count)
	for i := range values {
		values[i] = height * math.Sin(1.7*float64(begin+i))
	}
	return torch.FromFloat64(values, shape...)
}

// plain returns the gradients of one backward pass without a Reducer.
func (n network) plain(x, gradient *torch.Tensor) []*torch.Tensor {
	n.out(x).BackwardFrom(gradient)
	return torch.TakeGrads(n.parameters())
}

// average holds the gradients to the mean over the ranks: of two, bit for bit.
func average(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	n := newNetwork(4, torch.Float64)
	r, err := NewReducer(g, n.parameters(), nil)
	if err != nil {
		return err
	}
	defer r.Close()
	var found []error
	for step := range 4 {
		want := make([]*torch.Tensor, 3)
		for rank := range p.size {
			for i, grad := range n.plain(rows(rank, step, 6, torch.Float64)) {
				part := grad.MulScalar(1 / float64(p.size))
				if want[i] == nil {
					want[i] = part
				} else {
					want[i] = want[i].Add(part)
				}
			}
		}
		x, gradient := rows(p.rank, step, 6, torch.Float64)
		switch step {
		case 2: // two roots: halves of the rows
			r.Backward([]*torch.Tensor{n.out(x.Narrow(0, 0, 2)), n.out(x.Narrow(0, 2, 4))},
				[]*torch.Tensor{gradient.Narrow(0, 0, 2), gradient.Narrow(0, 2, 4)})
		case 3: // passes with idle hooks, then a pass that only reduces
			n.out(x.Narrow(0, 0, 2)).BackwardFrom(gradient.Narrow(0, 0, 2))
			n.out(x.Narrow(0, 2, 4)).BackwardFrom(gradient.Narrow(0, 2, 4))
			r.Reduce()
		default:
			r.Backward([]*torch.Tensor{n.out(x)}, []*torch.Tensor{gradient})
		}
		for i, got := range torch.TakeGrads(n.parameters()) {
			if p.size == 2 && step < 2 {
				found = append(found, equal(fmt.Sprintf("step %d, parameter %d", step, i), got, want[i]))
			} else if off := got.Sub(want[i]).Abs().Max().Item(); !(off < 1e-13) {
				found = append(found, fmt.Errorf("step %d, parameter %d: off by %g", step, i, off))
			}
		}
	}
	// Two passes without clearing: means add up.
	x, gradient := rows(p.rank, 0, 6, torch.Float64)
	for range 2 {
		r.Backward([]*torch.Tensor{n.out(x)}, []*torch.Tensor{gradient})
	}
	twice := torch.TakeGrads(n.parameters())
	r.Backward([]*torch.Tensor{n.out(x)}, []*torch.Tensor{gradient})
	for i, once := range torch.TakeGrads(n.parameters()) {
		if off := twice[i].Sub(once.MulScalar(2)).Abs().Max().Item(); !(off < 1e-13) {
			found = append(found, fmt.Errorf("two passes, parameter %d: off by %g", i, off))
		}
	}
	return errors.Join(found...)
}

// restoreLayout goes on with the layout of an earlier Reducer: bit for bit, which another
// layout does not.
func restoreLayout(p place) error {
	if p.size < 3 {
		return nil // the sum of two numbers has one rounding
	}
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	n := newNetwork(301, torch.Float32)
	steps := func(layout Layout, from, to int) ([]*torch.Tensor, Layout, error) {
		r, err := NewReducer(g, n.parameters(), layout)
		if err != nil {
			return nil, nil, err
		}
		defer r.Close()
		var all []*torch.Tensor
		for step := from; step < to; step++ {
			x, gradient := rows(p.rank, step, 16, torch.Float32)
			r.Backward([]*torch.Tensor{n.out(x)}, []*torch.Tensor{gradient})
			all = append(all, torch.TakeGrads(n.parameters())...)
		}
		return all, r.Layout(), nil
	}
	whole, layout, err := steps(nil, 0, 4)
	if err != nil {
		return err
	}
	if layout.check(3) != nil || reflect.DeepEqual(layout, Layout{{0, 1, 2}}) {
		return fmt.Errorf("the layout is %v", layout)
	}
	again, same, err := steps(layout, 1, 4)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(layout, same) {
		return fmt.Errorf("the layout was %v and is %v", layout, same)
	}
	other, _, err := steps(Layout{{0}, {2}, {1}}, 1, 2)
	if err != nil {
		return err
	}
	differ := false
	for i, got := range again {
		if err := equal("with the layout again", got, whole[3+i]); err != nil {
			return err
		}
	}
	for i, got := range other {
		differ = differ || equal("", got, whole[3+i]) != nil
	}
	if !differ {
		return errors.New("another layout gave the same bits, so this test shows nothing")
	}
	for _, bad := range []Layout{{{0, 1}}, {{0, 1}, {1}}, {{0, 1, 3}}, {{0, 1, 2, 3}}} {
		if _, err := NewReducer(g, n.parameters(), bad); err == nil {
			return fmt.Errorf("the layout %v was taken", bad)
		}
	}
	return nil
}

// missing leaves a parameter out of the pass.
func missing(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	n := newNetwork(4, torch.Float64)
	r, err := NewReducer(g, n.parameters(), nil)
	if err != nil {
		return err
	}
	x, _ := rows(p.rank, 0, 6, torch.Float64)
	root := x.Matmul(n.first)
	err = torch.Run(func() error {
		r.Backward([]*torch.Tensor{root}, []*torch.Tensor{torch.OnesLike(root)})
		return nil
	})
	if err == nil || !Failed(err) || !strings.Contains(err.Error(), "parameters without any gradient: 1 2") {
		return fmt.Errorf("want an error that names parameters 1 and 2, got %w", err)
	}
	return nil
}

// mixed gives the ranks different parameters. All of them must get the same error.
func mixed(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		width, count int
		want         string
	}{
		{4 + min(p.rank, 1), 2, "reducer: parameter 0 is float64[5 4] on rank 0, float64[5 5] on rank 1"},
		{4, 1 + min(p.rank, 1), "reducer: rank 0 has 1 parameters, rank 1 has 2"},
	} {
		_, err := NewReducer(g, newNetwork(c.width, torch.Float64).parameters()[:c.count], nil)
		if err == nil || err.Error() != c.want {
			return fmt.Errorf("want %q, got %w", c.want, err)
		}
	}
	return nil
}

// flat takes steps and compares what the process holds after few and after many.
func flat(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	n := newNetwork(4, torch.Float32)
	r, err := NewReducer(g, n.parameters(), nil)
	if err != nil {
		return err
	}
	defer r.Close()
	var early, tensors int
	for step := range 2000 {
		torch.Scoped(func() {
			x, gradient := rows(p.rank, step, 6, torch.Float32)
			y := n.out(x)
			g.Gather(y)
			in := torch.OnesLike(x)
			g.AllToAll(in, x, []int{3, 3}, []int{3, 3})
			r.Backward([]*torch.Tensor{y}, []*torch.Tensor{gradient})
			torch.TakeGrads(n.parameters())
		})
		if step == 400 {
			if early, err = resident(); err != nil {
				return err
			}
			tensors = torch.LiveTensors()
		}
	}
	late, err := resident()
	if err != nil {
		return err
	}
	if late-early > 4<<20 || torch.LiveTensors() != tensors {
		return fmt.Errorf("1,600 steps took %d bytes, and %d tensors became %d", late-early, tensors, torch.LiveTensors())
	}
	return nil
}

// resident is the memory of this process in bytes.
func resident() (int, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize(), err
}
