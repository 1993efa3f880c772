package methods

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/contrast"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

type trainCase struct {
	Params struct {
		Arch, Head  string
		FillSeed    uint64 `json:"fill_seed"`
		Momentum    float64
		WeightDecay float64 `json:"weight_decay"`
		Bsz, Size   int
		Steps       int
		Seed        uint64
		K           int
		T           float64
		FeatDim     int `json:"feat_dim"`
		LR          float64
		EMA         float64
	}
	Steps []struct {
		Loss         float64
		Index        int
		Grad         map[string][2]float64
		Model        map[string][2]float64
		EMA          map[string][2]float64
		ModelBuffers map[string][2]float64 `json:"model_buffers"`
		EMABuffers   map[string][2]float64 `json:"ema_buffers"`
	} `json:"steps_state"`
	Sensitivity []struct {
		Loss  float64
		Model float64 `json:"model_norm_worst"`
		Grad  float64 `json:"grad_norm_worst"`
	} `json:"sensitivity_to_1e-6_weight_noise"`
}

// fill gives m the weights of the fill formula. noiseSeed, unless 0, adds normally
// distributed noise of 1e-6 of each.
func fill(t *testing.T, m *nn.Model, seed, noiseSeed uint64) {
	t.Helper()
	values := golden.Fill(m.State.Shapes(), seed)
	rng := rand.New(rand.NewPCG(seed, noiseSeed))
	for _, e := range m.State {
		if noiseSeed == 0 || e.Buffer {
			continue
		}
		for i := range values[e.Name] {
			values[e.Name][i] *= float32(1 + 1e-6*rng.NormFloat64())
		}
	}
	err := m.State.Load(func(name string) ([]int, []float32, error) { return m.State.Shapes()[name], values[name], nil })
	if err != nil {
		t.Fatal(err)
	}
}

