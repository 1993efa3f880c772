package contrast

import "contralens/torch"

// Synthesis adds negatives that are made of the hardest of a queue, for each query q its own.
// All have unit length and are constant for the gradient. n, n_i and n_j are drawn from the
// From hardest of the query:
//
//	Interpolated  α q + (1-α) n         α ~ U(0, 1/2)   MoCHi's harder kind, SynCo's first
//	Extrapolated  q + β (n-q)           β ~ U(1, 3/2)   SynCo
//	Paired        γ n_i + (1-γ) n_j     γ ~ U(0, 1)     MoCHi's first kind, SynCo's third
//	Noisy         n + σ ε               ε ~ N(0, 1)     SynCo
//	Perturbed     n + δ ∂(q·n)/∂n       which is q      SynCo
//	Adversarial   n + η sign(q)                         SynCo
//
// with σ = δ = η = 0.01. MoCHi is Kalantidis et al., NeurIPS 2020; SynCo Giakoumoglou &
// Stathaki, 2024.
type Synthesis struct {
	From   int        // number of hardest negatives that the others are made of
	Counts [Kinds]int // negatives of each kind per query
}

// The kinds of Synthesis.
const (
	Interpolated = iota
	Extrapolated
	Paired
	Noisy
	Perturbed
	Adversarial
	Kinds // the number of kinds
)

// small is σ, δ and η.
const small = 0.01

// Len is the number of negatives that are added per query.
func (s *Synthesis) Len() (n int) {
	if s != nil {
		for _, c := range s.Counts {
			n += c
		}
	}
	return n
}

// synthetic are the added negatives of N queries. Their rows, [N, S, d], are made a few queries
// at a time, once for the scores and once for the gradient.
type synthetic struct {
	queue QueueNegatives
	draw  Draw
	q     *torch.Tensor // [N, d], constant
	parts []part
}

// synthesize makes the negatives that the options add to a queue for queries q' [N, d], which
// must not require gradients; nil without any.
func (o Options) synthesize(q *torch.Tensor, negatives Negatives, draw Draw) *synthetic {
	if o.Synthesis == nil {
		return nil
	}
	queue := queueOf(negatives)
	return o.Synthesis.synthesize(q, queue.Hardest(q, o.Synthesis.From, draw), queue, draw, o.Seed)
}

// synthesizePlain returns the scores q·h of added negatives h with queries q [N, d], recorded
// for autograd, with all h at once and the hardest from a matrix of scores.
func (o Options) synthesizePlain(q *torch.Tensor, negatives Negatives, draw Draw) *torch.Tensor {
	queue, constant := queueOf(negatives), q.Detach()
	s := o.Synthesis.synthesize(constant, queue.hardestPlain(constant, o.Synthesis.From, draw), queue, draw, o.Seed)
	return s.rows(0, q.Size(0)).Bmm(q.Unsqueeze(2)).Squeeze(2)
}

// queueOf returns the negatives of a queue. It panics for others, because a bank draws other
// rows for every query.
func queueOf(negatives Negatives) QueueNegatives {
	queue, ok := negatives.(QueueNegatives)
	if !ok {
		panic(&torch.Error{Op: "synthesize", Message: "want the negatives of a queue"})
	}
	return queue
}

// part are the negatives of one kind.
type part struct {
	kind          int
	first, second *torch.Tensor // rows n_i and n_j of the queue, int64 [N, count]; second for Paired
	weight        *torch.Tensor // α, β or γ [N, count]; nil for other kinds
	noise         *torch.Tensor // ε [N, count, d]; Noisy only
}

