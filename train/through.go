package train

import (
	"contralens/methods"
	"contralens/torch"
	"contralens/torch/dist"
)

// Through returns the peers in a group.
func Through(g *dist.Group) Peers {
	return Peers{
		Group: g, Backend: g.Backend(),
		NewReducer: func(parameters []*torch.Tensor, layout [][]int) (methods.Reducer, error) {
			r, err := dist.NewReducer(g, parameters, layout)
			return reducer{r}, err
		},
	}
}

type reducer struct{ *dist.Reducer }

// Layout returns the parameters of each bucket.
func (r reducer) Layout() [][]int { return r.Reducer.Layout() }
