package methods

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// β is a jigsaw's weight in small models, other than an image's.
const β = 0.3

// smallOptions are options of a model for tests.
func smallOptions(o Options) Options {
	o.Net.Arch, o.Net.Width, o.Net.Stem, o.Net.FeatDim = "resnet18", 0.0625, "cifar", 8
	o.Images, o.K, o.Alpha, o.BankMomentum, o.Temperature, o.Beta, o.Momentum, o.Seed = 20, 16, 0.9, 0.3, 0.2, β, 0.9, 5
	return o
}

// apart draws no image's own row of a bank as its negative: that would tie with the
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

// steps trains for two steps on seven images and returns all that comes of them:
// outcomes (those of the first step have names that start with "first "), weights,
// gradients (in SGD's momenta), memories. Batch norm uses the batch's statistics or its
// running ones. Each draw has other images.
func steps(t *testing.T, o Options, draw int, batchStatistics bool) (names []string, values [][]float32) {
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
			v[i] = float32(math.Sin(phase + 0.7*float64(draw) + float64(i)*(1+float64(i)/3000)))
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
		of := ""
		if step == 0 {
			of = "first "
		}
		st := out.Statistics
		add(of+"figures", []float32{float32(out.Value), float32(out.Accuracy), float32(out.Negatives),
			float32(st.Entropy), float32(st.Gradient), float32(st.Alignment), float32(st.Uniformity),
			float32(st.Seen.NegMean), float32(st.Raw.NegVar), float32(st.Seen.Hardest)})
		// Exponentials as their exponents, which rounding moves as much as scores.
		scores := slices.Clone(out.Scores)
		for i := range scores {
			if i%contrast.ScoreColumns > contrast.Positive {
				scores[i] = float32(m.Temperature * math.Log(float64(scores[i])))
			}
		}
		add(of+"scores", scores)
		if out.Jigsaw != nil {
			add(of+"jigsaw", []float32{float32(out.Jigsaw.Loss), float32(out.Jigsaw.Accuracy)})
		}
	}
	// What belongs together is compared with the largest of it: gradients of biases
	// before batch norm are zero in theory.
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

// With running statistics in batch norm, a batch in microbatches, of equal size or not,
// trains exactly as a whole one: loss, scores, statistics, gradients, weights, memories.
//
// An activation within rounding of ReLU's kink may fall on its other side in another
// order of summation, and moves a gradient, and all that follows from it, beyond its
// bound. Other images have no such activation, but a mistake shows with any images. So
// the test fails only if each of four draws of images is beyond a bound. The outcome of the
// first step precedes every gradient: it must be within its bounds in every draw.
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
		"HCL queue":        {Memory: "moco", Transform: paper, Loss: contrast.HCL{Beta: 1, TauPlus: 0.1}},
		"MoCHi queue": {Memory: "moco", Synthesis: &contrast.Synthesis{From: 4, Counts: [contrast.Kinds]int{contrast.Paired: 5,
			contrast.Interpolated: 3}}},
		"i-Mix queue":  {Memory: "moco", Mixture: Mixture{"imix", 1}},
		"Un-Mix batch": {Memory: "batch", Mixture: Mixture{"unmix", 1}},
		"DCLW batch":   {Memory: "batch", Loss: contrast.DCL{Sigma: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			before := torch.LiveTensors()
			inTorch(t, func() {
				torch.SetThreads(1) // such small tensors gain nothing by more
				var off []string
				const draws = 4
				for draw := range draws {
					var used float64
					if used, off = partsFromWhole(t, o, draw); off == nil {
						numeric.Margin(t, "parts", used, 1)
						numeric.Margin(t, "draws beyond a bound", float64(draw), draws)
						break
					}
				}
				for _, sentence := range off {
					t.Error(sentence)
				}
			})
			if n := torch.LiveTensors() - before; n != 0 {
				t.Errorf("%d tensors left alive", n)
			}
		})
	}
}

// partsFromWhole compares training in microbatches, with activations kept or computed
// again, with training on whole batches. It fails the test if the outcome of the first
// step is beyond a bound. It returns the largest error of the rest as a share of its
// bound, and a sentence for each that is beyond it.
func partsFromWhole(t *testing.T, o Options, draw int) (used float64, beyond []string) {
	t.Helper()
	names, whole := steps(t, o, draw, false)
	o.Microbatches = 3 // of 2, 2 and 3 images
	_, parts := steps(t, o, draw, false)
	o.Net.Checkpoint = true
	_, both := steps(t, o, draw, false)
	for i, name := range names {
		tolerance := 2e-6
		if name == "momenta" {
			// Gradients are sums over 7 images of 144 places, of which two orders are
			// apart by about √1008 = 32 roundings, 2e-6, at each layer.
			tolerance = 1e-5
		}
		if o.Memory == "none" {
			tolerance *= 10 // SimSiam divides by the small deviation of young embeddings, and rounding with it
		}
		allowed := tolerance * numeric.Largest(whole[i])
		if strings.HasSuffix(name, "scores") {
			// Dot products of 8 dimensions, of vectors up to 3 long where positives are
			// extrapolated by λ = 2.
			allowed += numeric.Sum(2*8, 3*3)
		}
		for _, got := range []struct {
			what   string
			values []float32
		}{{name, parts[i]}, {"check-pointed " + name, both[i]}} {
			if strings.HasPrefix(name, "first ") || len(got.values) != len(whole[i]) {
				numeric.AllNear(t, fmt.Sprintf("draw %d: %s", draw, got.what), got.values, whole[i], allowed)
				continue
			}
			at, off := numeric.Worst(got.values, whole[i])
			if !(off <= allowed) {
				beyond = append(beyond, fmt.Sprintf("draw %d: %s: element %d: got %v, want %v: off by %.3g, allowed %.3g",
					draw, got.what, at, got.values[at], whole[i][at], off, allowed))
			}
			if off > 0 {
				used = max(used, off/allowed)
			}
		}
	}
	return used, beyond
}

// A batch in microbatches has the batch-norm statistics of each, as with --bn_splits.
func TestPartsAreSplits(t *testing.T) {
	for name, o := range map[string]Options{
		"batch":     {Memory: "batch", Transform: ft.Paper()},
		"CMC batch": {Memory: "batch", Net: nn.Config{Modal: "CMC"}},
		"bank":      {Memory: "bank", Transform: ft.Paper()},
	} {
		t.Run(name, func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1)
				_, undivided := steps(t, o, 0, true)
				o.Microbatches = 3
				names, parts := steps(t, o, 0, true)
				o.Microbatches, o.Net.Groups = 0, 3
				_, splits := steps(t, o, 0, true)
				for i, name := range names {
					golden.Near(t, name, parts[i], splits[i], 2e-5)
					alike := func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-3 }
					if name == "momenta" && slices.EqualFunc(parts[i], undivided[i], alike) {
						t.Error("microbatches change nothing")
					}
				}
			})
		})
	}
}
