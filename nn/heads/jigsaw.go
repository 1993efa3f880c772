package heads

import (
	"contralens/nn/layers"
	"contralens/torch"
)

// JigsawPatches is the number of patches that an image is cut into.
const JigsawPatches = 9

// Jigsaw embeds the patches of an image together (PIRL, Misra & van der Maaten 2020):
// fc1 on every patch, concatenation of the patches in a shuffled order, fc2, and
// scaling to unit length.
type Jigsaw struct {
	fc1 layers.Layer // the layers of a head, without scaling to unit length
	fc2 layers.Layer
}

// NewJigsaw builds the jigsaw head for a kind from Names, from in to out values.
func NewJigsaw(b layers.Builder, kind string, in, out int) (*Jigsaw, error) {
	h := &Jigsaw{}
	if kind == "linear" || kind == "linear_wo_norm" {
		h.fc1 = b.Linear("fc1", in, out) // a single layer has no number in its name
	} else {
		fc1, err := New(b.At("fc1"), kind, in, out)
		if err != nil {
			return nil, err
		}
		h.fc1 = fc1.layers
	}
	h.fc2 = b.Linear("fc2", JigsawPatches*out, out)
	return h, nil
}

// Forward maps the features of patches [9N, D], nine consecutive rows per image, to
// embeddings [N, d]. order, int64 [9N], permutes the rows of each image.
func (h *Jigsaw) Forward(x, order *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		y := h.fc1.Forward(x).IndexSelect(0, order)
		return unit(h.fc2.Forward(y.Reshape(x.Size(0)/JigsawPatches, -1)))
	})
}
