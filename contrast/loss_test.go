package contrast

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/numeric"
	"contralens/torch"
)

// relative is a loss and its definition, number by number in float64. pos has the positive
// score of each query, neg its negative scores; a definition returns the loss of each query.
// frozen are the positive scores that weights and temperatures come from, because their
// gradient is stopped.
type relative struct {
	loss       Loss
	definition func(pos, frozen []float64, neg [][]float64, frozenNeg [][]float64, τ float64) []float64
}

func exps(scores []float64, τ float64) (sum float64) {
	for _, s := range scores {
		sum += math.Exp(s / τ)
	}
	return sum
}

func meanOf(v []float64) float64 { return average(v) }

// relatives are the losses with settings other than their limits, as their papers write them.
func relatives() map[string]relative {
	each := func(loss func(p, n float64) float64) func(pos, _ []float64, neg, _ [][]float64, τ float64) []float64 {
		return func(pos, _ []float64, neg, _ [][]float64, τ float64) (out []float64) {
			for i, s := range pos {
				out = append(out, loss(math.Exp(s/τ), exps(neg[i], τ)))
			}
			return out
		}
	}
	hard := func(β, τPlus float64) func(pos, _ []float64, neg, _ [][]float64, τ float64) []float64 {
		return func(pos, _ []float64, neg, _ [][]float64, τ float64) (out []float64) {
			for i, s := range pos {
				n, sum, weights := float64(len(neg[i])), 0.0, 0.0
				for _, s := range neg[i] {
					sum += math.Exp((1 + β) * s / τ)
					weights += math.Exp(β*s/τ) / n
				}
				p := math.Exp(s / τ)
				g := math.Max((sum/weights-τPlus*n*p)/(1-τPlus), n*math.Exp(-1/τ))
				out = append(out, -math.Log(p/(p+g)))
			}
			return out
		}
	}
	return map[string]relative{
		"InfoNCE": {CrossEntropy{}, each(func(p, n float64) float64 { return -math.Log(p / (p + n)) })},
		"DCL":     {DCL{}, each(func(p, n float64) float64 { return -math.Log(p / n) })},
		"DCLW": {DCL{Sigma: 0.5}, func(pos, frozen []float64, neg, _ [][]float64, τ float64) (out []float64) {
			for i, s := range pos {
				w := 2 - math.Exp(frozen[i]/0.5)/(exps(frozen, 0.5)/float64(len(pos)))
				out = append(out, -w*s/τ+math.Log(exps(neg[i], τ)))
			}
			return out
		}},
		"debiased": {HCL{TauPlus: 0.1}, hard(0, 0.1)},
		"HCL":      {HCL{Beta: 0.7, TauPlus: 0.1}, hard(0.7, 0.1)},
		// So large a share of false negatives that the bound from below holds for some queries.
		"HCL bounded": {HCL{Beta: 0.5, TauPlus: 0.6}, hard(0.5, 0.6)},
		"RINCE": {RINCE{Q: 0.3, Lambda: 0.05}, each(func(p, n float64) float64 {
			return -math.Pow(p, 0.3)/0.3 + math.Pow(0.05*(p+n), 0.3)/0.3
		})},
		"MACL": {MACL{Alpha: 0.5, Alignment: 0.1}, func(pos, frozen []float64, neg, frozenNeg [][]float64, τ float64) (out []float64) {
			τ *= 1 + 0.5*(meanOf(frozen)-0.1)
			for i, s := range pos {
				p, of := math.Exp(s/τ), math.Exp(frozen[i]/τ)
				out = append(out, -math.Log(p/(p+exps(neg[i], τ)))/(1-of/(of+exps(frozenNeg[i], τ))))
			}
			return out
		}},
	}
}

