// Package nn has the layers of contrastive training: the ResNet family, the
// projection heads, and state dicts with PyTorch's names and shapes.
//
// A layer's Forward frees the tensors it makes on the way as soon as autograd
// allows; its input belongs to the caller. Shape mistakes panic with a
// *torch.Error, as package torch describes.
package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
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
}

// State is a network's tensors in PyTorch's state_dict order. The tensors are
// the network's own, not copies.
type State []Entry

// Parameters are the trained tensors, in the order in which PyTorch's
// optimizers number them.
func (s State) Parameters() []*torch.Tensor {
	var p []*torch.Tensor
	for _, e := range s {
		if !e.Buffer {
			p = append(p, e.Tensor)
		}
	}
	return p
}

// Shapes maps each name to its shape.
func (s State) Shapes() map[string][]int {
	shapes := make(map[string][]int, len(s))
	for _, e := range s {
		shapes[e.Name] = e.Tensor.Shape()
	}
	return shapes
}

// Load copies float32 values into every tensor of the state, as LoadTensors does.
func (s State) Load(lookup func(name string) (shape []int, values []float32, err error)) error {
	return s.LoadTensors(func(name string) ([]int, func() *torch.Tensor, error) {
		shape, values, err := lookup(name)
		return shape, func() *torch.Tensor { return torch.FromFloat32(values, shape...) }, err
	})
}

// LoadTensors copies a tensor into every tensor of the state, converted to its
// type. lookup gives the shape of a name and makes its tensor when it is needed.
// All names are checked before anything is copied; the error names the first few
// that are missing or have another shape.
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

// builder makes the tensors of a network and remembers them under their names.
type builder struct {
	prefix string
	state  *State
	rng    *rand.Rand
	format torch.MemoryFormat
	device torch.Device
	train  *bool
	groups int // of batch norm
	double bool
	// shapesOnly leaves parameters unset: for counting and comparing shapes.
	shapesOnly bool
}

func (b builder) at(name string) builder {
	b.prefix += name + "."
	return b
}

func (b builder) add(name string, buffer bool, t *torch.Tensor) *torch.Tensor {
	t = t.ToDevice(b.device)
	if b.double && t.Dtype() == torch.Float32 {
		t = t.To(torch.Float64)
	}
	if t.Dim() == 4 {
		t = t.Contiguous(b.format)
	}
	t.Keep()
	if !buffer {
		t.SetRequiresGrad(true)
	}
	*b.state = append(*b.state, Entry{Name: b.prefix + name, Tensor: t, Buffer: buffer})
	return t
}

func (b builder) parameter(name string, shape []int, value func() float64) *torch.Tensor {
	if b.shapesOnly {
		return b.add(name, false, torch.Empty(shape))
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(value())
	}
	return b.add(name, false, torch.FromFloat32(values, shape...))
}

// kaimingNormal is He et al.'s initialization for ReLU, by fan-out.
func (b builder) kaimingNormal(fanOut int) func() float64 {
	std := math.Sqrt(2 / float64(fanOut))
	return func() float64 { return std * b.rng.NormFloat64() }
}

// uniform is PyTorch's default for linear layers: U(-1/√in, 1/√in).
func (b builder) uniform(in int) func() float64 {
	bound := 1 / math.Sqrt(float64(in))
	return func() float64 { return bound * (2*b.rng.Float64() - 1) }
}

func constant(v float64) func() float64 { return func() float64 { return v } }
