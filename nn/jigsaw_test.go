package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/golden"
	"contralens/torch"
)

// jigsawOutput embeds the formula's patches of two images; perms has a row of
// nine for each image of each branch.
func jigsawOutput(m *Model, seed uint64, perms []int64) *torch.Tensor {
	const images, side = 2, 64
	x := golden.Input(golden.CJig+16*seed, images*JigsawPatches*3*side*side)
	var orders []*torch.Tensor
	for b := range m.Branches() {
		order := make([]int64, images*JigsawPatches)
		for i := range order {
			order[i] = int64(i/JigsawPatches*JigsawPatches) + perms[b*len(order)+i]
		}
		orders = append(orders, torch.FromInt64(order, len(order)))
	}
	patches := torch.FromFloat32(x, images*JigsawPatches, 3, side, side)
	return m.ForwardJigsaw(inPrecision(patches, m.Config), orders)
}

// TestJigsawHead holds the head alone, gradients included.
func TestJigsawHead(t *testing.T) {
	for _, kind := range golden.Cases(t, "jigsaw") {
		t.Run(kind, func(t *testing.T) { run(t, func() { checkJigsawHead(t, kind) }) })
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
	state, train := State{}, true
	h, err := builder{state: &state, rng: rand.New(rand.NewPCG(1, 1)), train: &train}.jigsawHead(kind, p.DimIn, p.DimOut)
	if err != nil {
		t.Fatal(err)
	}
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
	if math.Abs(loss.Item()-want.Loss) > 1e-5 {
		t.Errorf("loss %v, want %v", loss.Item(), want.Loss)
	}
	loss.Backward()
	gradX, _ := c.F32("grad_x")
	golden.Near(t, "gradient of x", x.Grad().Float32s(), gradX, 1e-5)
	checkGradients(t, &Model{State: state}, want.Grads, 1e-5)
}
