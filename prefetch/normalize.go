package prefetch

import (
	"contralens/torch"
	"contralens/views"
)

// normalizer is the last transform of a view's colors as tensor operators. It computes what
// views.Normalization says, in the same order with the same roundings: products and sums
// are separate operators, because a fused multiply-add would round once.
type normalizer struct {
	views.Normalization
	dtype         torch.Dtype
	shape         []int         // of a view's pixels: height, width, 3
	scale         *torch.Tensor // [3], or the matrix's columns [3, 3]
	shift         *torch.Tensor // [3]: Bias, or Mean
	deviation     *torch.Tensor // [3]: Std; nil unless Plain
	whole         *torch.Tensor // [1]: 255; nil unless Plain
	constants     []*torch.Tensor
	device        torch.Device
	constantDtype torch.Dtype
}

// newNormalizer makes the last transform of a view, with results of the given type.
func newNormalizer(s *views.Spec, d torch.Device, dtype torch.Dtype) *normalizer {
	shape := s.Shape()
	n := &normalizer{
		Normalization: s.Normalization(), dtype: dtype, shape: append(shape[len(shape)-2:], 3),
		device: d, constantDtype: torch.Float32,
	}
	if !n.Plain {
		n.scale = n.matrix(func(i, j int) float64 { return float64(n.Scale[i][j]) })
		n.shift = n.constant(float64(n.Bias[0]), float64(n.Bias[1]), float64(n.Bias[2]))
		return n
	}
	if !n.Separate() {
		n.constantDtype = torch.Float64
		n.scale = n.matrix(func(i, j int) float64 { return n.Matrix[i][j] })
	}
	n.whole = n.constant(255)
	n.shift, n.deviation = n.channels(n.Mean), n.channels(n.Std)
	return n
}

// constant makes a tensor on the device that lives as long as n.
func (n *normalizer) constant(values ...float64) (t *torch.Tensor) {
	torch.Scoped(func() {
		t = torch.FromFloat64(values, len(values)).To(n.constantDtype).ToDevice(n.device).Keep()
	})
	n.constants = append(n.constants, t)
	return t
}

// channels makes a constant with a value for each channel.
func (n *normalizer) channels(v [3]float64) *torch.Tensor { return n.constant(v[0], v[1], v[2]) }

// matrix makes the diagonal [3] or the columns [3, 3] of a matrix.
func (n *normalizer) matrix(at func(i, j int) float64) *torch.Tensor {
	var values []float64
	for j := range 3 {
		if n.Separate() {
			values = append(values, at(j, j))
			continue
		}
		for i := range 3 {
			values = append(values, at(i, j))
		}
	}
	t := n.constant(values...)
	if n.Separate() {
		return t
	}
	columns := t.View(3, 3).Keep()
	n.constants = append(n.constants, columns)
	return columns
}

// floats turns the pixels of views, uint8 [N·H·W·3], into the floats [N, 3, H, W], which
// lie in memory as [N, H, W, 3].
func (n *normalizer) floats(pixels *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		x := pixels.View(-1, n.shape[0], n.shape[1], n.shape[2])
		var y *torch.Tensor
		if n.Plain {
			y = n.mix(x.To(n.constantDtype).Div_(n.whole)).Sub_(n.shift).Div_(n.deviation).To(torch.Float32)
		} else {
			y = n.mix(x).AddInto_(n.shift, 1)
		}
		return y.To(n.dtype).Permute(0, 3, 1, 2)
	})
}

// mix applies the matrix to colors [N, H, W, 3], except for that of RGB on the plain path.
func (n *normalizer) mix(x *torch.Tensor) *torch.Tensor {
	if n.scale == nil {
		return x
	}
	if n.Separate() {
		return x.Mul(n.scale)
	}
	channel := func(j int) *torch.Tensor { return x.Narrow(3, j, 1).Mul(n.scale.Select(0, j)) }
	return channel(0).AddInto_(channel(1), 1).AddInto_(channel(2), 1)
}

func (n *normalizer) free() {
	for _, t := range n.constants {
		t.Free()
	}
}
