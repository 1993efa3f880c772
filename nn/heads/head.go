// Package heads implements the networks after a backbone: the projection heads of
// contrastive learning, the jigsaw head, and the predictor of methods without
// negatives.
package heads

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/option"
	"contralens/nn/layers"
	"contralens/torch"
)

// Names are the projection heads: features [N, D] to embeddings [N, d], of unit length
// except with linear_wo_norm.
//
//	linear          Linear(D, d), normalize
//	linear_wo_norm  Linear(D, d)
//	mlp             Linear(D, D), ReLU, Linear(D, d), normalize
//	mlp_bn          Linear(D, D), BN, ReLU, Linear(D, d), normalize
//	2mlp_bn         the hidden layer of mlp_bn twice
var Names = []string{"linear", "linear_wo_norm", "mlp", "mlp_bn", "2mlp_bn"}

// Head is a projection head.
type Head struct {
	layers    layers.Sequential
	normalize bool // scale outputs to unit length
}

// New builds a projection head from in to out values. Its layers are numbered as in
// PyTorch's nn.Sequential. The error for an unknown kind is an *option.Error.
func New(b layers.Builder, kind string, in, out int) (*Head, error) {
	if !slices.Contains(Names, kind) {
		return nil, &option.Error{Name: "head", Want: "one of " + strings.Join(Names, ", "), Got: fmt.Sprintf("%q", kind)}
	}
	h := &Head{normalize: kind != "linear_wo_norm"}
	depth := map[string]int{"mlp": 1, "mlp_bn": 1, "2mlp_bn": 2}[kind]
	number := 0
	for range depth {
		number = h.hidden(b, number, in, in, kind != "mlp")
	}
	h.layers = append(h.layers, b.Linear(fmt.Sprint(number), in, out))
	return h, nil
}

// hidden adds a linear layer, an optional batch norm, and ReLU, numbered from number.
// It returns the number of the next layer.
func (h *Head) hidden(b layers.Builder, number, in, out int, norm bool) (next int) {
	h.layers = append(h.layers, b.Linear(fmt.Sprint(number), in, out))
	if !norm {
		h.layers = append(h.layers, layers.ReLU)
		return number + 2
	}
	h.layers = append(h.layers, b.BatchNorm(fmt.Sprint(number+1), out).ReLU())
	return number + 3
}

// Forward maps features [N, D] to embeddings [N, d].
func (h *Head) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		y := h.layers.Forward(x)
		if h.normalize {
			y = unit(y)
		}
		return y
	})
}

// unit scales each row of y [N, d] to length 1. It computes in float32 at least,
// because bfloat16 has too few digits.
func unit(y *torch.Tensor) *torch.Tensor {
	if y.Dtype() == torch.BFloat16 {
		y = y.To(torch.Float32)
	}
	return y.Normalize(1)
}
