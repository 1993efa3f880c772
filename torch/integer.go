package torch

// Operators on int64 tensors, which compute modulo 2^64, as Go's uint64 does.

// AddInt is t + n.
func (t *Tensor) AddInt(n int64) *Tensor { return call("aten::add.Scalar", t, int(n)) }

// MulInt is t n.
func (t *Tensor) MulInt(n int64) *Tensor { return call("aten::mul.Scalar", t, int(n)) }

// Xor is the exclusive or of t's and u's bits.
func (t *Tensor) Xor(u *Tensor) *Tensor { return call("aten::bitwise_xor.Tensor", t, u) }

// LowBits keeps the n lowest bits, 0 < n < 64.
func (t *Tensor) LowBits(n int) *Tensor { return call("aten::bitwise_and.Scalar", t, 1<<n-1) }

// ShiftLeft shifts the bits of t by 0 ≤ n < 64 places.
func (t *Tensor) ShiftLeft(n int) *Tensor {
	return call("aten::bitwise_left_shift.Tensor_Scalar", t, n)
}

// ShiftRight shifts the bits of t by 0 < n < 64 places and fills with zeros, also if t is
// negative.
func (t *Tensor) ShiftRight(n int) *Tensor {
	return Scoped1(func() *Tensor { return call("aten::bitwise_right_shift.Tensor_Scalar", t, n).LowBits(64 - n) })
}
