package heads

import (
	"math/rand/v2"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/nn/layers"
	"contralens/torch"
)

// TestJigsawHead tests the head alone, with its gradients.
func TestJigsawHead(t *testing.T) {
	for _, kind := range golden.Cases(t, "jigsaw") {
		t.Run(kind, func(t *testing.T) { tensortest.Run(t, func() { checkJigsawHead(t, kind) }) })
	}
}

func checkJigsawHead(t *testing.T, kind string) {
	c := golden.Load(t, "jigsaw", kind)
	var p struct {
		DimIn  int `json:"dim_in"`
		DimOut int `json:"dim_out"`
	}
	c.Decode(c.Params, &p)
	var want struct {
		Loss  float64
		Grads map[string][2]float64
	}
	golden.JSON(t, &want, "jigsaw", kind, "meta.json")
	b := layers.NewBuilder(layers.Options{Rand: rand.New(rand.NewPCG(1, 1))})
	h, err := NewJigsaw(b, kind, p.DimIn, p.DimOut)
	if err != nil {
		t.Fatal(err)
	}
	state := b.State()
	defer state.Free()
	err = state.Load(func(name string) ([]int, []float32, error) {
		values, shape := c.F32("param_" + name)
		return shape, values, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	values, shape := c.F32("x")
	x := torch.FromFloat32(values, shape...).SetRequiresGrad(true)
	order := c.Array("shuffle_ids").I64
	out := h.Forward(x, torch.FromInt64(order, len(order)))
	wantOut, _ := c.F32("out")
	golden.Near(t, "output", out.Float32s(), wantOut, 2e-6)
	loss := out.Mul(torch.FromFloat32(golden.LossWeights(0, out.Numel()), out.Shape()...)).Sum()
	numeric.Near(t, "loss", loss.Item(), want.Loss, 1e-5)
	loss.Backward()
	gradX, _ := c.F32("grad_x")
	golden.Near(t, "gradient of x", x.Grad().Float32s(), gradX, 1e-5)
	tensortest.Gradients(t, state.NamedParameters(), want.Grads, 1e-5)
}
