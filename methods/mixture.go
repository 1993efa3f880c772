package methods

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"contralens/contrast"
	"contralens/torch"
)

// Mixture mixes images where the feature transformation mixes features: x' = λx_i + (1-λ)x_j,
// with λ ~ Beta(Alpha, Alpha). A mixed query has both images' keys as positives,
//
//	loss = λ L(x', k_i) + (1-λ) L(x', k_j)
//
// In i-Mix (Lee et al., ICLR 2021) it takes the place of the query, and λ is at least ½, as in the
// authors' code for MoCo; j are the images in a random order. In Un-Mix (Shen et al., AAAI
// 2022) its loss is added to that of the query, and j are the images in reverse order. There is
// one λ per step.
type Mixture struct {
	Kind  string // imix or unmix; empty: none
	Alpha float64
}

// mixedCrop is the mixture of one step.
type mixedCrop struct {
	λ      float64
	images *torch.Tensor // x' [N, C, H, W]
	order  *torch.Tensor // j, int64 [N]
}

// mix draws λ and j and mixes the images of a crop [N, C, H, W].
func (m *Model) mix(crop *torch.Tensor, random Random) mixedCrop {
	rng := rand.New(rand.NewPCG(random.Seed(), 0x696d6978))
	λ := distuv.Beta{Alpha: m.Mixture.Alpha, Beta: m.Mixture.Alpha, Src: rng}.Rand()
	n := m.size(crop)
	order := make([]int64, n)
	for i := range order {
		order[i] = int64(n - 1 - i)
	}
	if m.Mixture.Kind == "imix" {
		λ = max(λ, 1-λ)
		rng.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	out := mixedCrop{λ: λ, order: torch.FromInt64(order, n).ToDevice(crop.Device())}
	out.images = torch.Scoped1(func() *torch.Tensor {
		return crop.MulScalar(λ).AddScaled(m.take(crop, order), 1-λ)
	})
	return out
}

// loss is the loss of mixed queries. of returns that of keys k [N, d]; measured asks for scores
// and statistics, which are those of the keys of x_i.
func (x mixedCrop) loss(
	k *torch.Tensor, r *torch.Readback, of func(k *torch.Tensor, measured bool) *contrast.Output,
) *contrast.Output {
	out, other := of(k, true), of(k.IndexSelect(0, x.order), false)
	out.Loss = out.Loss.MulScalar(x.λ).AddScaled(other.Loss, 1-x.λ)
	r.Then(func() {
		out.Value = x.λ*out.Value + (1-x.λ)*other.Value
		out.Accuracy = x.λ*out.Accuracy + (1-x.λ)*other.Accuracy
	})
	return out
}
