package measure

import (
	"math/rand/v2"

	"contralens/nn"
	"contralens/torch"
	"contralens/train"
)

// Network measures forward and backward passes of a model's query encoder on
// random images of side x side pixels, and returns the operations an image,
// counted as Work does. Weights stay as they are.
func Network(m *train.Model, batch, side int, steps *Steps) (perImage float64) {
	rng := rand.New(rand.NewPCG(m.Seed, 0x616c6f6e65))
	pixels := make([]float32, batch*3*side*side)
	for i := range pixels {
		pixels[i] = float32(rng.NormFloat64())
	}
	torch.Scoped(func() {
		images := torch.FromFloat32(pixels, batch, 3, side, side).ToDevice(m.Device())
		pass := func() {
			torch.Scoped(func() {
				defer m.Clock.Enter(train.Backward)()
				loss := torch.Cat(m.Embed(images), 1).Sum()
				loss.Backward()
			})
			for _, p := range m.Query.State.Parameters() {
				p.ClearGrad()
			}
		}
		nn.MultiplyAdds(m.Query.State, func(n int) { perImage += 3 * 2 * float64(n) / float64(batch) }, pass)
		for steps.Add(m.Clock.Times()) == nil {
			pass()
		}
	})
	return perImage
}
