package features

import (
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Embed returns the features [D] of one image, as Compute does for a dataset. Call it
// inside torch.Run.
func Embed(m *nn.Model, img *views.Image, o Options) (features []float32, err error) {
	spec := View(m, views.Evaluation(o.Size))
	x := make([]float32, spec.Len())
	spec.View(x, img, views.NewRand(0, 0, 0, 0), &views.Scratch{})
	torch.Scoped(func() {
		batch := torch.FromFloat32(x, append([]int{1}, spec.Shape()...)...).ToDevice(m.Config.Device)
		f := Frozen(m, o.Precision)(batch)
		features, err = f.Float32s(), finite(f, f.Sum().Item(), func(int) string { return "to embed" })
	})
	return features, err
}
