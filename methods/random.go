package methods

import (
	"math/rand/v2"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/nn"
	"contralens/torch"
)

// Random draws everything that is random in a step, except the views.
type Random interface {
	// Order returns a permutation of n images for shuffling BN.
	Order(n int) []int64
	// Transform returns the feature transformation of n queries [n, d] and k negatives
	// [k, d]: λ and π. It is empty in steps without the transformation.
	Transform(n, k, d int) contrast.Draw
	// Negatives draws k negatives of a bank for each query.
	Negatives(bank *contrast.MemoryBank, k int) contrast.SampledNegatives
	// Patches returns an order of the patches of n images, int64 [9n], which permutes
	// the nine patches of each image.
	Patches(n int) []int64
	// Seed returns a number for further draws of the step, another one in each call.
	Seed() uint64
}

// seeded derives all draws from the run's seed and the step, except λ and π, which come
// from the model's stream.
type seeded struct {
	seed, step uint64
	calls      uint64 // number of draws so far; makes two draws of a kind differ
	stream     *contrast.Stream
	transform  ft.Transform // zero: nothing is transformed
	device     torch.Device
}

// Random returns the draws of a step, counted from 0.
func (m *Model) Random(step int, transforming bool) Random {
	s := &seeded{seed: m.Seed, step: uint64(step), stream: &m.Stream, device: m.Device()}
	if transforming {
		s.transform = m.Transform
	}
	return s
}

// next returns a generator for the next draw of a kind.
func (s *seeded) next(kind uint64) *rand.Rand {
	rng := rand.New(rand.NewPCG(s.seed^kind+s.calls<<56, s.step))
	s.calls++
	return rng
}

// Order depends on seed and step.
func (s *seeded) Order(n int) []int64 {
	order := make([]int64, n)
	for i, p := range s.next(0x73687566666c65).Perm(n) {
		order[i] = int64(p)
	}
	return order
}

// Transform takes the next draw of the model's stream.
func (s *seeded) Transform(n, k, d int) contrast.Draw {
	if !s.transform.On() {
		return contrast.Draw{}
	}
	return s.stream.Next(s.transform, n, k, d, s.device)
}

// Negatives depend on seed and step.
func (s *seeded) Negatives(bank *contrast.MemoryBank, k int) contrast.SampledNegatives {
	s.calls++
	return bank.Draw(k, s.seed+s.calls<<56, s.step)
}

// Seed depends on seed and step.
func (s *seeded) Seed() uint64 { return s.next(0x73796e7468).Uint64() }

// Patches depend on seed and step.
func (s *seeded) Patches(n int) []int64 {
	rng := s.next(0x6a6967736177)
	order := make([]int64, 0, nn.JigsawPatches*n)
	for image := range n {
		for _, p := range rng.Perm(nn.JigsawPatches) {
			order = append(order, int64(image*nn.JigsawPatches+p))
		}
	}
	return order
}
