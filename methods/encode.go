package methods

import (
	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// Embed returns the query encoder's embeddings of a view, [N, d] per branch.
func (m *Model) Embed(view *torch.Tensor) []*torch.Tensor {
	defer m.Clock.Enter(Query)()
	z := m.branches(m.encode(view, 1, func(x *torch.Tensor, _ rows) *torch.Tensor { return m.Query.Forward(x) }))
	m.sawQuery(z)
	return z
}

// EmbedJigsaw returns the embeddings of a batch's patches, [N, d] per branch, or nil if
// the batch has none. They are computed once per batch.
func (m *Model) EmbedJigsaw(b *Batch) []*torch.Tensor {
	if b.Patches == nil || b.jigsaws != nil {
		return b.jigsaws
	}
	defer m.Clock.Enter(Query)()
	var orders [][]int64
	for range m.Query.Branches() {
		orders = append(orders, b.Random.Patches(b.Len()))
	}
	b.jigsaws = m.branches(m.encode(b.Patches, nn.JigsawPatches, func(x *torch.Tensor, r rows) *torch.Tensor {
		var own []*torch.Tensor
		r.first += m.own(b.Len(), nn.JigsawPatches).first
		for _, order := range orders {
			own = append(own, r.of(order).ToDevice(m.Device()))
		}
		return m.Query.ForwardJigsaw(x, own)
	}))
	return b.jigsaws
}

// Keys returns the momentum encoder's embeddings of a view, [N, d] per branch, without
// gradients. The encoder sees the images in a shuffled order (shuffling BN), which is also
// returned: keys are in the order of the batch, shuffled in the order of the encoder.
func (m *Model) Keys(view *torch.Tensor, random Random) (keys, shuffled []*torch.Tensor, order []int64) {
	defer m.Clock.Enter(Key)()
	torch.NoGrad(func() {
		n := m.size(view)
		order = m.shuffled(random.Order(n))
		places := torch.FromInt64(order, n).ToDevice(m.Device())
		z := m.gather(m.embedKeys(view, order))
		keys, shuffled = m.branches(torch.EmptyLike(z).IndexCopy_(0, places, z)), m.branches(z)
		m.sawKeys(keys)
	})
	return keys, shuffled, order
}

// embedKeys returns the momentum encoder's embeddings of a view's images in another order, of
// which this process has a part.
func (m *Model) embedKeys(view *torch.Tensor, order []int64) *torch.Tensor {
	return torch.Scoped1(func() (z *torch.Tensor) {
		x := m.take(view, order) // outside of inference, because an exchange writes from another thread
		torch.Inference(func() {
			z = m.embed(x, 1, func(x *torch.Tensor, _ rows) *torch.Tensor { return m.Key.Forward(x) })
		})
		return z.Clone() // a copy, because a loss may need it for its gradient
	})
}

// size returns the number of images in all processes, of which this one has a view.
func (m *Model) size(view *torch.Tensor) int {
	if m.gathering != nil {
		return m.gathering.n
	}
	return view.Size(0)
}

// UpdateKey moves the momentum encoder towards the query encoder.
func (m *Model) UpdateKey() {
	defer m.Clock.Enter(Update)()
	_, stopped := m.Optimizer.Guard()
	contrast.UpdateKey(m.Key.State.Parameters(), m.Query.State.Parameters(), m.Alpha, stopped)
}

// branches splits embeddings [N, d·branches] into [N, d] per branch.
func (m *Model) branches(z *torch.Tensor) []*torch.Tensor {
	n := m.Query.Branches()
	if n == 1 {
		return []*torch.Tensor{z}
	}
	d := m.Net.FeatDim
	var out []*torch.Tensor
	for i := range n {
		out = append(out, z.Narrow(1, i*d, d).Contiguous())
	}
	return out
}
