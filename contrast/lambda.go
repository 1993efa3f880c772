package contrast

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"contralens/contrast/ft"
	"contralens/torch"
)

// Stream draws λ and π. A draw depends only on the seed and its number, so these two numbers
// are the state of the stream: a resumed run continues with the same draws.
type Stream struct {
	Seed uint64
	Step uint64 // draws made so far
}

// Next draws λ and π for queries [n, d] and a queue [k, d] on device.
func (s *Stream) Next(t ft.Transform, n, k, d int, device torch.Device) Draw {
	rng := rand.New(rand.NewPCG(s.Seed^0x66742f6c616d6264, s.Step))
	s.Step++
	draw := Draw{NormalizePositive: t.Positive.Normalize, NormalizeNegative: t.Negative.Normalize}
	if t.Positive.On {
		draw.Positive = drawLambda(t.Positive, rng, n, d, device)
	}
	if t.Negative.On {
		draw.Negative = drawLambda(t.Negative, rng, k, d, device)
		π := make([]int64, k)
		for i, p := range rng.Perm(k) {
			π[i] = int64(p)
		}
		draw.Permutation = device.FromInt64(π, k)
	}
	return draw
}

// drawLambda draws the λ of one side. An elementwise λ is [rows, d].
func drawLambda(s ft.Side, rng *rand.Rand, rows, d int, device torch.Device) *Lambda {
	next := rng.Float64
	if !s.Uniform {
		next = distuv.Beta{Alpha: s.Alpha, Beta: s.Alpha, Src: rng}.Rand
	}
	shift := 0.0
	if s.Extrapolate {
		shift = 1
	}
	if !s.Elementwise {
		return &Lambda{Value: next() + shift}
	}
	values := make([]float32, rows*d)
	for i := range values {
		values[i] = float32(next() + shift)
	}
	return &Lambda{Elements: device.FromFloat32(values, rows, d)}
}
