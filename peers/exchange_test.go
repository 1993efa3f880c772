package peers

import (
	"slices"
	"testing"

	"contralens/torch"
	"contralens/world"
)

// answers are what the other process of a pair gives to each exchange.
type answers struct {
	Group
	values [][]int64
}

func (a *answers) AllGather(t *torch.Tensor) []*torch.Tensor {
	next := a.values[0]
	a.values = a.values[1:]
	return []*torch.Tensor{t, torch.FromInt64(next, len(next))}
}

// An image that two processes have met counts once.
func TestUnion(t *testing.T) {
	if err := torch.Run(func() error {
		for _, c := range []struct {
			own, want []int
			other     [][]int64
		}{
			{nil, nil, [][]int64{{0}}},
			{[]int{3, 9, 20}, []int{3, 9, 20, 40}, [][]int64{{2}, {40, 9, -1}}},
			{nil, []int{0}, [][]int64{{1}, {0}}},
		} {
			p := &Peers{World: world.World{Size: 2}, Group: &answers{values: c.other}}
			if got := p.Union(c.own); !slices.Equal(got, c.want) {
				t.Errorf("%v with %v: %v, want %v", c.own, c.other, got, c.want)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
