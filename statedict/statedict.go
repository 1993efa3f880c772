// Package statedict converts networks and optimizers to the trees of checkpoint files and
// back, with PyTorch's names and layout.
package statedict

import (
	"errors"
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
)

// Tensor copies a tensor of libtorch into one for a file. The element type stays.
func Tensor(t *torch.Tensor) *checkpoint.Tensor {
	return &checkpoint.Tensor{Dtype: t.Dtype().String(), Shape: t.Shape(), Data: t.Bytes()}
}

// source returns a tensor for a file that is copied when the file is written.
func source(t *torch.Tensor) *checkpoint.Source {
	return &checkpoint.Source{Dtype: t.Dtype().String(), Shape: t.Shape(), Fill: t.CopyBytes}
}

// Torch copies a tensor of a file into one of libtorch. The element type stays.
func Torch(t *checkpoint.Tensor) *torch.Tensor { return torch.FromBytes(t.Data, t.Dtype, t.Shape...) }

// Of returns the state dict of a network with a prefix in front of each name (PyTorch's
// DistributedDataParallel writes "module."). Values are copied when a file is written.
func Of(s nn.State, prefix string) checkpoint.OrderedDict {
	var d checkpoint.OrderedDict
	for _, e := range s {
		d = append(d, checkpoint.Item{Key: prefix + e.Name, Value: source(e.Tensor)})
	}
	return d
}

// Load copies the state dict v of a file into a network; other entries of v are ignored.
// It returns an error if a tensor is missing, has another shape, or has values that are NaN
// or infinite. path is for the error message.
func Load(path string, to nn.State, v any, prefix string) error {
	byName := map[string]*checkpoint.Tensor{}
	for _, i := range checkpoint.AsDict(v) {
		if t, ok := i.Value.(*checkpoint.Tensor); ok {
			byName[fmt.Sprint(i.Key)] = t
		}
	}
	for _, e := range to {
		if t := byName[prefix+e.Name]; t != nil {
			if err := t.Finite(path, prefix+e.Name); err != nil {
				return err
			}
		}
	}
	err := to.LoadTensors(func(name string) ([]int, func() *torch.Tensor, error) {
		t := byName[prefix+name]
		if t == nil {
			return nil, nil, errors.New("not in the file")
		}
		return t.Shape, func() *torch.Tensor { return Torch(t) }, nil
	})
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w; was it trained with another architecture, width, stem or head?", path, err)
	}
	return nil
}

// SGD returns the state dict of torch.optim.SGD: the momentum buffers under the indices
// of their parameters, and one group with the settings. Values are copied when a file is
// written.
func SGD(s *optim.SGD, rate float64) checkpoint.Dict {
	if a, ok := s.Rule.(*optim.AdamW); ok {
		return adamw(s, a, rate)
	}
	state := checkpoint.Dict{}
	params := make([]any, len(s.Buffers))
	for i, b := range s.Buffers {
		state = append(state, checkpoint.Item{Key: i, Value: checkpoint.Dict{{Key: "momentum_buffer", Value: source(b)}}})
		params[i] = i
	}
	return checkpoint.Dict{
		{Key: "state", Value: state},
		{Key: "param_groups", Value: []any{checkpoint.Dict{
			{Key: "lr", Value: rate}, {Key: "momentum", Value: s.Momentum}, {Key: "dampening", Value: 0},
			{Key: "weight_decay", Value: s.WeightDecay}, {Key: "nesterov", Value: false}, {Key: "params", Value: params},
		}}},
	}
}

// LoadSGD copies the momentum buffers of the state dict v into s, but not the settings.
// It returns an error, and copies nothing, if a buffer has another shape. path is for the
// error message.
func LoadSGD(path string, s *optim.SGD, v any) error {
	states := checkpoint.AsDict(v).Dict("state")
	a, adam := s.Rule.(*optim.AdamW)
	if of := states.Dict(0); len(of) > 0 && (of.Tensor("exp_avg") != nil) != adam {
		return fmt.Errorf("checkpoint %s: optimizer: want the state of %s, got that of another optimizer; resume with the "+
			"optimizer that the run was trained with", path, map[bool]string{true: "AdamW", false: "SGD or LARS"}[adam])
	}
	if adam {
		return loadAdamW(path, s, a, states)
	}
	momenta := make([]*checkpoint.Tensor, len(s.Buffers))
	for i, b := range s.Buffers {
		m := states.Dict(i).Tensor("momentum_buffer")
		if m != nil && !slices.Equal(m.Shape, b.Shape()) {
			return fmt.Errorf("checkpoint %s: optimizer: momentum of parameter %d: want %v, got %v; were other parameters "+
				"trained?", path, i, b.Shape(), m.Shape)
		}
		momenta[i] = m
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			for i, m := range momenta {
				if m != nil {
					s.Buffers[i].Copy_(Torch(m))
				}
			}
		})
	})
	return nil
}
