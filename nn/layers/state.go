package layers

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"contralens/torch"
)

// Entry is one named tensor of a network: a parameter, or a buffer such as
// batch norm's running statistics.
type Entry struct {
	Name   string
	Tensor *torch.Tensor
	Buffer bool
	Stage  int // stage of its layer; see Modes
}

// State lists a network's tensors in the order of PyTorch's state_dict. The tensors are
// the network's own, not copies.
type State []Entry

// Parameters returns the trained tensors in the order in which PyTorch's optimizers
// number them.
func (s State) Parameters() []*torch.Tensor {
	var p []*torch.Tensor
	for _, e := range s {
		if !e.Buffer {
			p = append(p, e.Tensor)
		}
	}
	return p
}

// NamedParameters returns the trained tensors and their names, in the order of
// Parameters.
func (s State) NamedParameters() iter.Seq2[string, *torch.Tensor] {
	return func(yield func(string, *torch.Tensor) bool) {
		for _, e := range s {
			if !e.Buffer && !yield(e.Name, e.Tensor) {
				return
			}
		}
	}
}

// Shapes maps each name to the shape of its tensor.
func (s State) Shapes() map[string][]int {
	shapes := make(map[string][]int, len(s))
	for _, e := range s {
		shapes[e.Name] = e.Tensor.Shape()
	}
	return shapes
}

// Load copies float32 values into every tensor of the state. lookup and errors are as
// for LoadTensors.
func (s State) Load(lookup func(name string) (shape []int, values []float32, err error)) error {
	return s.LoadTensors(func(name string) ([]int, func() *torch.Tensor, error) {
		shape, values, err := lookup(name)
		return shape, func() *torch.Tensor { return torch.FromFloat32(values, shape...) }, err
	})
}

// LoadTensors copies a tensor into every tensor of the state, converting it to the type
// of the state. lookup returns the shape of a name, and a function that makes its
// tensor when needed. All names are checked before anything is copied; the error lists
// the first few that are missing or have another shape.
func (s State) LoadTensors(lookup func(name string) (shape []int, tensor func() *torch.Tensor, err error)) error {
	tensors := make([]func() *torch.Tensor, len(s))
	var wrong []string
	for i, e := range s {
		shape, t, err := lookup(e.Name)
		switch want := e.Tensor.Shape(); {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", e.Name, err))
		case !slices.Equal(shape, want):
			wrong = append(wrong, fmt.Sprintf("%s: want %v, got %v", e.Name, want, shape))
		}
		tensors[i] = t
	}
	if len(wrong) > 0 {
		more := ""
		if len(wrong) > 3 {
			wrong, more = wrong[:3], fmt.Sprintf(" and %d more", len(wrong)-3)
		}
		return fmt.Errorf("%s%s", strings.Join(wrong, "; "), more)
	}
	torch.NoGrad(func() {
		for i, e := range s {
			torch.Scoped(func() { e.Tensor.Copy_(tensors[i]()) })
		}
	})
	return nil
}

// CopyFrom copies the tensors of a state with the same names and shapes.
func (s State) CopyFrom(from State) {
	torch.NoGrad(func() {
		for i, e := range s {
			e.Tensor.Copy_(from[i].Tensor)
		}
	})
}

// Free releases all tensors.
func (s State) Free() {
	for _, e := range s {
		e.Tensor.Free()
	}
}