// synthesize draws the negatives of queries q [N, d]. hardest are rows of the queue for each
// query, int64 [N, From].
func (s *Synthesis) synthesize(
	q, hardest *torch.Tensor, queue QueueNegatives, draw Draw, seed uint64,
) *synthetic {
	out := &synthetic{queue: queue, draw: draw, q: q}
	g := torch.NewGenerator(seed, q.Device())
	defer g.Free()
	n, from := q.Size(0), hardest.Size(1)
	for kind, count := range s.Counts {
		if count == 0 {
			continue
		}
		o := torch.Options{Dtype: q.Dtype(), Device: q.Device()}
		uniform := func(low, high float64) *torch.Tensor { return torch.Empty([]int{n, count}, o).Uniform_(low, high, g) }
		pick := func() *torch.Tensor {
			return hardest.Gather(1, uniform(0, float64(from)).Clamp_(0, float64(from)-0.5).To(torch.Int64))
		}
		p := part{kind: kind, first: pick()}
		switch kind {
		case Interpolated:
			p.weight = uniform(0, 0.5)
		case Extrapolated:
			p.weight = uniform(1, 1.5)
		case Paired:
			p.second, p.weight = pick(), uniform(0, 1)
		case Noisy:
			p.noise = torch.Empty([]int{n, count, q.Size(1)}, o).Normal_(0, 1, g)
		}
		out.parts = append(out.parts, p)
	}
	return out
}

// rows returns the negatives of count queries from first on, [count, S, d].
func (s *synthetic) rows(first, count int) *torch.Tensor {
	q := s.q.Narrow(0, first, count).Unsqueeze(1)
	var all []*torch.Tensor
	for _, p := range s.parts {
		gather := func(of *torch.Tensor) *torch.Tensor {
			of = of.Narrow(0, first, count).Contiguous()
			return s.queue.rows(s.draw, of.View(-1)).View(count, of.Size(1), -1)
		}
		var w *torch.Tensor
		if p.weight != nil {
			w = p.weight.Narrow(0, first, count).Unsqueeze(2)
		}
		n := gather(p.first)
		switch p.kind {
		case Interpolated:
			n = q.Mul(w).Add(n.Mul(w.SubFrom(1)))
		case Extrapolated:
			n = q.Add(n.Sub(q).Mul(w))
		case Paired:
			n = n.Mul(w).Add(gather(p.second).Mul(w.SubFrom(1)))
		case Noisy:
			n = n.AddScaled(p.noise.Narrow(0, first, count), small)
		case Perturbed:
			n = n.AddScaled(q, small)
		case Adversarial:
			n = n.AddScaled(q.Sign(), small)
		}
		all = append(all, n)
	}
	return torch.Cat(all, 1).Normalize(2)
}

// blocks calls f for blocks that cover all queries, each in its own scope.
func (s *synthetic) blocks(f func(first, count int)) {
	row, elements := 0, blockElements
	for _, p := range s.parts {
		row += p.first.Size(1) * s.q.Size(1)
	}
	if !s.q.Device().IsCPU() {
		elements = deviceBlockElements
	}
	n, count := s.q.Size(0), max(1, elements/row)
	for first := 0; first < n; first += count {
		torch.Scoped(func() { f(first, min(count, n-first)) })
	}
}

// scores returns q·h of all synthetic negatives h, [N, S], or nil without any.
func (s *synthetic) scores() *torch.Tensor {
	if s == nil {
		return nil
	}
	count := 0
	for _, p := range s.parts {
		count += p.first.Size(1)
	}
	out := torch.Empty([]int{s.q.Size(0), count}, torch.Options{Dtype: s.q.Dtype(), Device: s.q.Device()})
	s.blocks(func(first, count int) {
		q := s.q.Narrow(0, first, count).Unsqueeze(2)
		out.Narrow(0, first, count).Copy_(s.rows(first, count).Bmm(q).Squeeze(2))
	})
	return out
}

// gradient returns Σ_i g_i h_i [N, d], given the gradient g [N, S] of the scores.
func (s *synthetic) gradient(g *torch.Tensor) *torch.Tensor {
	out := torch.EmptyLike(s.q)
	s.blocks(func(first, count int) {
		of := g.Narrow(0, first, count).Unsqueeze(1)
		out.Narrow(0, first, count).Copy_(of.Bmm(s.rows(first, count)).Squeeze(1))
	})
	return out
}
