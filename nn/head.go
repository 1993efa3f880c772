package nn

import (
	"fmt"
	"slices"
	"strings"

	"contralens/torch"
)

// Heads are the projection heads: features [N, D] to embeddings [N, d], of unit
// length except with linear_wo_norm.
//
//	linear          Linear(D, d), normalize
//	linear_wo_norm  Linear(D, d)
//	mlp             Linear(D, D), ReLU, Linear(D, d), normalize
//	mlp_bn          Linear(D, D), BN, ReLU, Linear(D, d), normalize
//	2mlp_bn         the hidden layer of mlp_bn twice
var Heads = []string{"linear", "linear_wo_norm", "mlp", "mlp_bn", "2mlp_bn"}

type head struct {
	hidden    []hiddenLayer
	out       *linear
	normalize bool
}

type hiddenLayer struct {
	linear *linear
	norm   *batchNorm // nil in mlp
}

// head builds a projection head; layers are numbered as in an nn.Sequential.
func (b builder) head(kind string, in, out int) (*head, error) {
	if !slices.Contains(Heads, kind) {
		return nil, fmt.Errorf("--head: want one of %s, got %q", strings.Join(Heads, ", "), kind)
	}
	h := &head{normalize: kind != "linear_wo_norm"}
	depth := map[string]int{"mlp": 1, "mlp_bn": 1, "2mlp_bn": 2}[kind]
	next := 0
	for range depth {
		layer := hiddenLayer{linear: b.linear(fmt.Sprint(next), in, in)}
		next += 2 // the linear layer and its ReLU
		if kind != "mlp" {
			layer.norm = b.batchNorm(fmt.Sprint(next-1), in)
			next++
		}
		h.hidden = append(h.hidden, layer)
	}
	h.out = b.linear(fmt.Sprint(next), in, out)
	return h, nil
}

func (h *head) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		y := x
		for _, l := range h.hidden {
			y = l.linear.Forward(y)
			if l.norm != nil {
				y = l.norm.ForwardRelu(y)
			} else {
				y = y.Relu_()
			}
		}
		y = h.out.Forward(y)
		if h.normalize {
			if y.Dtype() == torch.BFloat16 {
				y = y.To(torch.Float32) // unit length needs the full precision
			}
			y = y.Normalize(1)
		}
		return y
	})
}
