package dist

import (
	"errors"
	"fmt"
	"time"

	"contralens/torch"
)

// syncNorm holds batch norm over the ranks to that of one process with all rows.
func syncNorm(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	var found []error
	for _, c := range []struct {
		name   string
		dtype  torch.Dtype
		shape  []int // of all rows
		counts []int // of the rows of each rank
		bound  float64
	}{
		{"a batch of images", torch.Float64, []int{7, 4, 3, 2}, []int{3, 4, 0}, 1e-12},
		{"vectors", torch.Float64, []int{9, 5}, []int{2, 3, 4}, 1e-12},
		{"float32", torch.Float32, []int{9, 5, 8, 8}, []int{2, 3, 4}, 1e-4},
		{"bfloat16", torch.BFloat16, []int{9, 5, 8, 8}, []int{2, 3, 4}, 0.1},
	} {
		if p.size == 2 {
			c.counts = []int{c.counts[0], c.shape[0] - c.counts[0]}
		}
		if err := holdNorm(g, c.dtype, c.shape, c.counts, c.bound); err != nil {
			found = append(found, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(found...)
}

func holdNorm(g *Group, dtype torch.Dtype, shape, counts []int, bound float64) error {
	const momentum, eps = 0.1, 1e-5
	weights := torch.Float32
	if dtype == torch.Float64 {
		weights = torch.Float64
	}
	channels := shape[1]
	type side struct{ x, weight, bias, mean, variance, y *torch.Tensor }
	half := func(x *torch.Tensor) side {
		leaf := func(t *torch.Tensor) *torch.Tensor { return t.To(weights).SetRequiresGrad(true) }
		return side{
			x: x.SetRequiresGrad(true), weight: leaf(waves(3, 1, channels).AddScalar(2)), bias: leaf(waves(5, 1, channels)),
			mean: waves(1, 1, channels).To(weights), variance: torch.Ones([]int{channels}).To(weights),
		}
	}
	whole := waves(0, 3, shape...).AddScalar(20).To(dtype)
	gradient := waves(77, 1, shape...).To(dtype)
	from := sum(counts[:g.Rank()])
	rows := func(t *torch.Tensor) *torch.Tensor { return t.Narrow(0, from, counts[g.Rank()]) }

	want := half(whole.Clone())
	want.y = want.x.BatchNorm(want.weight, want.bias, want.mean, want.variance, true, momentum, eps)
	want.y.BackwardFrom(gradient)
	got := half(rows(whole).Clone())
	got.y = g.Norm(got.x, got.weight, got.bias, got.mean, got.variance, momentum, eps)
	got.y.BackwardFrom(rows(gradient))
	shares := []*torch.Tensor{got.weight.Grad(), got.bias.Grad()}
	g.AllReduceSum(shares...)

	var found []error
	for _, c := range []struct {
		name      string
		got, want *torch.Tensor
	}{
		{"the output", got.y, rows(want.y)}, {"∂x", got.x.Grad(), rows(want.x.Grad())},
		{"∂weight", shares[0], want.weight.Grad()}, {"∂bias", shares[1], want.bias.Grad()},
		{"the running mean", got.mean, want.mean}, {"the running variance", got.variance, want.variance},
	} {
		if c.got.Dtype() != c.want.Dtype() {
			found = append(found, fmt.Errorf("%s is %v, want %v", c.name, c.got, c.want))
		} else if c.got.Numel() > 0 {
			largest := c.want.To(torch.Float64).Abs().Max().Item()
			off := c.got.To(torch.Float64).Sub(c.want.To(torch.Float64)).Abs().Max().Item()
			if !(off <= bound*max(1, largest)) {
				found = append(found, fmt.Errorf("%s is off by %g of %g", c.name, off, largest))
			}
		}
	}
	// Without running statistics, and without a gradient.
	torch.Inference(func() {
		y := g.Norm(rows(whole), got.weight, got.bias, nil, nil, momentum, eps)
		if y.Numel() > 0 {
			if off := y.To(torch.Float64).Sub(rows(want.y).To(torch.Float64)).Abs().Max().Item(); !(off <= 10*bound) {
				found = append(found, fmt.Errorf("in inference mode the output is off by %g", off))
			}
		}
	})
	return errors.Join(found...)
}
