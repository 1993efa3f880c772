package contrast

import (
	"fmt"
	"math"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/torch"
)

// This file computes the losses by their definitions, number by number in float64, with
// the feature transformation. It shares no code with the implementation.

// mixed returns λa + (1-λ)b for row i.
func mixed(λ func(row, column int) float64, i int, a, b []float64) []float64 {
	out := make([]float64, len(a))
	for c := range a {
		out[c] = λ(i, c)*a[c] + (1-λ(i, c))*b[c]
	}
	return out
}

func softmaxOf(scores []float64) []float64 {
	shares, sum := make([]float64, len(scores)), 0.0
	for _, s := range scores {
		sum += math.Exp(s)
	}
	for i, s := range scores {
		shares[i] = math.Exp(s) / sum
	}
	return shares
}

// transforms returns transformations of one side, of the other and of both, with one λ or
// one per element.
func transforms() map[string]ft.Transform {
	all := map[string]ft.Transform{"plain": {}}
	for _, elementwise := range []bool{false, true} {
		positive := ft.Side{On: true, Uniform: true, Extrapolate: true, Elementwise: elementwise}
		negative := ft.Side{On: true, Uniform: true, Elementwise: elementwise}
		all[fmt.Sprint("positives, elementwise ", elementwise)] = ft.Transform{Positive: positive}
		all[fmt.Sprint("negatives, elementwise ", elementwise)] = ft.Transform{Negative: negative}
		all[fmt.Sprint("both, elementwise ", elementwise)] = ft.Transform{Positive: positive, Negative: negative}
	}
	return all
}

// pairs is the number of images, each in two views, of a batch that is held to the definition of SimCLR.
const pairs = 5

// drawOfBatch draws for a batch of pairs, with a fixed π.
func drawOfBatch(transform ft.Transform, d int) Draw {
	stream := Stream{Seed: 7}
	draw := stream.Next(transform, 2*pairs, 2*pairs, d, torch.CPU)
	if draw.Negative != nil {
		draw.Permutation = torch.FromInt64([]int64{9, 3, 0, 7, 4, 1, 8, 2, 5, 6}, 2*pairs)
	}
	return draw
}

// scoresOfBatch are those of every feature z = [u; v] with the other view of its image and with both
// views of the other images, transformed as drawn.
func scoresOfBatch(z [][]float64, draw Draw) (pos []float64, neg [][]float64) {
	const n = pairs
	partner := []int{4, 2, 3, 0, 1} // in the circle of images 3 0 4 1 2 that π names
	λ := plainly(draw, len(z[0]), 2*n)
	for i := range 2 * n {
		other := z[(i+n)%(2*n)]
		q := mixed(λ.positive, i, z[i], other)
		pos = append(pos, dot(q, mixed(λ.positive, i, other, z[i])))
		var of []float64
		for j := range 2 * n {
			image, with := j%n, partner[j%n]
			if image != i%n && (draw.Negative == nil || with != i%n) {
				of = append(of, dot(q, mixed(λ.negative, j, z[j], z[j-image+with])))
			}
		}
		neg = append(neg, of)
	}
	return pos, neg
}

// NTXent as defined in the paper of SimCLR: every query is compared with the other view of
// its image and with both views of the other images.
func TestNTXentDefinition(t *testing.T) {
	const n, d, τ = pairs, 6, 0.3
	definition := func(z [][]float64, draw Draw) (loss float64) {
		pos, neg := scoresOfBatch(z, draw)
		for i, s := range pos {
			p := math.Exp(s / τ)
			loss -= math.Log(p/(p+exps(neg[i], τ))) / (2 * n)
		}
		return loss
	}
	for name, transform := range transforms() {
		for path, contrast := range map[string]func(u, v *torch.Tensor, draw Draw, o Options) *Output{"fused": NTXent, "plain": NTXentPlain} {
			check := func(t *testing.T, dtype torch.Dtype) {
				inRun(t, func() {
					draw := drawOfBatch(transform, d)
					ofLoss, ofGradient := lossRounding(draw, d, 2*n, τ), 1e-5
					if dtype == torch.Float64 {
						draw, ofLoss, ofGradient = draw.inFloat64(), 1e-12, 1e-7 // the slopes' own precision
					}
					u, v := unitRows(n, d, 1).To(dtype).SetRequiresGrad(true), unitRows(n, d, 2).To(dtype).SetRequiresGrad(true)
					z := append(rows(u), rows(v)...)
					out := contrast(u, v, draw, Options{Temperature: τ})
					out.Loss.Backward()
					numeric.Near(t, "loss", out.Value, definition(z, draw), ofLoss)
					_, slopes := withSlopes(z, func(z [][]float64) float64 { return definition(z, draw) })
					gradient := append(u.Grad().Float64s(), v.Grad().Float64s()...)
					numeric.AllNear(t, "gradient", gradient, slopes, ofGradient*numeric.Largest(slopes))
				})
			}
			for _, dtype := range []torch.Dtype{torch.Float32, torch.Float64} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, path, dtype), func(t *testing.T) { check(t, dtype) })
			}
		}
	}
}

