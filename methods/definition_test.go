package methods

import (
	"math"
	"testing"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// fixed makes the same draws in every call.
type fixed struct{ setting ft.Transform }

func (fixed) Order(n int) (order []int64) {
	for i := range n {
		order = append(order, int64(n-1-i))
	}
	return order
}

func (f fixed) Transform(n, k, d int) contrast.Draw {
	return (&contrast.Stream{Seed: 1}).Next(f.setting, n, k, d, torch.CPU)
}

func (fixed) Negatives(bank *contrast.MemoryBank, k int) contrast.SampledNegatives {
	return contrast.SampledNegatives{Bank: bank.Rows, Count: k, At: func(query, i int) int64 { return int64((7*query + i*i) % bank.Len()) }}
}

func (fixed) Seed() uint64 { return 11 }

func (f fixed) Patches(n int) (order []int64) {
	for image := range n {
		for _, p := range f.Order(nn.JigsawPatches) {
			order = append(order, int64(nn.JigsawPatches*image)+p)
		}
	}
	return order
}

// situation has the embeddings of a model's step, in float64, for one modality.
type situation struct {
	*Model
	random    fixed
	u, v      []*torch.Tensor // embeddings of the crops [N, d]; v is nil without a second one
	jigsaws   []*torch.Tensor // [N, d]; nil without
	keys      []*torch.Tensor // the momentum encoder's embeddings of v, or the bank's rows of the images
	otherKeys []*torch.Tensor // the momentum encoder's embeddings of u
	negatives []*torch.Tensor // per query, [N, K, d]
}

// find embeds a batch without the code under test.
func find(m *Model, b *Batch) *situation {
	s := &situation{Model: m, random: fixed{m.Transform}}
	modalities := func(z *torch.Tensor) (each []*torch.Tensor) {
		for i := range m.Query.Branches() {
			each = append(each, z.To(torch.Float64).Narrow(1, i*m.Net.FeatDim, m.Net.FeatDim))
		}
		return each
	}
	s.u = modalities(m.Query.Forward(b.Crops[0]))
	if len(b.Crops) > 1 {
		s.v = modalities(m.Query.Forward(b.Crops[1]))
	}
	if m.Key != nil {
		s.keys, s.otherKeys = modalities(m.Key.Forward(b.Crops[1])), modalities(m.Key.Forward(b.Crops[0]))
	}
	if b.Patches != nil {
		order := s.random.Patches(b.Len())
		of := torch.FromInt64(order, len(order))
		s.jigsaws = modalities(m.Query.ForwardJigsaw(b.Patches, []*torch.Tensor{of, of}))
	}
	for _, e := range m.Method.State().Contrast {
		rows := e.Tensor.To(torch.Float64)
		if m.Memory == "moco" {
			s.negatives = append(s.negatives, rows.Unsqueeze(0).Expand(b.Len(), m.K, -1))
			continue
		}
		s.keys = append(s.keys, rows.IndexSelect(0, torch.FromInt64(b.Images, b.Len())))
		drawn := s.random.Negatives(&contrast.MemoryBank{Rows: rows}, m.K)
		var at []int64
		for query := range b.Len() {
			for i := range m.K {
				at = append(at, drawn.At(query, i))
			}
		}
		s.negatives = append(s.negatives, rows.IndexSelect(0, torch.FromInt64(at, len(at))).View(b.Len(), m.K, -1))
	}
	return s
}

// meeting is a contrast by its definition: scores, with one positive per row.
type meeting struct {
	scores, positive *torch.Tensor // [N, C], int64 [N]
	loss             *torch.Tensor
}

func (s *situation) meeting(scores *torch.Tensor, positive []int64) meeting {
	labels := torch.FromInt64(positive, len(positive))
	met := meeting{scores, labels, scores.DivScalar(s.Temperature).CrossEntropy(labels)}
	if s.Loss == (contrast.DCL{}) { // -p/τ + log Σ exp(n/τ), where the negatives n are the other columns
		p := scores.Gather(1, labels.Unsqueeze(1))
		apart := torch.Zeros(scores.Shape(), torch.Options{Dtype: torch.Float64}).
			Scatter_(1, labels.Unsqueeze(1), torch.Ones(p.Shape()).To(torch.Float64).MulScalar(1e9))
		sums := scores.Sub(apart).DivScalar(s.Temperature).LogSumExp([]int{1}, true)
		met.loss = sums.Sub(p.DivScalar(s.Temperature)).Mean()
	}
	return met
}

// contrast is InfoNCE of queries and keys [N, d] and negatives [N, K, d]. Mixed
// negatives have unit length.
func (s *situation) contrast(q, k, n *torch.Tensor, draw contrast.Draw) meeting {
	if draw.Positive != nil {
		q, k = mixed(draw.Positive, q, k), mixed(draw.Positive, k, q)
	}
	if draw.Negative != nil {
		n = mixed(draw.Negative, n, n.IndexSelect(1, draw.Permutation)).Normalize(2)
	}
	scores := torch.Cat([]*torch.Tensor{q.Mul(k).SumDim([]int{1}, true), n.Bmm(q.Unsqueeze(2)).Squeeze(2)}, 1)
	return s.meeting(scores, make([]int64, q.Size(0)))
}

func mixed(λ *contrast.Lambda, a, b *torch.Tensor) *torch.Tensor {
	return b.Add(a.Sub(b).Mul(λ.Elements.To(torch.Float64)))
}

// image and jigsaw are the contrasts of queries with the keys and negatives of a
// modality.
func (s *situation) image(queries, keys []*torch.Tensor, query, target int) meeting {
	q, k := queries[query], keys[target]
	return s.contrast(q, k, s.negatives[target], s.random.Transform(q.Size(0), s.K, q.Size(1)))
}

func (s *situation) jigsaw(keys []*torch.Tensor, modality int) meeting {
	return s.contrast(s.jigsaws[modality], keys[modality], s.negatives[modality], contrast.Draw{})
}

// within is NT-Xent of two views [N, d]: every row is contrasted with all others.
func (s *situation) within(a, b *torch.Tensor) meeting {
	n := a.Size(0)
	z := torch.Cat([]*torch.Tensor{a, b}, 0)
	var positive []int64
	for i := range 2 * n {
		positive = append(positive, int64((i+n)%(2*n)))
	}
	self := torch.Eye(2*n, torch.Options{Dtype: torch.Float64}).MulScalar(1e9)
	return s.meeting(z.Mm(z.T()).Sub(self), positive)
}

// predict compares the prediction from a view with the other view's target.
func (s *situation) predict(view, target *torch.Tensor) meeting {
	p := s.Method.(*siamese).predictor.Forward(view.To(torch.Float32)).To(torch.Float64)
	z := target.Detach()
	if λ := s.random.Transform(p.Size(0), 0, p.Size(1)).Positive; λ != nil {
		p, z = mixed(λ, p, z), mixed(λ, z, p)
	}
	var positive []int64
	for i := range p.Size(0) {
		positive = append(positive, int64(i))
	}
	met := s.meeting(p.Mm(z.T()), positive)
	met.loss = p.Mul(z).SumDim([]int{1}, false).Mean().Neg()
	return met
}

// standard is batch norm without weights, then unit length.
func standard(z *torch.Tensor) *torch.Tensor {
	apart := z.Sub(z.MeanDim([]int{0}, true))
	return apart.Div(apart.Mul(apart).MeanDim([]int{0}, true).AddScalar(1e-5).Sqrt()).Normalize(1)
}

// What is contrasted with what in a step of each method: the loss, its gradient, the
// reported figures, and the memories and the momentum encoder afterwards, compared with
// the definition.
func TestMethodsByDefinition(t *testing.T) {
	positives := ft.Transform{Positive: ft.Side{On: true, Uniform: true, Extrapolate: true, Elementwise: true}}
	both := positives
	both.Negative = ft.Side{On: true, Uniform: true, Elementwise: true, Normalize: true}
	oneModality := func(s *situation) []meeting { return []meeting{s.image(s.u, s.keys, 0, 0)} }
	crossed := func(s *situation) []meeting {
		return []meeting{s.image(s.u, s.keys, 0, 1), s.image(s.u, s.keys, 1, 0)}
	}
	for name, tc := range map[string]struct {
		o       Options
		weight  float64 // of each image contrast
		images  func(s *situation) []meeting
		jigsaws func(s *situation) []meeting // β each
	}{
		"queue FT": {
			o: Options{Memory: "moco", Transform: both}, weight: 1,
			images: oneModality,
		},
		"symmetric queue": {
			o: Options{Memory: "moco", Symmetric: true}, weight: 1,
			images: func(s *situation) []meeting {
				return []meeting{s.image(s.u, s.keys, 0, 0), s.image(s.v, s.otherKeys, 0, 0)}
			},
		},
		"CMC queue": {
			o: Options{Memory: "moco", Net: nn.Config{Modal: "CMC"}}, weight: 1,
			images: crossed,
		},
		"jigsaw queue FT": {
			o: Options{Memory: "moco", Net: nn.Config{Jigsaw: true}, Transform: both}, weight: 1 - β,
			images:  oneModality,
			jigsaws: func(s *situation) []meeting { return []meeting{s.jigsaw(s.keys, 0)} },
		},
		"symmetric CMC jigsaw queue FT": {
			o: Options{Memory: "moco", Symmetric: true, Net: nn.Config{Modal: "CMC", Jigsaw: true}, Transform: both}, weight: 1 - β,
			images: func(s *situation) []meeting {
				return []meeting{
					s.image(s.u, s.keys, 0, 1), s.image(s.u, s.keys, 1, 0),
					s.image(s.v, s.otherKeys, 0, 1), s.image(s.v, s.otherKeys, 1, 0),
				}
			},
			jigsaws: func(s *situation) []meeting {
				return []meeting{s.jigsaw(s.keys, 0), s.jigsaw(s.keys, 1), s.jigsaw(s.otherKeys, 0), s.jigsaw(s.otherKeys, 1)}
			},
		},
		"CMC jigsaw bank FT": {
			o: Options{Memory: "bank", Net: nn.Config{Modal: "CMC", Jigsaw: true}, Transform: both}, weight: 1 - β,
			images:  crossed,
			jigsaws: func(s *situation) []meeting { return []meeting{s.jigsaw(s.keys, 0), s.jigsaw(s.keys, 1)} },
		},
		"CMC jigsaw queue FT DCL": {
			o:       Options{Memory: "moco", Loss: contrast.DCL{}, Net: nn.Config{Modal: "CMC", Jigsaw: true}, Transform: both},
			weight:  1 - β,
			images:  crossed,
			jigsaws: func(s *situation) []meeting { return []meeting{s.jigsaw(s.keys, 0), s.jigsaw(s.keys, 1)} },
		},
		"CMC jigsaw bank FT DCL": {
			o:       Options{Memory: "bank", Loss: contrast.DCL{}, Net: nn.Config{Modal: "CMC", Jigsaw: true}, Transform: both},
			weight:  1 - β,
			images:  crossed,
			jigsaws: func(s *situation) []meeting { return []meeting{s.jigsaw(s.keys, 0), s.jigsaw(s.keys, 1)} },
		},
		"CMC batch": {
			o: Options{Memory: "batch", Net: nn.Config{Modal: "CMC"}}, weight: 1,
			images: func(s *situation) []meeting { return []meeting{s.within(s.u[0], s.v[1]), s.within(s.u[1], s.v[0])} },
		},
		"CMC batch DCL": {
			o: Options{Memory: "batch", Loss: contrast.DCL{}, Net: nn.Config{Modal: "CMC"}}, weight: 1,
			images: func(s *situation) []meeting { return []meeting{s.within(s.u[0], s.v[1]), s.within(s.u[1], s.v[0])} },
		},
		"SimSiam FT": {
			o: Options{Memory: "none", Transform: positives}, weight: 0.5,
			images: func(s *situation) []meeting {
				u, v := standard(s.u[0]), standard(s.v[0])
				return []meeting{s.predict(u, v), s.predict(v, u)}
			},
		},
		"BYOL": {
			o: Options{Memory: "target"}, weight: 0.5,
			images: func(s *situation) []meeting {
				return []meeting{s.predict(s.u[0], s.keys[0]), s.predict(s.v[0], s.otherKeys[0])}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1) // such small tensors gain nothing from more
				m, b := beginning(t, tc.o)
				defer m.Free()
				s := find(m, b)
				images, loss := tc.images(s), torch.Zeros(nil, torch.Options{Dtype: torch.Float64})
				for _, met := range images {
					loss = loss.AddScaled(met.loss, tc.weight)
				}
				var jigsaws []meeting
				if tc.jigsaws != nil {
					jigsaws = tc.jigsaws(s)
				}
				for _, met := range jigsaws {
					loss = loss.AddScaled(met.loss, β)
				}
				loss.Backward()
				want := takeGradients(m)

				out := m.Method.Forward(b)
				m.Backward(out.Loss)
				golden.Near(t, "gradient", takeGradients(m), want, 2e-4)
				expectMean(t, "images", out.Value, out.Accuracy, images)
				if jigsaws != nil {
					expectMean(t, "jigsaws", out.Jigsaw.Loss, out.Jigsaw.Accuracy, jigsaws)
				} else if out.Jigsaw != nil {
					t.Errorf("jigsaws without any: %v", out.Jigsaw)
				}
				first, queries := images[0], 0
				for _, met := range images {
					queries += met.scores.Size(0)
				}
				if n := len(out.Statistics.Seen.Positives); n != queries {
					t.Errorf("statistics of %d queries, want %d", n, queries)
				}
				var recorded []float32
				for i := contrast.Positive; i < len(out.Scores); i += contrast.ScoreColumns {
					recorded = append(recorded, out.Scores[i])
				}
				golden.Near(t, "recorded positives", recorded, first.scores.Gather(1, first.positive.Unsqueeze(1)).Float32s()[:b.Len()], 1e-4)
				expectMoved(t, s, b, out)
			})
		})
	}
}

