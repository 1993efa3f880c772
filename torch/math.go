package torch

// Elementwise arithmetic. Shapes broadcast as in PyTorch; a trailing underscore
// marks operators that change their receiver and return it.

// Add is t + u.
func (t *Tensor) Add(u *Tensor) *Tensor { return call("aten::add.Tensor", t, u) }

// AddScaled is t + alpha u.
func (t *Tensor) AddScaled(u *Tensor, alpha float64) *Tensor {
	return call("aten::add.Tensor", t, u, alpha)
}

// AddScalar is t + s.
func (t *Tensor) AddScalar(s float64) *Tensor { return call("aten::add.Scalar", t, s) }

// Sub is t - u.
func (t *Tensor) Sub(u *Tensor) *Tensor { return call("aten::sub.Tensor", t, u) }

// SubFrom is s - t.
func (t *Tensor) SubFrom(s float64) *Tensor { return call("aten::rsub.Scalar", t, s) }

// Mul is t u, element by element.
func (t *Tensor) Mul(u *Tensor) *Tensor { return call("aten::mul.Tensor", t, u) }

// MulScalar is s t.
func (t *Tensor) MulScalar(s float64) *Tensor { return call("aten::mul.Scalar", t, s) }

// Div is t / u.
func (t *Tensor) Div(u *Tensor) *Tensor { return call("aten::div.Tensor", t, u) }

// DivScalar is t / s.
func (t *Tensor) DivScalar(s float64) *Tensor { return call("aten::div.Scalar", t, s) }

// Neg is -t.
func (t *Tensor) Neg() *Tensor { return call("aten::neg", t) }

// Abs is |t|.
func (t *Tensor) Abs() *Tensor { return call("aten::abs", t) }

// Sign is -1, 0 or 1.
func (t *Tensor) Sign() *Tensor { return call("aten::sign", t) }

// Exp is e to the power of t.
func (t *Tensor) Exp() *Tensor { return call("aten::exp", t) }

// Log is the natural logarithm.
func (t *Tensor) Log() *Tensor { return call("aten::log", t) }

// Sqrt is the square root.
func (t *Tensor) Sqrt() *Tensor { return call("aten::sqrt", t) }

// Rsqrt is 1 / √t.
func (t *Tensor) Rsqrt() *Tensor { return call("aten::rsqrt", t) }

// Square is t².
func (t *Tensor) Square() *Tensor { return call("aten::square", t) }

// Reciprocal is 1 / t.
func (t *Tensor) Reciprocal() *Tensor { return call("aten::reciprocal", t) }

// Pow is t to the power of s.
func (t *Tensor) Pow(s float64) *Tensor { return call("aten::pow.Tensor_Scalar", t, s) }

// Sigmoid is 1 / (1 + exp(-t)).
func (t *Tensor) Sigmoid() *Tensor { return call("aten::sigmoid", t) }

// Tanh is the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return call("aten::tanh", t) }

// Clamp limits t to [low, high].
func (t *Tensor) Clamp(low, high float64) *Tensor { return call("aten::clamp", t, low, high) }

// ClampMin limits t from below.
func (t *Tensor) ClampMin(low float64) *Tensor { return call("aten::clamp_min", t, low) }

// Maximum is the larger of t and u, element by element.
func (t *Tensor) Maximum(u *Tensor) *Tensor { return call("aten::maximum", t, u) }

// Minimum is the smaller of t and u, element by element.
func (t *Tensor) Minimum(u *Tensor) *Tensor { return call("aten::minimum", t, u) }

// Lerp is t + w (u - t), linear interpolation.
func (t *Tensor) Lerp(u *Tensor, w float64) *Tensor { return call("aten::lerp.Scalar", t, u, w) }

// Where is t where condition holds and u elsewhere.
func (t *Tensor) Where(condition, u *Tensor) *Tensor {
	return call("aten::where.self", condition, t, u)
}

// Eq is t == u as bools.
func (t *Tensor) Eq(u *Tensor) *Tensor { return call("aten::eq.Tensor", t, u) }

// Gt is t > u as bools.
func (t *Tensor) Gt(u *Tensor) *Tensor { return call("aten::gt.Tensor", t, u) }

// Ge is t >= u as bools.
func (t *Tensor) Ge(u *Tensor) *Tensor { return call("aten::ge.Tensor", t, u) }

// IsFinite is false at NaN and ±Inf.
func (t *Tensor) IsFinite() *Tensor { return call("aten::isfinite", t) }

// AddInto_ is t += alpha u.
func (t *Tensor) AddInto_(u *Tensor, alpha float64) *Tensor {
	return t.inplace("aten::add_.Tensor", u, alpha)
}

// AddScalar_ is t += s.
func (t *Tensor) AddScalar_(s float64) *Tensor { return t.inplace("aten::add_.Scalar", s) }

// AddInt_ is t += n for integer tensors.
func (t *Tensor) AddInt_(n int) *Tensor { return t.inplace("aten::add_.Scalar", n) }

// SubInto writes t - u into out, which has its shape, and returns out.
func (t *Tensor) SubInto(out, u *Tensor) *Tensor {
	for _, r := range invoke("aten::sub.out", t, u, 1.0, out) {
		wrap(r.t).Free()
	}
	return out
}

// Sub_ is t -= u.
func (t *Tensor) Sub_(u *Tensor) *Tensor { return t.inplace("aten::sub_.Tensor", u) }

// Mul_ is t *= u.
func (t *Tensor) Mul_(u *Tensor) *Tensor { return t.inplace("aten::mul_.Tensor", u) }

// MulScalar_ is t *= s.
func (t *Tensor) MulScalar_(s float64) *Tensor { return t.inplace("aten::mul_.Scalar", s) }

// Div_ is t /= u.
func (t *Tensor) Div_(u *Tensor) *Tensor { return t.inplace("aten::div_.Tensor", u) }

// Exp_ replaces t by exp(t).
func (t *Tensor) Exp_() *Tensor { return t.inplace("aten::exp_") }

// Copy_ copies u's elements into t.
func (t *Tensor) Copy_(u *Tensor) *Tensor { return t.inplace("aten::copy_", u) }

// Zero_ sets all elements to 0.
func (t *Tensor) Zero_() *Tensor { return t.inplace("aten::zero_") }

// Fill_ sets all elements to s.
func (t *Tensor) Fill_(s float64) *Tensor { return t.inplace("aten::fill_.Scalar", s) }

// Clamp_ limits t to [low, high] in place.
func (t *Tensor) Clamp_(low, high float64) *Tensor { return t.inplace("aten::clamp_", low, high) }

// Lerp_ moves t towards u: t += w (u - t).
func (t *Tensor) Lerp_(u *Tensor, w float64) *Tensor { return t.inplace("aten::lerp_.Scalar", u, w) }
