package contrast

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"contralens/contrast/ft"
	"contralens/torch"
)

// Stream draws λ and π. A draw depends only on the seed and its number, so these two numbers
// are the state of the stream: a resumed run continues with the same draws. A λ for all
// rows is the same on every device; λ per element and π differ between the CPU and a GPU,
// because each draws them where they are used.
type Stream struct {
	Seed uint64
	Step uint64 // draws made so far
}

// Next draws λ and π for queries [n, d] and a queue [k, d] on device.
func (s *Stream) Next(t ft.Transform, n, k, d int, device torch.Device) Draw {
	if device.IsCPU() {
		return s.draw(t, n, k, d, s.host())
	}
	g := torch.NewGenerator(mix(mix(s.Seed^streamKey)+s.Step), device)
	defer g.Free()
	return s.draw(t, n, k, d, generated{s.host(), g, device})
}

// streamKey separates this stream from others of the same seed.
const streamKey = 0x66742f6c616d6264

// host returns the randomness of the next draw on the host.
func (s *Stream) host() host { return host{rand.New(rand.NewPCG(s.Seed^streamKey, s.Step))} }

func (s *Stream) draw(t ft.Transform, n, k, d int, r randomness) Draw {
	s.Step++
	draw := Draw{NormalizePositive: t.Positive.Normalize, NormalizeNegative: t.Negative.Normalize}
	if t.Positive.On {
		draw.Positive = drawLambda(t.Positive, r, n, d)
	}
	if t.Negative.On {
		draw.Negative = drawLambda(t.Negative, r, k, d)
		draw.Permutation = r.permutation(k)
	}
	return draw
}

// drawLambda draws the λ of one side. An elementwise λ is [rows, d].
func drawLambda(s ft.Side, r randomness, rows, d int) *Lambda {
	shift := 0.0
	if s.Extrapolate {
		shift = 1
	}
	if !s.Elementwise {
		return &Lambda{Value: r.number(s) + shift}
	}
	return &Lambda{Elements: r.elements(s, shift, rows, d)}
}

// randomness is what a draw is made of.
type randomness interface {
	// number draws from a side's distribution.
	number(s ft.Side) float64
	// elements draws from a side's distribution, plus shift: float32 [rows, d].
	elements(s ft.Side, shift float64, rows, d int) *torch.Tensor
	// permutation draws π, int64 [k].
	permutation(k int) *torch.Tensor
}

// host draws one number after the other.
type host struct{ *rand.Rand }

func (h host) sampler(s ft.Side) func() float64 {
	if s.Uniform {
		return h.Float64
	}
	return distuv.Beta{Alpha: s.Alpha, Beta: s.Alpha, Src: h.Rand}.Rand
}

func (h host) number(s ft.Side) float64 { return h.sampler(s)() }

func (h host) elements(s ft.Side, shift float64, rows, d int) *torch.Tensor {
	next, values := h.sampler(s), make([]float32, rows*d)
	for i := range values {
		values[i] = float32(next() + shift)
	}
	return torch.FromFloat32(values, rows, d)
}

func (h host) permutation(k int) *torch.Tensor {
	π := make([]int64, k)
	for i, p := range h.Perm(k) {
		π[i] = int64(p)
	}
	return torch.FromInt64(π, k)
}

// generated draws tensors on their device, and numbers on the host.
type generated struct {
	host
	generator *torch.Generator
	device    torch.Device
}

// elements draws Beta(a, a) as x/(x+y) with x and y from the gamma distribution of shape a.
func (g generated) elements(s ft.Side, shift float64, rows, d int) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		o := torch.Options{Device: g.device}
		if s.Uniform {
			return torch.Empty([]int{rows, d}, o).Uniform_(0, 1, g.generator).AddScalar_(shift)
		}
		shape := torch.Full([]int{rows, d}, s.Alpha, o)
		x, y := shape.StandardGamma(g.generator), shape.StandardGamma(g.generator)
		return x.Div_(y.AddInto_(x, 1)).AddScalar_(shift)
	})
}

func (g generated) permutation(k int) *torch.Tensor { return torch.RandomPermutation(k, g.generator) }
