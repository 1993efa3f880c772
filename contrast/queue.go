package contrast

import (
	"math/rand/v2"

	"contralens/torch"
)

// Queue is MoCo's first-in first-out queue of keys, which are the negatives (He et al.,
// 2020).
type Queue struct {
	Keys  *torch.Tensor // float32 [K, d], unit rows
	Index int           // the row that the next key overwrites
}

// NewQueue makes a queue of k normalized Gaussian rows of d elements. Free it when done.
func NewQueue(k, d int, seed uint64, device torch.Device) *Queue {
	rng := rand.New(rand.NewPCG(seed, 0x7175657565))
	values := make([]float32, k*d)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	q := &Queue{}
	torch.Scoped(func() {
		q.Keys = torch.FromFloat32(values, k, d).Normalize(1).ToDevice(device).Keep()
	})
	return q
}

// Len is K, the number of keys.
func (q *Queue) Len() int { return q.Keys.Size(0) }

// Negatives returns the queue's keys, the same for every query.
func (q *Queue) Negatives() QueueNegatives { return QueueNegatives{Rows: q.Keys} }

// Enqueue overwrites the rows Index … Index+N-1 (mod K) with keys [N, d] and advances
// Index by N. If there are more than K keys, the last K remain. Call it after the
// backward pass, which reads the queue.
func (q *Queue) Enqueue(keys *torch.Tensor) { q.EnqueueUnless(nil, keys) }

// EnqueueUnless is Enqueue, but the rows stay as they are if stopped, float32 [], is not nil
// and 1. Index advances all the same, since the host does not wait for stopped.
func (q *Queue) EnqueueUnless(stopped, keys *torch.Tensor) {
	n, k := keys.Size(0), q.Len()
	torch.NoGrad(func() {
		torch.Scoped(func() {
			start := q.Index
			if n > k {
				start = (start + n - k) % k
				keys = keys.Narrow(0, n-k, k)
			}
			put := unless(stopped)
			first := min(keys.Size(0), k-start)
			put(q.Keys.Narrow(0, start, first), keys.Narrow(0, 0, first))
			if rest := keys.Size(0) - first; rest > 0 {
				put(q.Keys.Narrow(0, 0, rest), keys.Narrow(0, first, rest))
			}
		})
	})
	q.Index = (q.Index + n) % k
}

// unless returns a function that overwrites rows by new ones, unless stopped, float32 [], is not
// nil and 1.
func unless(stopped *torch.Tensor) func(rows, by *torch.Tensor) {
	if stopped == nil {
		return func(rows, by *torch.Tensor) { rows.Copy_(by) }
	}
	held := stopped.To(torch.Bool)
	return func(rows, by *torch.Tensor) { rows.Copy_(rows.Where(held, by)) }
}

// Free drops the keys.
func (q *Queue) Free() { q.Keys.Free() }