// beginning returns a small model and a batch for it. If the model has a momentum
// encoder, its weights differ from the query encoder's.
func beginning(t *testing.T, o Options) (*Model, *Batch) {
	t.Helper()
	o = smallOptions(o)
	o.Net.Head = "mlp_bn" // with different embeddings from the start
	m, err := NewModel(o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Key != nil {
		other, err := nn.New(m.Net, o.Seed+1)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Free()
		contrast.UpdateKey(m.Key.State.Parameters(), other.State.Parameters(), 0.8, nil)
	}
	const n, side = 6, 12
	pixels := func(seed uint64, count int) *torch.Tensor {
		return torch.FromFloat32(golden.Input(golden.CInput+seed, count*3*side*side), count, 3, side, side)
	}
	b := &Batch{Images: []int64{3, 19, 0, 7, 4, 11}, Random: fixed{o.Transform}, Collect: Collect{Scores: true, Statistics: true}}
	for i := range m.Method.Crops() {
		b.Crops = append(b.Crops, pixels(0, n).AddScaled(pixels(uint64(i+1), n), 0.3))
	}
	if o.Net.Jigsaw {
		b.Patches = pixels(3, nn.JigsawPatches*n)
	}
	return m, b
}

// takeGradients returns the gradients of all parameters, and clears them.
func takeGradients(m *Model) (all []float32) {
	for _, p := range m.Optimizer.Parameters {
		all = append(all, p.Grad().Float32s()...)
		p.ClearGrad()
	}
	return all
}

// expectMean compares reported figures with their means over the contrasts.
func expectMean(t *testing.T, what string, loss, accuracy float64, met []meeting) {
	t.Helper()
	var wantLoss, wantAccuracy float64
	for _, m := range met {
		wantLoss += m.loss.Item() / float64(len(met))
		wantAccuracy += 100 * m.scores.Argmax(1, false).Eq(m.positive).To(torch.Float64).Mean().Item() / float64(len(met))
	}
	numeric.Near(t, what+": loss", loss, wantLoss, 1e-4*math.Abs(wantLoss))
	numeric.Near(t, what+": accuracy", accuracy, wantAccuracy, 1e-4)
}

// expectMoved checks what follows a step: the momentum encoder moves toward the query
// encoder, and untransformed keys enter the queue of their modality, or features the
// bank.
func expectMoved(t *testing.T, s *situation, b *Batch, out Outcome) {
	t.Helper()
	var encoder []float32
	if s.Key != nil {
		for i, p := range s.Key.State.Parameters() {
			encoder = append(encoder, p.MulScalar(s.Alpha).AddScaled(s.Query.State.Parameters()[i].Detach(), 1-s.Alpha).Float32s()...)
		}
	}
	var memories []*torch.Tensor
	for i, e := range s.Method.State().Contrast {
		rows := e.Tensor.To(torch.Float64)
		if s.Memory == "bank" {
			own := s.keys[i].MulScalar(s.BankMomentum).AddScaled(s.u[i].Detach(), 1-s.BankMomentum).Normalize(1)
			memories = append(memories, rows.IndexCopy_(0, torch.FromInt64(b.Images, b.Len()), own))
			continue
		}
		order := torch.FromInt64(s.random.Order(b.Len()), b.Len())
		entered := []*torch.Tensor{s.keys[i].IndexSelect(0, order)}
		if s.Symmetric {
			entered = []*torch.Tensor{s.otherKeys[i].IndexSelect(0, order), entered[0]}
		}
		count := len(entered) * b.Len()
		memories = append(memories, torch.Cat(append(entered, rows.Narrow(0, count, s.K-count)), 0))
	}
	if out.AfterStep != nil {
		out.AfterStep()
	}
	for i, e := range s.Method.State().Contrast {
		golden.Near(t, e.Name, e.Tensor.Float32s(), memories[i].Float32s(), 1e-4)
	}
	if s.Key != nil {
		var moved []float32
		for _, p := range s.Key.State.Parameters() {
			if p.Grad() != nil {
				t.Error("the momentum encoder has gradients")
			}
			moved = append(moved, p.Float32s()...)
		}
		golden.Near(t, "momentum encoder", moved, encoder, 1e-6)
	}
}
