package nn

import "contralens/torch"

// JigsawPatches is the number of patches that an image is cut into.
const JigsawPatches = 9

// jigsawHead embeds an image's patches as one (PIRL, Misra & van der Maaten
// 2020): every patch through fc1, the patches in a shuffled order side by side,
// fc2, unit length.
type jigsawHead struct {
	fc1 *head // linear or mlp, without normalization
	fc2 *linear
}

func (b builder) jigsawHead(kind string, in, out int) (*jigsawHead, error) {
	h := &jigsawHead{}
	if kind == "linear" || kind == "linear_wo_norm" {
		// A single layer has no number in its name.
		h.fc1 = &head{out: b.linear("fc1", in, out)}
	} else {
		fc1, err := b.at("fc1").head(kind, in, out)
		if err != nil {
			return nil, err
		}
		fc1.normalize = false
		h.fc1 = fc1
	}
	h.fc2 = b.linear("fc2", JigsawPatches*out, out)
	return h, nil
}

// Forward maps the features of patches [9N, D], an image's nine in a row, to
// embeddings [N, d]. order re-orders the rows within each image, int64 [9N].
func (h *jigsawHead) Forward(x, order *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		y := h.fc1.Forward(x).IndexSelect(0, order)
		y = h.fc2.Forward(y.Reshape(x.Size(0)/JigsawPatches, -1))
		if y.Dtype() == torch.BFloat16 {
			y = y.To(torch.Float32)
		}
		return y.Normalize(1)
	})
}
