package torch

import (
	"fmt"
	"math"
	"testing"

	"contralens/internal/numeric"
)

// TestGradients compares the gradient of every differentiable operator with central
// differences in float64.
func TestGradients(t *testing.T) {
	positive := func(x *Tensor) *Tensor { return x.Square().AddScalar(0.3) }
	at := func() *Tensor { return FromInt64([]int64{1, 0, 1}, 3) }
	for name, c := range map[string]struct {
		shapes [][]int
		f      func(x []*Tensor) *Tensor
	}{
		"Add":        {[][]int{{2, 3}, {3}}, func(x []*Tensor) *Tensor { return x[0].Add(x[1]) }},
		"AddScaled":  {[][]int{{2, 3}, {2, 3}}, func(x []*Tensor) *Tensor { return x[0].AddScaled(x[1], -1.5) }},
		"Sub":        {[][]int{{2, 3}, {2, 1}}, func(x []*Tensor) *Tensor { return x[0].Sub(x[1]) }},
		"SubFrom":    {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].SubFrom(2) }},
		"Mul":        {[][]int{{2, 3}, {2, 3}}, func(x []*Tensor) *Tensor { return x[0].Mul(x[1]) }},
		"Div":        {[][]int{{2, 3}, {2, 3}}, func(x []*Tensor) *Tensor { return x[0].Div(positive(x[1])) }},
		"Scalars":    {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].MulScalar(3).AddScalar(1).DivScalar(2) }},
		"Neg":        {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Neg() }},
		"Abs":        {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Abs() }},
		"Exp":        {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Exp() }},
		"Log":        {[][]int{{4}}, func(x []*Tensor) *Tensor { return positive(x[0]).Log() }},
		"Sqrt":       {[][]int{{4}}, func(x []*Tensor) *Tensor { return positive(x[0]).Sqrt() }},
		"Rsqrt":      {[][]int{{4}}, func(x []*Tensor) *Tensor { return positive(x[0]).Rsqrt() }},
		"Reciprocal": {[][]int{{4}}, func(x []*Tensor) *Tensor { return positive(x[0]).Reciprocal() }},
		"Pow":        {[][]int{{4}}, func(x []*Tensor) *Tensor { return positive(x[0]).Pow(1.7) }},
		"Gelu":       {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Gelu() }},
		"Sigmoid":    {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Sigmoid() }},
		"Tanh":       {[][]int{{4}}, func(x []*Tensor) *Tensor { return x[0].Tanh() }},
		"Clamp":      {[][]int{{6}}, func(x []*Tensor) *Tensor { return x[0].Clamp(-0.9, 0.9) }},
		"ClampMin":   {[][]int{{6}}, func(x []*Tensor) *Tensor { return x[0].ClampMin(0.31) }},
		"Maximum":    {[][]int{{6}, {6}}, func(x []*Tensor) *Tensor { return x[0].Maximum(x[1]) }},
		"Minimum":    {[][]int{{6}, {6}}, func(x []*Tensor) *Tensor { return x[0].Minimum(x[1]) }},
		"Lerp":       {[][]int{{4}, {4}}, func(x []*Tensor) *Tensor { return x[0].Lerp(x[1], 0.3) }},
		"Where":      {[][]int{{6}, {6}}, func(x []*Tensor) *Tensor { return x[0].Where(x[0].Gt(x[1]), x[1].Square()) }},
		"Relu":       {[][]int{{6}}, func(x []*Tensor) *Tensor { return x[0].Relu() }},
		"SumDim":     {[][]int{{2, 3, 2}}, func(x []*Tensor) *Tensor { return x[0].SumDim([]int{0, 2}, false) }},
		"MeanDim":    {[][]int{{2, 3, 2}}, func(x []*Tensor) *Tensor { return x[0].MeanDim([]int{1}, true) }},
		"VarDim":     {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].VarDim([]int{1}, true, false) }},
		"Amax":       {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].Amax([]int{1}, false) }},
		"NormDim":    {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].NormDim([]int{1}, false) }},
		"LogSumExp":  {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].LogSumExp([]int{1}, false) }},
		"CumSum":     {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].CumSum(1) }},
		"Mm":         {[][]int{{2, 3}, {3, 2}}, func(x []*Tensor) *Tensor { return x[0].Mm(x[1]) }},
		"Bmm":        {[][]int{{2, 2, 3}, {2, 3, 2}}, func(x []*Tensor) *Tensor { return x[0].Bmm(x[1]) }},
		"Matmul":     {[][]int{{2, 2, 3}, {3, 2}}, func(x []*Tensor) *Tensor { return x[0].Matmul(x[1]) }},
		"Addmm":      {[][]int{{2, 2}, {2, 3}, {3, 2}}, func(x []*Tensor) *Tensor { return x[0].Addmm(x[1], x[2], 0.5, 2) }},
		"Linear":     {[][]int{{2, 3}, {4, 3}, {4}}, func(x []*Tensor) *Tensor { return x[0].Linear(x[1], x[2]) }},
		"Shapes": {[][]int{{2, 3, 2}}, func(x []*Tensor) *Tensor {
			return x[0].Permute(2, 0, 1).Contiguous().View(2, 6).T().Narrow(0, 1, 4).Reshape(2, 4).Unsqueeze(0).Expand(2, 2, 4).Select(0, 1).Flatten(0, 1)
		}},
		"Cat":         {[][]int{{2, 2}, {1, 2}}, func(x []*Tensor) *Tensor { return Cat(x, 0).Square() }},
		"Stack":       {[][]int{{2}, {2}}, func(x []*Tensor) *Tensor { return Stack(x, 0).Square() }},
		"IndexSelect": {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].IndexSelect(0, at()) }},
		"Gather":      {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].Gather(0, at().View(1, 3)) }},
		"LayerNorm":   {[][]int{{2, 3}, {3}, {3}}, func(x []*Tensor) *Tensor { return x[0].LayerNorm(x[1], x[2], 1e-5) }},
		"Softmax":     {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].Softmax(1) }},
		"LogSoftmax":  {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].LogSoftmax(1) }},
		"Normalize":   {[][]int{{2, 3}}, func(x []*Tensor) *Tensor { return x[0].Normalize(1) }},
		"CrossEntropy": {[][]int{{3, 2}}, func(x []*Tensor) *Tensor {
			return x[0].CrossEntropy(at())
		}},
		"Conv2d":         {[][]int{{2, 2, 4, 4}, {3, 2, 3, 3}, {3}}, func(x []*Tensor) *Tensor { return x[0].Conv2d(x[1], x[2], 1, 1, 1, 1) }},
		"Conv2d strided": {[][]int{{1, 4, 5, 5}, {4, 2, 3, 3}, {4}}, func(x []*Tensor) *Tensor { return x[0].Conv2d(x[1], x[2], 2, 0, 1, 2) }},
		"BatchNorm": {[][]int{{3, 2, 2, 1}, {2}, {2}}, func(x []*Tensor) *Tensor {
			return x[0].BatchNorm(x[1], x[2], Zeros([]int{2}, Options{Dtype: Float64}), Ones([]int{2}, Options{Dtype: Float64}), true, 0.1, 1e-5)
		}},
		"BatchNorm eval": {[][]int{{3, 2, 2, 1}, {2}, {2}}, func(x []*Tensor) *Tensor {
			return x[0].BatchNorm(x[1], x[2], Zeros([]int{2}, Options{Dtype: Float64}), Full([]int{2}, 1.3, Options{Dtype: Float64}), false, 0.1, 1e-5)
		}},
		"MaxPool2d":         {[][]int{{1, 2, 4, 4}}, func(x []*Tensor) *Tensor { return x[0].MaxPool2d(3, 2, 1) }},
		"AvgPool2d":         {[][]int{{1, 2, 4, 4}}, func(x []*Tensor) *Tensor { return x[0].AvgPool2d(2, 2, 0, false, true) }},
		"AdaptiveAvgPool2d": {[][]int{{1, 2, 3, 4}}, func(x []*Tensor) *Tensor { return x[0].AdaptiveAvgPool2d(1, 1) }},
	} {
		t.Run(name, func(t *testing.T) { inRun(t, func() { differences(t, c.shapes, c.f) }) })
	}
}

