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
// one λ per step, and two with both directions. Within a batch, the keys are the second view. They
// are queries, too, with the two mixed images that contain theirs as positives. A memory bank takes
// the features of unmixed images, so it goes with Un-Mix only.
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

// addMixed adds the loss of a crop's mixed images, if there are any, to that of its unmixed ones, or
// begins with it. keys are [N, d] per branch.
func (m *Model) addMixed(out Outcome, b *Batch, crop *torch.Tensor, keys []*torch.Tensor, loss queryLoss) Outcome {
	if m.Mixture.Kind == "" {
		return out
	}
	first := out.Output == nil
	if !first { // the unmixed images are measured
		plain := *b
		plain.Collect = Collect{}
		b = &plain
	}
	x := m.mix(crop, b.Random)
	more := m.contrastKeys(b, m.Embed(x.images), keys, func(i int, q *torch.Tensor, b *Batch) keyLoss {
		unmixed := loss(i, q, b)
		return func(k *torch.Tensor, o contrast.Options) *contrast.Output { return x.loss(k, o, unmixed) }
	})
	if first {
		return more
	}
	out.Loss = out.Loss.Add(more.Loss)
	return out
}

// loss is the loss of mixed queries with keys k [N, d], given that of one key for each. Scores and
// statistics are those of the keys of x_i.
func (x mixedCrop) loss(k *torch.Tensor, o contrast.Options, of keyLoss) *contrast.Output {
	out := of(k, o)
	o.Scores, o.Bound, o.Trace = false, 0, nil
	other := of(k.IndexSelect(0, x.order), o)
	out.Loss = out.Loss.MulScalar(x.λ).AddScaled(other.Loss, 1-x.λ)
	o.Readback.Then(func() {
		out.Value = x.λ*out.Value + (1-x.λ)*other.Value
		out.Accuracy = x.λ*out.Accuracy + (1-x.λ)*other.Accuracy
	})
	return out
}