// Every relative equals its definition on a queue and on a memory bank, by all paths, with and
// without the feature transformation: loss and gradient.
func TestRelatives(t *testing.T) {
	for name, r := range relatives() {
		for side, transform := range transforms() {
			for path, contrast := range paths {
				for _, memory := range []string{"queue", "bank"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", name, side, path, memory), func(t *testing.T) {
						inRun(t, func() { equalsDefinition(t, r, transform, contrast, path == "fused", memory == "bank") })
					})
				}
			}
		}
	}
}

// equalsDefinition compares a relative with its definition. A bank has rows of their own for every query.
func equalsDefinition(t *testing.T, r relative, transform ft.Transform, contrast contrastFunc, fused, bank bool) {
	const n, k, d, τ = 4, 9, 6, 0.3
	stream := Stream{Seed: 7}
	draw := stream.Next(transform, n, k, d, torch.CPU)
	dtype, tolerance := torch.Float64, 1e-10
	if fused && !bank { // its kernel reads float32
		dtype, tolerance = torch.Float32, 1e-4
	} else {
		draw = draw.inFloat64()
	}
	// Some keys are near their queries, as in a training.
	q := unitRows(n, d, 1).To(dtype)
	key := q.MulScalar(0.8).Add(unitRows(n, d, 2).To(dtype)).Normalize(1)
	memory := unitRows(k, d, 3).To(dtype)
	var negatives Negatives = QueueNegatives{Rows: memory}
	at := func(_, i int) int64 { return int64(i) }
	if bank {
		memory = unitRows(k+2, d, 3).To(dtype)
		at = func(query, i int) int64 { return int64((3*query + i*i + 5*i) % (k + 2)) }
		negatives = SampledNegatives{Bank: memory, Count: k, At: at}
	}
	q.SetRequiresGrad(true)
	out := contrast(q, key, negatives, draw, Options{Temperature: τ, Loss: r.loss})
	out.Loss.Backward()

	λ, keys, stored := plainly(draw, d, k), rows(key), rows(memory)
	scores := func(x [][]float64) (pos []float64, neg [][]float64) {
		for i := range x {
			q1 := mixed(λ.positive, i, x[i], keys[i])
			pos = append(pos, dot(q1, mixed(λ.positive, i, keys[i], x[i])))
			var of []float64
			for j := range k {
				of = append(of, dot(q1, mixed(λ.negative, j, stored[at(i, j)], stored[at(i, int(λ.permutation[j]))])))
			}
			neg = append(neg, of)
		}
		return pos, neg
	}
	x := rows(q)
	frozen, frozenNeg := scores(clone(x))
	want, slopes := withSlopes(x, func(x [][]float64) float64 {
		pos, neg := scores(x)
		return meanOf(r.definition(pos, frozen, neg, frozenNeg, τ))
	})
	numeric.Near(t, "loss", out.Loss.Item(), want, tolerance*max(1, math.Abs(want)))
	numeric.Near(t, "value", out.Value, want, tolerance*max(1, math.Abs(want)))
	numeric.AllNear(t, "gradient", q.Grad().Float64s(), slopes, max(tolerance, 1e-7)*numeric.Largest(slopes))
	expectChance(t, r.loss, out, k)
}

// expectChance compares the level of chance, ln(1+n): at equal scores InfoNCE is ln(1+K), and DCL, without the
// positive in the sum, ln K. MACL is ln(1+K)(1+K)/K, to the nearest n. RINCE is no logarithm.
func expectChance(t *testing.T, loss Loss, out *Output, negatives int) {
	t.Helper()
	switch loss.(type) {
	case DCL:
		negatives--
	case RINCE:
		negatives = 0
	case MACL:
		k := float64(negatives)
		if off := math.Log(float64(out.Negatives)+1) - math.Log(k+1)*(k+1)/k; math.Abs(off) > 0.5/float64(out.Negatives) {
			t.Errorf("chance is that of %d negatives, off by %v", out.Negatives, off)
		}
		return
	}
	if out.Negatives != negatives {
		t.Errorf("chance is that of %d negatives, want %d", out.Negatives, negatives)
	}
}

