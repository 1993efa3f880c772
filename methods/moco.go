package methods

import (
	"contralens/contrast"
	"contralens/torch"
)

// moco contrasts queries with the keys of a momentum encoder and a queue of older keys:
// MoCo (He et al., 2020) and MoCo v2. With one queue per modality it is CMC v2; with
// jigsaw queries it is InfoMin.
type moco struct {
	*Model
	queues []*contrast.Queue // one per branch
}

func newMoCo(m *Model) (Method, error) {
	if err := m.AddKey(); err != nil {
		return nil, err
	}
	method := &moco{Model: m}
	for i := range m.Query.Branches() {
		method.queues = append(method.queues, contrast.NewQueue(m.K, m.Net.FeatDim, m.Seed+uint64(i), m.Device()))
	}
	return method, nil
}

// Crops is two: a query and a key for each image.
func (*moco) Crops() int { return 2 }

// KeyCrops are the second crops, and if symmetric also the first ones: nothing is drawn between but
// what config refuses beside them.
func (m *moco) KeyCrops() []KeyCrop {
	if m.Symmetric {
		return []KeyCrop{{Crop: 1}, {Crop: 0, Draw: 1}}
	}
	return []KeyCrop{{Crop: 1}}
}

// Forward is Algorithm 1 of MoCo with the feature transformation of Zhu et al. (2021).
// If symmetric, each crop serves once as the query and once as the key. The losses are
// added, and the keys of both crops enter the queue, as in the CIFAR-10 demo of MoCo's
// authors.
func (m *moco) Forward(b *Batch) Outcome {
	out, keys, origins := m.contrast(b, 0, 1)
	if m.Symmetric {
		back, others, theirs := m.contrast(b, 1, 0)
		out, keys = average(out, back, b.Readback), concat(others, keys)
		origins = torch.Cat([]*torch.Tensor{theirs, origins}, 0)
	}
	out.AfterStep = func() {
		m.UpdateKey()
		m.enqueue(m.queues, keys, origins)
	}
	return out
}

// contrast contrasts one crop of each image with the other. It also returns the keys in
// the order in which they enter the queue, and their origins, int32 [N, 3].
func (m *moco) contrast(b *Batch, of, with int) (out Outcome, shuffled []*torch.Tensor, origins *torch.Tensor) {
	query, key := b.Crops[of], b.Crops[with]
	k, shuffled, order := m.Keys(key, b.Random) // no gradient; shuffled batch norm
	loss := func(i int, q *torch.Tensor, b *Batch) keyLoss {
		negatives := m.queues[i].Negatives()
		ft := b.Random.Transform(q.Size(0), negatives.Len(), q.Size(1)) // λ of both sides, π
		return func(k *torch.Tensor, o contrast.Options) *contrast.Output {
			return contrast.InfoNCE(q, k, negatives, ft, o)
		}
	}
	if m.Mixture.Kind != "imix" {
		out = m.contrastKeys(b, m.Embed(query), k, loss)
	}
	return m.addMixed(out, b, query, k, loss), shuffled, b.origins(with, order, m.Device())
}

// State returns the queues.
func (m *moco) State() State {
	state := State{Queue: m.queues[0].Len()}
	var rows []*torch.Tensor
	for _, queue := range m.queues {
		rows, state.Indices = append(rows, queue.Keys), append(state.Indices, &queue.Index)
		state.Origins = append(state.Origins, queue.Origins)
	}
	state.Contrast = named(rows)
	return state
}

// Free frees the queues.
func (m *moco) Free() {
	for _, queue := range m.queues {
		queue.Free()
	}
}