// The contrast with rows n'_i = λ_i n_i + (1-λ_i) n_π(i) of a bank, also if they are
// gathered in several blocks.
func TestDrawnDefinition(t *testing.T) {
	const queries, images, τ = 2, 20, 0.3
	for name, transform := range transforms() {
		if transform.Positive.On {
			continue
		}
		for size, shape := range map[string][2]int{"one block": {9, 5}, "two blocks": {1100, 2048}} {
			k, d := shape[0], shape[1]
			if several := k*d > blockElements; several != (size == "two blocks") {
				t.Fatalf("%s: %d numbers in blocks of %d", size, k*d, blockElements)
			}
			t.Run(name+"/"+size, func(t *testing.T) {
				inRun(t, func() {
					stream := Stream{Seed: 7}
					draw := stream.Next(transform, queries, k, d, torch.CPU)
					key, bank := unitRows(queries, d, 2), unitRows(images, d, 3)
					at := func(query, i int) int64 { return int64(7*query+i*i) % images }

					q, keys, stored, plain := rows(unitRows(queries, d, 1)), rows(key), rows(bank), plainly(draw, d, k)
					loss, gradient := 0.0, make([]float32, 0, queries*d)
					for query := range queries {
						met := [][]float64{keys[query]}
						for i := range k {
							met = append(met, mixed(plain.negative, i, stored[at(query, i)], stored[at(query, int(plain.permutation[i]))]))
						}
						scores := make([]float64, len(met))
						for i, n := range met {
							scores[i] = dot(q[query], n) / τ
						}
						shares := softmaxOf(scores)
						loss -= math.Log(shares[0]) / queries
						for c := range d {
							slope := -keys[query][c]
							for i, n := range met {
								slope += shares[i] * n[c]
							}
							gradient = append(gradient, float32(slope/(τ*queries)))
						}
					}
					for path, contrast := range paths {
						if path == "operators" {
							continue // which is what "fused" is for a bank
						}
						x := unitRows(queries, d, 1).SetRequiresGrad(true)
						out := contrast(x, key, SampledNegatives{Bank: bank, Count: k, At: at}, draw, Options{Temperature: τ})
						out.Loss.Backward()
						numeric.Near(t, path+": loss", out.Value, loss, lossRounding(draw, d, k, τ))
						golden.Near(t, path+": gradient", x.Grad().Float32s(), gradient, 5e-6)
					}
				})
			})
		}
	}
}

// Similarity is the mean of -p'·z', with the gradient -(λz' + (1-λ)p')/N: none flows
// through the target.
func TestSimilarityDefinition(t *testing.T) {
	const n, d = 6, 8
	for name, transform := range transforms() {
		if transform.Negative.On {
			continue
		}
		t.Run(name, func(t *testing.T) {
			inRun(t, func() {
				stream := Stream{Seed: 7}
				draw := stream.Next(transform, n, 0, d, torch.CPU)
				λ := plainly(draw, d, 0).positive
				x, target := unitRows(n, d, 1).SetRequiresGrad(true), unitRows(n, d, 2).SetRequiresGrad(true)
				loss, gradient := 0.0, make([]float32, 0, n*d)
				z := rows(target)
				for i, p := range rows(x) {
					p1, z1 := mixed(λ, i, p, z[i]), mixed(λ, i, z[i], p)
					loss -= dot(p1, z1) / n
					for _, slope := range mixed(λ, i, z1, p1) {
						gradient = append(gradient, float32(-slope/n))
					}
				}
				for _, bound := range []float64{0, 2} {
					x.ClearGrad()
					out := Similarity(x, target, draw, Options{Temperature: 0.1, Bound: bound})
					out.Loss.Backward()
					numeric.Near(t, "loss", out.Value, loss, lossRounding(draw, d, n, 1))
					golden.Near(t, "gradient", x.Grad().Float32s(), gradient, 1e-5)
					if target.Grad() != nil {
						t.Error("the target has a gradient")
					}
				}
			})
		})
	}
}