// withSlopes returns f(x) and its derivatives with respect to all elements of x.
func withSlopes(x [][]float64, f func([][]float64) float64) (value float64, slopes []float64) {
	const h = 1e-5
	value = f(x)
	for _, row := range x {
		for c, v := range row {
			row[c] = v + h
			above := f(x)
			row[c] = v - h
			slopes = append(slopes, (above-f(x))/(2*h))
			row[c] = v
		}
	}
	return value, slopes
}

// Every relative equals its definition within a batch, where gradients flow through
// positives and negatives alike, with and without the feature transformation.
func TestRelativesOfBatch(t *testing.T) {
	const n, d, τ = pairs, 6, 0.3
	for name, r := range relatives() {
		for side, transform := range transforms() {
			for path, contrast := range map[string]func(u, v *torch.Tensor, draw Draw, o Options) *Output{"fused": NTXent, "plain": NTXentPlain} {
				t.Run(name+"/"+side+"/"+path, func(t *testing.T) {
					inRun(t, func() {
						draw := drawOfBatch(transform, d).inFloat64()
						u := unitRows(n, d, 1).To(torch.Float64)
						v := u.MulScalar(0.8).Add(unitRows(n, d, 2).To(torch.Float64)).Normalize(1)
						u.SetRequiresGrad(true)
						v.SetRequiresGrad(true)
						out := contrast(u, v, draw, Options{Temperature: τ, Loss: r.loss})
						out.Loss.Backward()
						z := append(rows(u), rows(v)...)
						frozen, frozenNeg := scoresOfBatch(clone(z), draw)
						want, slopes := withSlopes(z, func(z [][]float64) float64 {
							pos, neg := scoresOfBatch(z, draw)
							return meanOf(r.definition(pos, frozen, neg, frozenNeg, τ))
						})
						numeric.Near(t, "loss", out.Value, want, 1e-10*max(1, math.Abs(want)))
						gradient := append(u.Grad().Float64s(), v.Grad().Float64s()...)
						numeric.AllNear(t, "gradient", gradient, slopes, 1e-7*numeric.Largest(slopes))
					})
				})
			}
		}
	}
}

// The relatives have the limits that their papers name: HCL without hardness and without
// false negatives is InfoNCE, and so is MACL whose temperature does not move, up to its
// weight; the gradient of RINCE approaches that of InfoNCE. The temperature of MACL is at least a tenth of τ_0.
func TestRelativesInTheLimit(t *testing.T) {
	inRun(t, func() {
		const τ = 0.3
		queue := unitRows(20, 8, 3).To(torch.Float64)
		of := func(n int, τ float64, loss Loss) (float64, []float64) {
			q, key := unitRows(n, 8, 1).To(torch.Float64).SetRequiresGrad(true), unitRows(n, 8, 2).To(torch.Float64)
			out := operators(q, key, QueueNegatives{Rows: queue}, Draw{}, Options{Temperature: τ, Loss: loss})
			out.Loss.Backward()
			return out.Value, q.Grad().Float64s()
		}
		gradient := func(loss Loss) (float64, []float64) { return of(3, τ, loss) }
		value, slopes := gradient(nil)
		for name, loss := range map[string]Loss{"InfoNCE": CrossEntropy{}, "HCL": HCL{}} {
			v, s := gradient(loss)
			numeric.Near(t, name, v, value, 1e-12)
			numeric.AllNear(t, name, s, slopes, 1e-11*numeric.Largest(slopes))
		}
		_, s := gradient(RINCE{Q: 1e-7, Lambda: 1})
		numeric.AllNear(t, "RINCE", s, slopes, 1e-5*numeric.Largest(slopes))

		for _, bounded := range []bool{false, true} {
			at, loss := τ, MACL{Alignment: 0.1}
			if bounded { // 1 + α (A - A_0) is below 0
				at, loss = τ/10, MACL{Alpha: 1, Alignment: 3}
			}
			value, slopes := of(1, at, nil)
			weight := 1 / (1 - math.Exp(-value)) // 1/(1-P)
			for i := range slopes {
				slopes[i] *= weight
			}
			v, s := of(1, τ, loss)
			numeric.Near(t, "MACL", v, weight*value, 1e-11*weight*value)
			numeric.AllNear(t, "MACL", s, slopes, 1e-11*numeric.Largest(slopes))
		}
	})
}

