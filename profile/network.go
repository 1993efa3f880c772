package profile

import (
	"math/rand/v2"

	"contralens/methods"
	"contralens/nn/layers"
	"contralens/torch"
)

// Network measures forward and backward passes of a model's query encoder on random
// images of side x side pixels, in microbatches if the model uses them. It returns the
// operations per image, counted as in Work. The weights do not change.
func Network(m *methods.Model, batch, side int, steps *Steps) (perImage float64) {
	torch.Scoped(func() {
		images := torch.FromFloat32(normal(batch*3*side*side, m.Seed), batch, 3, side, side).ToDevice(m.Device())
		pass := func() {
			torch.Scoped(func() {
				defer m.Clock.Enter(methods.Backward)()
				m.Backward(torch.Cat(m.Embed(images), 1).Sum())
			})
			for _, p := range m.Query.State.Parameters() {
				p.ClearGrad()
			}
		}
		layers.MultiplyAdds(m.Query.State, func(n int) { perImage += 3 * 2 * float64(n) / float64(batch) }, func() {
			torch.NoGrad(func() { torch.Scoped(func() { m.Embed(images) }) })
		})
		steps.Begin(m.Clock.Times())
		pass()
		for steps.Add(m.Clock.Times()) == nil {
			pass()
		}
	})
	return perImage
}

// normal returns n random numbers from N(0, 1).
func normal(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0x6e6f726d))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}
