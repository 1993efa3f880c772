package train

import (
	"fmt"

	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// queued contrasts queries with a momentum encoder's keys and a queue of older
// ones: MoCo (He et al., 2020) and MoCo v2, with a queue for each modality CMC v2,
// with jigsaw queries InfoMin's recipe.
//
// Symmetric, each crop is query once and key once, the losses are added and both
// crops' keys enter the queue, as in the CIFAR-10 demonstration of MoCo's authors.
type queued struct {
	model  *Model
	queues []*contrast.Queue // one a branch
}

func newQueued(m *Model) (Method, error) {
	if err := m.AddKey(); err != nil {
		return nil, err
	}
	q := &queued{model: m}
	for i := range m.Query.Branches() {
		q.queues = append(q.queues, contrast.NewQueue(m.K, m.Net.FeatDim, m.Seed+uint64(i), m.Device()))
	}
	return q, nil
}

func (*queued) Crops() int { return 2 }

func (q *queued) Forward(b *Batch) Outcome {
	m := q.model
	keys, shuffled := m.Keys(b.Crops[1], b.Random.Order(b.Len()))
	queries := m.Embed(b.Crops[0])
	jigsaws := m.EmbedJigsaw(b)
	out := m.meet(b, queries, jigsaws, q.targets(keys))
	if m.Symmetric {
		keys, others := m.Keys(b.Crops[0], b.Random.Order(b.Len()))
		out = both(out, m.meet(b, m.Embed(b.Crops[1]), jigsaws, q.targets(keys)))
		for i := range shuffled {
			shuffled[i] = torch.Cat([]*torch.Tensor{others[i], shuffled[i]}, 0)
		}
	}
	out.Then = func() {
		m.UpdateKey()
		m.Clock.Enter(Enqueue)
		for i, queue := range q.queues {
			queue.Enqueue(shuffled[i])
		}
	}
	return out
}

func (q *queued) targets(keys []*torch.Tensor) []target {
	var out []target
	for i, queue := range q.queues {
		out = append(out, target{keys[i], contrast.Shared{Rows: queue.Keys}})
	}
	return out
}

func (q *queued) Memory() Memory {
	memory := Memory{Queue: q.queues[0].Len()}
	var rows []*torch.Tensor
	for _, queue := range q.queues {
		rows, memory.Indices = append(rows, queue.Keys), append(memory.Indices, &queue.Index)
	}
	memory.Contrast = memories(rows)
	return memory
}

func (q *queued) Free() {
	for _, queue := range q.queues {
		queue.Free()
	}
}

// memories are named as PyTorch code does: memory, or memory_1 and memory_2.
func memories(rows []*torch.Tensor) nn.State {
	if len(rows) == 1 {
		return nn.State{{Name: "memory", Tensor: rows[0], Buffer: true}}
	}
	var s nn.State
	for i, r := range rows {
		s = append(s, nn.Entry{Name: fmt.Sprint("memory_", i+1), Tensor: r, Buffer: true})
	}
	return s
}