// TestTrainGolden compares whole steps with the reference trainer: key encoder, query
// encoder, contrast, gradients, SGD, momentum update, queue or bank.
func TestTrainGolden(t *testing.T) {
	for _, name := range golden.Cases(t, "train") {
		t.Run(name, func(t *testing.T) {
			c := golden.Load(t, "train", name)
			var tc trainCase
			c.Unmarshal(&tc)
			before := torch.LiveTensors()
			err := torch.Run(func() error {
				torch.Scoped(func() { follow(t, c, tc, moved(t, c, tc)) })
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := torch.LiveTensors() - before; n != 0 {
				t.Errorf("%d tensors left alive", n)
			}
		})
	}
}

// recorded has the draws of a step of the reference.
type recorded struct {
	c    *golden.Case
	step int
}

// Seed is not asked for: the reference has no further draws.
func (recorded) Seed() uint64 { panic("no recorded seed") }

func (r recorded) name(what string) string { return fmt.Sprint(what, "_", r.step) }

func (r recorded) Order(int) []int64 { return r.c.Array(r.name("shuffle_ids")).I64 }

func (r recorded) Transform(_, k, _ int) contrast.Draw {
	draw := contrast.Draw{Positive: mask(r.c, r.name("pos_mask")), Negative: mask(r.c, r.name("neg_mask"))}
	if r.c.Has(r.name("perm")) {
		draw.Permutation = torch.FromInt64(r.c.Array(r.name("perm")).I64, k)
	}
	return draw
}

func (r recorded) Negatives(bank *contrast.MemoryBank, k int) contrast.SampledNegatives {
	drawn := r.c.Array(r.name("idx_drawn")).I64 // column 0 is the positive
	return contrast.SampledNegatives{Bank: bank.Rows, Count: k, At: func(query, i int) int64 { return drawn[query*(k+1)+i+1] }}
}

func (r recorded) Patches(int) []int64 { return nil }

// started returns the case's model before its first step.
func started(t *testing.T, c *golden.Case, tc trainCase, noiseSeed uint64) *Model {
	t.Helper()
	p := tc.Params
	memory, shape := c.F32("memory_0")
	o := Options{Net: nn.Config{Arch: p.Arch, Head: p.Head, FeatDim: p.FeatDim}, Memory: "moco", Images: shape[0], K: p.K, Alpha: p.EMA, BankMomentum: 0.5, Temperature: p.T, Momentum: p.Momentum, WeightDecay: p.WeightDecay}
	if c.Has("y_0") {
		o.Memory = "bank"
	}
	m, err := NewModel(o)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, m.Query, p.FillSeed, noiseSeed)
	if m.Key != nil {
		fill(t, m.Key, p.FillSeed, noiseSeed)
	}
	m.Method.State().Contrast[0].Tensor.Copy_(torch.FromFloat32(memory, shape...))
	return m
}

// batchOf returns the input of a step, counted from 0, for a model with the given
// number of crops.
func batchOf(c *golden.Case, tc trainCase, s, crops int) *Batch {
	p := tc.Params
	n, plane := p.Bsz, 3*p.Size*p.Size
	// The input has the crops concatenated along the channels.
	all := torch.FromFloat32(golden.Input(golden.CInput+1000+uint64(s)+16*p.Seed, n*crops*plane), n, 3*crops, p.Size, p.Size)
	b := &Batch{Random: recorded{c, s}, Collect: Collect{Scores: true}}
	for i := range crops {
		b.Crops = append(b.Crops, all.Narrow(1, 3*i, 3).Contiguous())
	}
	if y := fmt.Sprint("y_", s); c.Has(y) {
		b.Images = c.Array(y).I64
	}
	return b
}

// follow takes the case's steps. If the reference has recorded no sensitivity of a
// value, it may differ by ten times its movement with noise. Losses and norms may
// differ by ten times theirs.
func follow(t *testing.T, c *golden.Case, tc trainCase, moves []movement) {
	p := tc.Params
	m := started(t, c, tc, 0)
	defer m.Free()
	rows := m.Method.State().Contrast[0].Tensor
	for s := range tc.Steps {
		batch := batchOf(c, tc, s, m.Method.Crops())
		var weights, momenta [][]float32
		for i, w := range m.Optimizer.Parameters {
			weights, momenta = append(weights, w.Float32s()), append(momenta, m.Optimizer.Buffers[i].Float32s())
		}
		out, err := m.Step(batch, p.LR)
		if err != nil {
			t.Fatal(err)
		}

		want, sens := tc.Steps[s], tc.Sensitivity[s]
		allowed := 10*max(sens.Loss*want.Loss, moves[s].loss) + 1e-6*want.Loss
		numeric.Near(t, fmt.Sprint("loss of step ", s), out.Value, want.Loss, allowed)
		for _, index := range m.Method.State().Indices {
			if *index != want.Index {
				t.Errorf("step %d: index %d, want %d", s, *index, want.Index)
			}
		}
		grads := map[string][]float32{}
		i := 0
		for _, e := range m.Query.State {
			if e.Buffer {
				continue
			}
			v := m.Optimizer.Buffers[i].Float32s()
			for j := range v {
				v[j] -= float32(p.Momentum*float64(momenta[i][j]) + p.WeightDecay*float64(weights[i][j]))
			}
			grads[e.Name] = v
			i++
		}
		norms(t, fmt.Sprint("step ", s, " grad"), want.Grad, 10*sens.Grad, nil, func(name string) []float32 { return grads[name] })
		var ema nn.State
		if m.Key != nil {
			ema = m.Key.State
		}
		for what, group := range map[string]struct {
			want  map[string][2]float64
			state nn.State
			moves func(name string) float64
		}{
			"model":         {want.Model, m.Query.State, nil},
			"ema":           {want.EMA, ema, nil},
			"model buffers": {want.ModelBuffers, m.Query.State, func(n string) float64 { return moves[s].buffers[bufferName("model", n)] }},
			"ema buffers":   {want.EMABuffers, ema, func(n string) float64 { return moves[s].buffers[bufferName("ema", n)] }},
		} {
			norms(t, fmt.Sprint("step ", s, " ", what), group.want, 10*sens.Model+2e-5, group.moves, func(name string) []float32 {
				for _, e := range group.state {
					if e.Name == name {
						return e.Tensor.Float32s()
					}
				}
				return nil
			})
		}
		if name := fmt.Sprint("score_", s); c.Has(name) {
			score, _ := c.F32(name)
			for column, distance := range moves[s].scores {
				got, want := columnOf(out.Scores, column), columnOf(score, column)
				what, unit := fmt.Sprint(name, " column ", column), 0.0
				if column <= contrast.Positive {
					unit = numeric.UnitHalf // the reference rounded them to this
				}
				numeric.AllRounded(t, what, got, want, unit, 1e-5*numeric.Largest(want)+10*distance)
			}
		}
	}
	final, _ := c.F32("memory_final")
	last := len(tc.Steps) - 1
	of := 10*tc.Sensitivity[last].Model + 1e-3
	numeric.AllNear(t, "memory", rows.Float32s(), final, max(of*numeric.Largest(final), 10*moves[last].memory))
}

func columnOf(scores []float32, column int) []float32 {
	var c []float32
	for i := column; i < len(scores); i += contrast.ScoreColumns {
		c = append(c, scores[i])
	}
	return c
}

// norms compares L2 norms, relative to the largest of the group, because gradients of
// biases before batch norm are zero in theory. moves, unless nil, returns how far a
// norm moves with noise.
func norms(
	t *testing.T, what string, want map[string][2]float64, tol float64,
	moves func(string) float64, values func(string) []float32,
) {
	t.Helper()
	var top float64
	for _, w := range want {
		top = max(top, w[0])
	}
	for name, w := range want {
		var sum float64
		for _, v := range values(name) {
			sum += float64(v) * float64(v)
		}
		allowed := tol * max(w[0], 0.01*top)
		if moves != nil {
			allowed = max(allowed, 10*moves(name))
		}
		numeric.Near(t, fmt.Sprintf("norm of %s %s", what, name), math.Sqrt(sum), w[0], allowed)
	}
}

func mask(c *golden.Case, name string) *contrast.Lambda {
	if !c.Has(name) {
		return nil
	}
	a := c.Array(name)
	if a.F64 != nil {
		return &contrast.Lambda{Value: a.F64[0]}
	}
	return &contrast.Lambda{Elements: torch.FromFloat32(a.F32, a.Shape...)}
}
