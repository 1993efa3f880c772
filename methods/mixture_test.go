package methods

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// The loss of mixed images and its gradient equal their definition: i-Mix in place of the
// query, Un-Mix beside it, with a queue, a bank and a batch. With a queue and a bank also
// with the feature transformation, and with a queue in both directions.
func TestMixtureDefinition(t *testing.T) {
	both := ft.Transform{
		Positive: ft.Side{On: true, Uniform: true, Extrapolate: true, Elementwise: true},
		Negative: ft.Side{On: true, Uniform: true, Elementwise: true, Normalize: true},
	}
	for name, o := range map[string]Options{
		"i-Mix":           {Memory: "moco", Mixture: Mixture{"imix", 1}},
		"i-Mix FT":        {Memory: "moco", Mixture: Mixture{"imix", 1}, Transform: both},
		"Un-Mix":          {Memory: "moco", Mixture: Mixture{"unmix", 0.7}},
		"symmetric i-Mix": {Memory: "moco", Mixture: Mixture{"imix", 1}, Symmetric: true},
		"bank Un-Mix FT":  {Memory: "bank", Mixture: Mixture{"unmix", 1}, Transform: both},
		"batch i-Mix":     {Memory: "batch", Mixture: Mixture{"imix", 1}},
		"batch Un-Mix":    {Memory: "batch", Mixture: Mixture{"unmix", 0.7}},
		"CMC i-Mix batch": {Memory: "batch", Mixture: Mixture{"imix", 1}, Net: nn.Config{Modal: "CMC"}},
	} {
		t.Run(name, func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1) // such small tensors gain nothing from more
				m, b := beginning(t, o)
				defer m.Free()
				s := find(m, b)
				draws := &counted{fixed: s.random}
				b.Random = draws
				n, branches := b.Len(), len(s.u)
				told, of := 0.0, torch.Zeros(nil, torch.Options{Dtype: torch.Float64}) // the loss in the log, and the whole
				add := func(weight float64, q, k *torch.Tensor, target int, logged bool) {
					var met meeting
					if o.Memory == "batch" {
						met = s.within(q, k)
					} else {
						met = s.contrast(q, k, s.negatives[target], s.random.Transform(n, m.K, q.Size(1)))
					}
					of = of.AddScaled(met.loss, weight)
					if logged {
						told += weight * met.loss.Item()
					}
				}
				direction := func(crop *torch.Tensor, u, keys []*torch.Tensor) {
					x := m.mix(crop, b.Random)
					mixed := crop.MulScalar(x.λ).AddScaled(crop.IndexSelect(0, x.order), 1-x.λ)
					p := m.Query.Forward(mixed).To(torch.Float64)
					for i := range branches {
						target, d := branches-1-i, m.Net.FeatDim
						if o.Mixture.Kind == "unmix" {
							add(1, u[i], keys[target], target, true)
						}
						q := p.Narrow(1, i*d, d)
						add(x.λ, q, keys[target], target, o.Mixture.Kind == "imix")
						add(1-x.λ, q, keys[target].IndexSelect(0, x.order), target, o.Mixture.Kind == "imix")
					}
				}
				keys := s.v // of a batch
				if s.keys != nil {
					keys = s.keys
				}
				direction(b.Crops[0], s.u, keys)
				contrasts := branches
				if o.Symmetric {
					direction(b.Crops[1], s.v, s.otherKeys)
					contrasts *= 2
				}
				of.Backward()
				want := takeGradients(m)

				out := m.Method.Forward(b)
				m.Backward(out.Loss)
				golden.Near(t, "gradient", takeGradients(m), want, 2e-4)
				numeric.Near(t, "loss", out.Loss.Item(), of.Item(), 1e-4*math.Abs(of.Item()))
				numeric.Near(t, "loss in the log", out.Value, told/float64(contrasts), 1e-4*math.Abs(told))
				if o.Mixture.Kind == "unmix" {
					contrasts *= 2
				}
				if draws.calls != contrasts {
					t.Errorf("%d draws of λ and π, want %d: one for both keys of a mixed query", draws.calls, contrasts)
				}
				expectMoved(t, s, b, out)
				if len(out.Scores) == 0 || out.Statistics == nil {
					t.Error("there are no scores or statistics")
				}
			})
		})
	}
}

// counted counts the draws of the feature transformation.
type counted struct {
	fixed
	calls int
}

func (c *counted) Transform(n, k, d int) contrast.Draw {
	c.calls++
	return c.fixed.Transform(n, k, d)
}

// The images of i-Mix are mixed in a random order and keep the larger part of themselves,
// those of Un-Mix in the reverse order.
func TestMixtureOrder(t *testing.T) {
	inTorch(t, func() {
		m := &Model{}
		crop := torch.Ones([]int{4, 3, 2, 2})
		m.Mixture = Mixture{"unmix", 1}
		if order := m.mix(crop, fixed{}).order.Int64s(); order[0] != 3 || order[3] != 0 {
			t.Errorf("Un-Mix: order %v", order)
		}
		m.Mixture = Mixture{"imix", 1}
		orders := map[int64]bool{}
		for step := range 20 {
			x := m.mix(crop, &seeded{seed: 1, step: uint64(step)})
			if x.λ < 0.5 || x.λ > 1 {
				t.Errorf("i-Mix: λ %v", x.λ)
			}
			orders[x.order.Int64s()[0]] = true
		}
		if len(orders) != 4 {
			t.Errorf("i-Mix: the first image is mixed with %v of 4", orders)
		}
	})
}

// λ of the mixture has the mean and variance of Beta(α, α), a half and 1/(8α + 4).
func TestMixtureShare(t *testing.T) {
	inTorch(t, func() {
		crop := torch.Ones([]int{2, 1, 1, 1})
		for _, α := range []float64{0.3, 1, 4} {
			m := &Model{}
			m.Mixture = Mixture{"unmix", α}
			var shares []float64
			for step := range 2000 {
				shares = append(shares, m.mix(crop, &seeded{seed: 1, step: uint64(step)}).λ)
			}
			mean, variance := stat.MeanVariance(shares, nil)
			numeric.Near(t, "mean", mean, 0.5, 0.04)
			numeric.Near(t, "variance", variance, 1/(8*α+4), 0.1/(8*α+4))
		}
	})
}