// Statistics and rows of scores are those of InfoNCE for every relative, and collecting them
// changes neither loss nor gradient.
func TestStatisticsOfRelatives(t *testing.T) {
	for name, r := range relatives() {
		for path, contrast := range map[string]contrastFunc{"fused": InfoNCE, "operators": operators, "on a device": onDevice} {
			t.Run(name+"/"+path, func(t *testing.T) {
				inRun(t, func() {
					checkStatistics(t, contrast, 5, 33, ft.Paper(), Options{Loss: r.loss}, 0.2)
					q, key, queue := unitRows(5, 8, 1), unitRows(5, 8, 2), unitRows(33, 8, 3)
					plain := contrast(q, key, QueueNegatives{Rows: queue}, Draw{}, Options{Temperature: 0.2})
					if out := contrast(q, key, QueueNegatives{Rows: queue}, Draw{}, Options{Temperature: 0.2, Loss: r.loss}); out.Accuracy != plain.Accuracy {
						t.Errorf("accuracy %v, want %v", out.Accuracy, plain.Accuracy)
					}
				})
			})
		}
	}
}

// Within a batch, DCL, DCLW and MACL have the losses and gradients of lightly, an independent
// implementation, and HCL, the debiased contrast and RINCE those of their authors' code;
// testdata/relatives.py and testdata/rince.py ran them.
func TestRelativesOfOthers(t *testing.T) {
	for file, losses := range map[string]map[string]Loss{
		"relatives": {
			"dcl": DCL{}, "dclw": DCL{Sigma: 0.5}, "macl": MACL{Alpha: 0.5, Alignment: 0.1},
			"hcl": HCL{Beta: 0.7, TauPlus: 0.1}, "debiased": HCL{TauPlus: 0.1},
		},
		"rince": {"rince 0.1": RINCE{Q: 0.1, Lambda: 0.01}, "rince 0.5": RINCE{Q: 0.5, Lambda: 0.01}},
	} {
		relativesOfOthers(t, "testdata/"+file+".json", losses)
	}
}

// relativesOfOthers compares losses by name with the cases of a file.
func relativesOfOthers(t *testing.T, file string, losses map[string]Loss) {
	t.Helper()
	var c struct {
		U, V  [][]float64
		Cases []struct {
			Name string
			Loss float64
			U, V [][]float64
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Cases) != len(losses) {
		t.Fatalf("%d cases, want %d", len(c.Cases), len(losses))
	}
	for _, tc := range c.Cases {
		inRun(t, func() {
			leaf := func(rows [][]float64) *torch.Tensor {
				return torch.FromFloat64(slices.Concat(rows...), len(rows), len(rows[0])).SetRequiresGrad(true)
			}
			u, v := leaf(c.U), leaf(c.V)
			out := NTXent(u.Normalize(1), v.Normalize(1), Draw{}, Options{Temperature: 0.2, Loss: losses[tc.Name]})
			out.Loss.Backward()
			tolerance := 1e-12
			if tc.Name == "macl" {
				tolerance = 1e-7 // it adds 1e-8 to 1-P
			}
			numeric.Near(t, tc.Name, out.Value, tc.Loss, tolerance*math.Abs(tc.Loss))
			for name, pair := range map[string][2][]float64{
				"u": {u.Grad().Float64s(), slices.Concat(tc.U...)}, "v": {v.Grad().Float64s(), slices.Concat(tc.V...)},
			} {
				numeric.AllNear(t, tc.Name+", gradient of "+name, pair[0], pair[1], tolerance*numeric.Largest(pair[1]))
			}
		})
	}
}
