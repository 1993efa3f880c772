package statedict

import (
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/optim"
	"contralens/torch"
)

// adamw is the state dict of torch.optim.AdamW: step, exp_avg and exp_avg_sq under the indices
// of their parameters, and one group with the settings.
func adamw(s *optim.SGD, a *optim.AdamW, rate float64) checkpoint.Dict {
	state, params := checkpoint.Dict{}, make([]any, len(s.Buffers))
	var step float32
	torch.Scoped(func() { step = float32(a.Steps.Item()) })
	for i, b := range s.Buffers {
		state = append(state, checkpoint.Item{Key: i, Value: checkpoint.Dict{
			{Key: "step", Value: checkpoint.FromFloat32([]float32{step})},
			{Key: "exp_avg", Value: source(b)}, {Key: "exp_avg_sq", Value: source(a.Squares[i])},
		}})
		params[i] = i
	}
	return checkpoint.Dict{
		{Key: "state", Value: state},
		{Key: "param_groups", Value: []any{checkpoint.Dict{
			{Key: "lr", Value: rate}, {Key: "betas", Value: []any{s.Momentum, a.Beta}}, {Key: "eps", Value: a.Epsilon},
			{Key: "weight_decay", Value: s.WeightDecay}, {Key: "amsgrad", Value: false}, {Key: "params", Value: params},
		}}},
	}
}

// loadAdamW copies the state of a state dict's parameters into s, or nothing if a shape differs.
func loadAdamW(path string, s *optim.SGD, a *optim.AdamW, states checkpoint.Dict) error {
	type pair struct {
		to   *torch.Tensor
		from *checkpoint.Tensor
	}
	var copies []pair
	steps := 0.0
	for i := range s.Buffers {
		of := states.Dict(i)
		for key, to := range map[string]*torch.Tensor{"exp_avg": s.Buffers[i], "exp_avg_sq": a.Squares[i]} {
			from := of.Tensor(key)
			if from == nil {
				continue
			}
			if !slices.Equal(from.Shape, to.Shape()) {
				return fmt.Errorf("checkpoint %s: optimizer: %s of parameter %d: want %v, got %v; were other parameters trained?",
					path, key, i, to.Shape(), from.Shape)
			}
			copies = append(copies, pair{to, from})
		}
		if step := of.Tensor("step"); step != nil {
			torch.Scoped(func() { steps = Torch(step).Item() })
		}
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			for _, c := range copies {
				c.to.Copy_(Torch(c.from))
			}
			a.Steps.Fill_(steps)
		})
	})
	return nil
}
