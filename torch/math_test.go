package torch

import (
	"fmt"
	"math"
	"testing"
)

func TestElementwise(t *testing.T) {
	shape := []int{3, 4}
	a, b := ramp(12), make([]float64, 12)
	for i := range b {
		b[i] = 0.3 + float64(i)/5
	}
	for name, c := range map[string]struct {
		got  func(x, y *Tensor) *Tensor
		want func(x, y float64) float64
	}{
		"Add":         {func(x, y *Tensor) *Tensor { return x.Add(y) }, func(x, y float64) float64 { return x + y }},
		"AddScaled":   {func(x, y *Tensor) *Tensor { return x.AddScaled(y, -2.5) }, func(x, y float64) float64 { return x - 2.5*y }},
		"AddScalar":   {func(x, y *Tensor) *Tensor { return x.AddScalar(2.5) }, func(x, y float64) float64 { return x + 2.5 }},
		"Sub":         {func(x, y *Tensor) *Tensor { return x.Sub(y) }, func(x, y float64) float64 { return x - y }},
		"SubFrom":     {func(x, y *Tensor) *Tensor { return x.SubFrom(3) }, func(x, y float64) float64 { return 3 - x }},
		"Mul":         {func(x, y *Tensor) *Tensor { return x.Mul(y) }, func(x, y float64) float64 { return x * y }},
		"MulScalar":   {func(x, y *Tensor) *Tensor { return x.MulScalar(-0.5) }, func(x, y float64) float64 { return -0.5 * x }},
		"Div":         {func(x, y *Tensor) *Tensor { return x.Div(y) }, func(x, y float64) float64 { return x / y }},
		"DivScalar":   {func(x, y *Tensor) *Tensor { return x.DivScalar(4) }, func(x, y float64) float64 { return x / 4 }},
		"Neg":         {func(x, y *Tensor) *Tensor { return x.Neg() }, func(x, y float64) float64 { return -x }},
		"Abs":         {func(x, y *Tensor) *Tensor { return x.Abs() }, func(x, y float64) float64 { return math.Abs(x) }},
		"Sign":        {func(x, y *Tensor) *Tensor { return x.Sign() }, func(x, y float64) float64 { return math.Copysign(1, x) }},
		"Exp":         {func(x, y *Tensor) *Tensor { return x.Exp() }, func(x, y float64) float64 { return math.Exp(x) }},
		"Log":         {func(x, y *Tensor) *Tensor { return y.Log() }, func(x, y float64) float64 { return math.Log(y) }},
		"Sqrt":        {func(x, y *Tensor) *Tensor { return y.Sqrt() }, func(x, y float64) float64 { return math.Sqrt(y) }},
		"Rsqrt":       {func(x, y *Tensor) *Tensor { return y.Rsqrt() }, func(x, y float64) float64 { return 1 / math.Sqrt(y) }},
		"Square":      {func(x, y *Tensor) *Tensor { return x.Square() }, func(x, y float64) float64 { return x * x }},
		"Reciprocal":  {func(x, y *Tensor) *Tensor { return y.Reciprocal() }, func(x, y float64) float64 { return 1 / y }},
		"Pow":         {func(x, y *Tensor) *Tensor { return y.Pow(1.7) }, func(x, y float64) float64 { return math.Pow(y, 1.7) }},
		"Gelu":        {func(x, y *Tensor) *Tensor { return x.Gelu() }, func(x, y float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }},
		"Sigmoid":     {func(x, y *Tensor) *Tensor { return x.Sigmoid() }, func(x, y float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		"Tanh":        {func(x, y *Tensor) *Tensor { return x.Tanh() }, func(x, y float64) float64 { return math.Tanh(x) }},
		"Clamp":       {func(x, y *Tensor) *Tensor { return x.Clamp(-0.5, 0.8) }, func(x, y float64) float64 { return min(max(x, -0.5), 0.8) }},
		"ClampMin":    {func(x, y *Tensor) *Tensor { return x.ClampMin(0.2) }, func(x, y float64) float64 { return max(x, 0.2) }},
		"Maximum":     {func(x, y *Tensor) *Tensor { return x.Maximum(y) }, func(x, y float64) float64 { return max(x, y) }},
		"Minimum":     {func(x, y *Tensor) *Tensor { return x.Minimum(y) }, func(x, y float64) float64 { return min(x, y) }},
		"Lerp":        {func(x, y *Tensor) *Tensor { return x.Lerp(y, 0.3) }, func(x, y float64) float64 { return x + 0.3*(y-x) }},
		"Where":       {func(x, y *Tensor) *Tensor { return x.Where(x.Gt(y), y) }, func(x, y float64) float64 { return max(x, y) }},
		"Eq":          {func(x, y *Tensor) *Tensor { return x.Eq(x) }, func(x, y float64) float64 { return 1 }},
		"Gt":          {func(x, y *Tensor) *Tensor { return x.Gt(y) }, func(x, y float64) float64 { return truth(x > y) }},
		"Ge":          {func(x, y *Tensor) *Tensor { return x.Ge(y) }, func(x, y float64) float64 { return truth(x >= y) }},
		"IsFinite":    {func(x, y *Tensor) *Tensor { return x.Div(y.MulScalar(0)).IsFinite() }, func(x, y float64) float64 { return 0 }},
		"Relu":        {func(x, y *Tensor) *Tensor { return x.Relu() }, func(x, y float64) float64 { return max(x, 0) }},
		"Clone":       {func(x, y *Tensor) *Tensor { return x.Clone() }, func(x, y float64) float64 { return x }},
		"AddInto_":    {func(x, y *Tensor) *Tensor { return x.Clone().AddInto_(y, 0.5) }, func(x, y float64) float64 { return x + 0.5*y }},
		"AddScalar_":  {func(x, y *Tensor) *Tensor { return x.Clone().AddScalar_(0.5) }, func(x, y float64) float64 { return x + 0.5 }},
		"SubInto":     {func(x, y *Tensor) *Tensor { return x.SubInto(EmptyLike(x), y) }, func(x, y float64) float64 { return x - y }},
		"Sub_":        {func(x, y *Tensor) *Tensor { return x.Clone().Sub_(y) }, func(x, y float64) float64 { return x - y }},
		"Mul_":        {func(x, y *Tensor) *Tensor { return x.Clone().Mul_(y) }, func(x, y float64) float64 { return x * y }},
		"MulScalar_":  {func(x, y *Tensor) *Tensor { return x.Clone().MulScalar_(3) }, func(x, y float64) float64 { return 3 * x }},
		"Div_":        {func(x, y *Tensor) *Tensor { return x.Clone().Div_(y) }, func(x, y float64) float64 { return x / y }},
		"Exp_":        {func(x, y *Tensor) *Tensor { return x.Clone().Exp_() }, func(x, y float64) float64 { return math.Exp(x) }},
		"Clamp_":      {func(x, y *Tensor) *Tensor { return x.Clone().Clamp_(-0.5, 0.8) }, func(x, y float64) float64 { return min(max(x, -0.5), 0.8) }},
		"Lerp_":       {func(x, y *Tensor) *Tensor { return x.Clone().Lerp_(y, 0.3) }, func(x, y float64) float64 { return x + 0.3*(y-x) }},
		"Relu_":       {func(x, y *Tensor) *Tensor { return x.Clone().Relu_() }, func(x, y float64) float64 { return max(x, 0) }},
		"Fill_":       {func(x, y *Tensor) *Tensor { return x.Clone().Fill_(1.5) }, func(x, y float64) float64 { return 1.5 }},
		"Zero_":       {func(x, y *Tensor) *Tensor { return x.Clone().Zero_() }, func(x, y float64) float64 { return 0 }},
		"Copy_":       {func(x, y *Tensor) *Tensor { return x.Clone().Copy_(y) }, func(x, y float64) float64 { return y }},
		"ZerosLike":   {func(x, y *Tensor) *Tensor { return ZerosLike(x) }, func(x, y float64) float64 { return 0 }},
		"OnesLike":    {func(x, y *Tensor) *Tensor { return OnesLike(x) }, func(x, y float64) float64 { return 1 }},
		"EmptyLike":   {func(x, y *Tensor) *Tensor { return EmptyLike(x).Copy_(x) }, func(x, y float64) float64 { return x }},
		"ForeachAdd_": {func(x, y *Tensor) *Tensor { z := x.Clone(); ForeachAdd_([]*Tensor{z}, []*Tensor{y}, 2); return z }, func(x, y float64) float64 { return x + 2*y }},
		"ForeachMul_": {func(x, y *Tensor) *Tensor { z := x.Clone(); ForeachMul_([]*Tensor{z}, 2); return z }, func(x, y float64) float64 { return 2 * x }},
	} {
		t.Run(name, func(t *testing.T) {
			inRun(t, func() {
				want := make([]float64, 12)
				for i := range want {
					want[i] = c.want(a[i], b[i])
				}
				expect(t, name, c.got(FromFloat64(a, shape...), FromFloat64(b, shape...)), shape, want...)
			})
		})
	}
	inRun(t, func() { expect(t, "AddInt_", Arange(3).AddInt_(4), []int{3}, 4, 5, 6) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// reduce folds the elements of x [2,3,4] over dims in Go.
func reduce(dims []int, f func(values []float64) float64) []float64 {
	shape := []int{2, 3, 4}
	x := ramp(24)
	gone := map[int]bool{}
	for _, dim := range dims {
		gone[(dim+3)%3] = true
	}
	groups := map[string][]float64{}
	var order []string
	each(shape, func(at []int) {
		key := ""
		for i, n := range at {
			if !gone[i] {
				key += fmt.Sprint(n, ",")
			}
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], x[offset(shape, at)])
	})
	var out []float64
	for _, key := range order {
		out = append(out, f(groups[key]))
	}
	return out
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

func variance(v []float64, divisor float64) (s float64) {
	m := sum(v) / float64(len(v))
	for _, x := range v {
		s += (x - m) * (x - m)
	}
	return s / divisor
}

func TestReductions(t *testing.T) {
	type reduction struct {
		got  func(x *Tensor, dims []int, keep bool) *Tensor
		want func(v []float64) float64
	}
	for name, c := range map[string]reduction{
		"SumDim":  {(*Tensor).SumDim, sum},
		"MeanDim": {(*Tensor).MeanDim, func(v []float64) float64 { return sum(v) / float64(len(v)) }},
		"Amax": {(*Tensor).Amax, func(v []float64) float64 {
			m := v[0]
			for _, x := range v {
				m = max(m, x)
			}
			return m
		}},
		"NormDim": {(*Tensor).NormDim, func(v []float64) float64 {
			s := 0.0
			for _, x := range v {
				s += x * x
			}
			return math.Sqrt(s)
		}},
		"LogSumExp": {(*Tensor).LogSumExp, func(v []float64) float64 {
			s := 0.0
			for _, x := range v {
				s += math.Exp(x)
			}
			return math.Log(s)
		}},
		"VarDim biased":   {func(x *Tensor, dims []int, keep bool) *Tensor { return x.VarDim(dims, false, keep) }, func(v []float64) float64 { return variance(v, float64(len(v))) }},
		"VarDim unbiased": {func(x *Tensor, dims []int, keep bool) *Tensor { return x.VarDim(dims, true, keep) }, func(v []float64) float64 { return variance(v, float64(len(v)-1)) }},
		"VarMean":         {func(x *Tensor, dims []int, keep bool) *Tensor { v, _ := x.VarMean(dims, true, keep); return v }, func(v []float64) float64 { return variance(v, float64(len(v)-1)) }},
	} {
		for _, dims := range [][]int{{0}, {1}, {-1}, {0, 2}, {1, 2}} {
			t.Run(fmt.Sprint(name, dims), func(t *testing.T) {
				inRun(t, func() {
					x := d(2, 3, 4)
					want := reduce(dims, c.want)
					shape, kept := []int{}, []int{2, 3, 4}
					for _, dim := range dims {
						kept[(dim+3)%3] = 1
					}
					for i, s := range []int{2, 3, 4} {
						if kept[i] != 1 {
							shape = append(shape, s)
						}
					}
					expect(t, "dropped", c.got(x, dims, false), shape, want...)
					expect(t, "kept", c.got(x, dims, true), kept, want...)
				})
			})
		}
	}
	inRun(t, func() {
		x, v := d(2, 3, 4), ramp(24)
		expect(t, "Sum", x.Sum(), []int{}, sum(v))
		expect(t, "Mean", x.Mean(), []int{}, sum(v)/24)
		expect(t, "Norm", x.Norm(), []int{}, math.Sqrt(variance(v, 1)+sum(v)*sum(v)/24))
		low, high := v[0], v[0]
		for _, e := range v {
			low, high = min(low, e), max(high, e)
		}
		expect(t, "Max", x.Max(), []int{}, high)
		expect(t, "Min", x.Min(), []int{}, low)
		_, m := x.VarMean([]int{0, 1, 2}, true, false)
		expect(t, "VarMean's mean", m, []int{}, sum(v)/24)
		expect(t, "All", x.Gt(x.AddScalar(-1)).All(), []int{}, 1)
		expect(t, "Any", x.Gt(x).Any(), []int{}, 0)
	})
}

func TestOrder(t *testing.T) {
	inRun(t, func() {
		x := FromFloat64([]float64{3, -1, 2, 0.5, 7, 4}, 2, 3)
		v, at := x.MaxDim(1, false)
		expect(t, "MaxDim", v, []int{2}, 3, 7)
		expect(t, "MaxDim's indices", at, []int{2}, 0, 1)
		expect(t, "Argmax", x.Argmax(0, true), []int{1, 3}, 0, 1, 1)
		v, at = x.TopK(2, -1)
		expect(t, "TopK", v, []int{2, 2}, 3, 2, 7, 4)
		expect(t, "TopK's indices", at, []int{2, 2}, 0, 2, 1, 2)
		v, at = x.Sort(1, false)
		expect(t, "Sort", v, []int{2, 3}, -1, 2, 3, 0.5, 4, 7)
		expect(t, "Sort's indices", at, []int{2, 3}, 1, 2, 0, 0, 2, 1)
		expect(t, "Argsort", x.Argsort(1, true), []int{2, 3}, 0, 2, 1, 1, 2, 0)
		expect(t, "CumSum", x.CumSum(1), []int{2, 3}, 3, 2, 4, 0.5, 7.5, 11.5)
		expect(t, "Bincount", FromInt64([]int64{0, 2, 2, 3}, 4).Bincount(6), []int{6}, 1, 0, 2, 1, 0, 0)
	})
}

func TestProducts(t *testing.T) {
	product := func(a, b []float64, n, k, m int) []float64 {
		out := make([]float64, n*m)
		for i := range n {
			for j := range m {
				for l := range k {
					out[i*m+j] += a[i*k+l] * b[l*m+j]
				}
			}
		}
		return out
	}
	inRun(t, func() {
		a, b := ramp(12), ramp(20)
		want := product(a, b, 3, 4, 5)
		x, y := FromFloat64(a, 3, 4), FromFloat64(b, 4, 5)
		expect(t, "Mm", x.Mm(y), []int{3, 5}, want...)
		expect(t, "Matmul", x.Matmul(y), []int{3, 5}, want...)
		expect(t, "Bmm", Stack([]*Tensor{x, x}, 0).Bmm(Stack([]*Tensor{y, y}, 0)), []int{2, 3, 5}, append(want, want...)...)
		expect(t, "Linear", x.Linear(y.T(), FromFloat64([]float64{1, 2, 3, 4, 5}, 5)), []int{3, 5}, biased(want, 5)...)
		mixed := make([]float64, 15)
		for i, v := range want {
			mixed[i] = 0.5*ramp(15)[i] - 2*v
		}
		expect(t, "Addmm", d(3, 5).Addmm(x, y, 0.5, -2), []int{3, 5}, mixed...)
		expect(t, "Addmm_", d(3, 5).Addmm_(x, y, 0.5, -2), []int{3, 5}, mixed...)
	})
}

func biased(v []float64, m int) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] + float64(i%m+1)
	}
	return out
}
