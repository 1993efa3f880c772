package methods

import (
	"math"
	"slices"
	"testing"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// β is the weight of jigsaws in small models. It differs from that of images.
const β = 0.3

// smallOptions returns the options of a model for tests.
func smallOptions(o Options) Options {
	o.Net.Arch, o.Net.Width, o.Net.Stem, o.Net.FeatDim = "resnet18", 0.0625, "cifar", 8
	o.Images, o.K, o.Alpha, o.BankMomentum, o.Temperature, o.Beta, o.Momentum, o.Seed = 20, 16, 0.9, 0.3, 0.2, β, 0.9, 5
	return o
}

// apart never draws an image's own row of a bank as its negative. It would tie with the
// positive, and rounding would decide which of them is nearest.
type apart struct {
	Random
	images []int64
}

func (a apart) Negatives(bank *contrast.MemoryBank, k int) contrast.SampledNegatives {
	drawn := a.Random.Negatives(bank, k)
	at := drawn.At
	drawn.At = func(query, i int) int64 {
		row := at(query, i)
		if row == a.images[query] {
			row = (row + 1) % int64(bank.Rows.Size(0))
		}
		return row
	}
	return drawn
}

// steps trains for two steps on seven images and returns all results: outcomes,
// weights, gradients (in SGD's momenta), memories. Batch norm uses the batch's
// statistics or its running ones.
func steps(t *testing.T, o Options, batchStatistics bool) (names []string, values [][]float32) {
	t.Helper()
	m, err := NewModel(smallOptions(o))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	m.Query.Train(batchStatistics)
	if m.Key != nil {
		m.Key.Train(batchStatistics)
	}
	add := func(name string, v []float32) { names, values = append(names, name), append(values, v) }
	const n, side = 7, 12
	image := func(count int, phase float64) *torch.Tensor {
		v := make([]float32, count*3*side*side)
		for i := range v {
			v[i] = float32(math.Sin(phase + float64(i)*(1+float64(i)/3000)))
		}
		return torch.FromFloat32(v, count, 3, side, side)
	}
	for step := range 2 {
		b := &Batch{Random: m.Random(step, true), Collect: Collect{Scores: true, Statistics: true}}
		for crop := range m.Method.Crops() {
			b.Crops = append(b.Crops, image(n, float64(3*step+crop)))
		}
		if o.Net.Jigsaw {
			b.Patches = image(nn.JigsawPatches*n, float64(step))
		}
		for i := range n {
			b.Images = append(b.Images, int64(2*i+step))
		}
		b.Random = apart{b.Random, b.Images}
		out, err := m.Step(b, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		st := out.Statistics
		add("figures", []float32{float32(out.Value), float32(out.Accuracy), float32(out.Negatives), float32(st.Entropy), float32(st.Gradient),
			float32(st.Alignment), float32(st.Uniformity), float32(st.Seen.NegMean), float32(st.Raw.NegVar), float32(st.Seen.Hardest)})
		// Take the logarithm of exponentials, which rounding moves as much as scores.
		scores := slices.Clone(out.Scores)
		for i := range scores {
			if i%contrast.ScoreColumns > contrast.Positive {
				scores[i] = float32(m.Temperature * math.Log(float64(scores[i])))
			}
		}
		add("scores", scores)
		if out.Jigsaw != nil {
			add("jigsaw", []float32{float32(out.Jigsaw.Loss), float32(out.Jigsaw.Accuracy)})
		}
	}
	// Values of one group are compared with the largest of it, because gradients of
	// biases before batch norm are zero in theory.
	all := func(name string, tensors []*torch.Tensor) {
		var v []float32
		for _, t := range tensors {
			v = append(v, t.Float32s()...)
		}
		add(name, v)
	}
	all("weights", m.Optimizer.Parameters)
	all("momenta", m.Optimizer.Buffers)
	for _, e := range m.Method.State().Contrast {
		add(e.Name, e.Tensor.Float32s())
	}
	if m.Key != nil {
		all("key encoder", m.Key.State.Parameters())
	}
	return names, values
}

// Without the influence of batch norm, a batch in parts, equal or not, trains like a
// whole one: loss, scores, statistics, gradients, weights, memories.
func TestPartsEqualWhole(t *testing.T) {
	paper := ft.Paper()
	elementwise, positives := paper, ft.Transform{Positive: paper.Positive}
	elementwise.Positive.Elementwise, elementwise.Negative.Elementwise = true, true
	for name, o := range map[string]Options{
		"queue":            {Memory: "moco", Transform: paper},
		"queue by element": {Memory: "moco", Transform: elementwise},
		"symmetric queue":  {Memory: "moco", Symmetric: true, Transform: paper},
		"CMC jigsaw queue": {Memory: "moco", Net: nn.Config{Modal: "CMC", Jigsaw: true}},
		"bank":             {Memory: "bank", Transform: paper},
		"jigsaw bank":      {Memory: "bank", Net: nn.Config{Jigsaw: true}, Transform: elementwise},
		"batch":            {Memory: "batch", Transform: paper},
		"CMC batch":        {Memory: "batch", Net: nn.Config{Modal: "CMC"}},
		"SimSiam":          {Memory: "none", Transform: positives},
		"BYOL":             {Memory: "target"},
	} {
		t.Run(name, func(t *testing.T) {
			before := torch.LiveTensors()
			inTorch(t, func() {
				torch.SetThreads(1) // such small tensors gain nothing from more
				names, whole := steps(t, o, false)
				o.Microbatches = 3 // of 2, 2 and 3 images
				_, parts := steps(t, o, false)
				o.Net.Checkpoint = true
				_, both := steps(t, o, false)
				for i, name := range names {
					tolerance := 2e-6
					if name == "momenta" {
						// Gradients are sums over 7 images of 144 places. Two orders of
						// a sum differ by about √1008 = 32 roundings, 2e-6, at each
						// layer.
						tolerance = 1e-5
					}
					if o.Memory == "none" {
						tolerance *= 10 // SimSiam divides by the small deviation of young embeddings, which magnifies rounding errors
					}
					allowed := tolerance * numeric.Largest(whole[i])
					if name == "scores" {
						// Dot products of 8 dimensions, of vectors of length up to 3 if
						// positives are extrapolated with λ = 2.
						allowed += numeric.Sum(2*8, 3*3)
					}
					numeric.AllNear(t, name, parts[i], whole[i], allowed)
					numeric.AllNear(t, "check-pointed "+name, both[i], whole[i], allowed)
				}
			})
			if n := torch.LiveTensors() - before; n != 0 {
				t.Errorf("%d tensors left alive", n)
			}
		})
	}
}

// A batch in parts has the statistics of its parts, as in split batch norm.
func TestPartsAreSplits(t *testing.T) {
	for name, o := range map[string]Options{
		"batch":     {Memory: "batch", Transform: ft.Paper()},
		"CMC batch": {Memory: "batch", Net: nn.Config{Modal: "CMC"}},
		"bank":      {Memory: "bank", Transform: ft.Paper()},
	} {
		t.Run(name, func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1)
				_, undivided := steps(t, o, true)
				o.Microbatches = 3
				names, parts := steps(t, o, true)
				o.Microbatches, o.Net.Groups = 0, 3
				_, splits := steps(t, o, true)
				for i, name := range names {
					golden.Near(t, name, parts[i], splits[i], 2e-5)
					if name == "momenta" && slices.EqualFunc(parts[i], undivided[i], func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-3 }) {
						t.Error("parts change nothing")
					}
				}
			})
		})
	}
}