// differences compares the gradients of Σ w f(x) with central differences.
func differences(t *testing.T, shapes [][]int, f func(x []*Tensor) *Tensor) {
	t.Helper()
	values := make([][]float64, len(shapes))
	for i, s := range shapes {
		values[i] = ramp(size(s) + i)[i:]
	}
	loss := func(record bool) (l *Tensor, x []*Tensor) {
		for i, s := range shapes {
			x = append(x, FromFloat64(values[i], s...).SetRequiresGrad(record))
		}
		y := f(x)
		weights := ramp(y.Numel() + 2)[2:]
		return y.Mul(FromFloat64(weights, y.Shape()...)).Sum(), x
	}
	l, x := loss(true)
	l.Backward()
	for i := range shapes {
		grad := x[i].Grad().Float64s()
		for j := range values[i] {
			const h = 1e-6
			v := values[i][j]
			values[i][j] = v + h
			up, _ := loss(false)
			values[i][j] = v - h
			down, _ := loss(false)
			values[i][j] = v
			want := (up.Item() - down.Item()) / (2 * h)
			numeric.Near(t, fmt.Sprintf("gradient of input %d, element %d", i, j), grad[j], want, 1e-6*(1+math.Abs(want)))
		}
	}
}

func TestBackwardFrom(t *testing.T) {
	inRun(t, func() {
		x := d(3).SetRequiresGrad(true)
		x.Square().BackwardFrom(FromFloat64([]float64{1, 10, 100}, 3))
		v := ramp(3)
		expect(t, "gradient", x.Grad(), []int{3}, 2*v[0], 20*v[1], 200*v[2])
		x.MulScalar(1).Sum().Backward() // gradients add up
		expect(t, "sum", x.Grad(), []int{3}, 2*v[0]+1, 20*v[1]+1, 200*v[2]+1)
		x.ClearGrad()
		if x.Grad() != nil || !x.RequiresGrad() {
			t.Error("ClearGrad")
		}
	})
}
