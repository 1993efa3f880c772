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
	// Origins says which image, step and crop each row comes from, int32 [K, 3]; see
	// OriginImage. It may be nil.
	Origins *torch.Tensor
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
		q.Origins = unknown(k, device).Keep()
	})
	return q
}

// Len is K, the number of keys.
func (q *Queue) Len() int { return q.Keys.Size(0) }

// Negatives returns the queue's keys, the same for every query.
func (q *Queue) Negatives() QueueNegatives { return QueueNegatives{Rows: q.Keys, Origins: q.Origins} }

// Enqueue overwrites the rows Index … Index+N-1 (mod K) with keys [N, d] and advances
// Index by N. If there are more than K keys, the last K remain. Call it after the
// backward pass, which reads the queue.
func (q *Queue) Enqueue(keys *torch.Tensor) { q.EnqueueUnless(nil, keys) }

// EnqueueUnless is Enqueue, but the rows stay as they are if stopped, float32 [], is not nil
// and 1. Index advances all the same, since the host does not wait for stopped.
func (q *Queue) EnqueueUnless(stopped, keys *torch.Tensor) { q.EnqueueFrom(stopped, keys, nil) }

// EnqueueFrom is EnqueueUnless for keys of known origins, int32 [N, 3]; nil: they are Unknown.
func (q *Queue) EnqueueFrom(stopped, keys, origins *torch.Tensor) {
	n := keys.Size(0)
	torch.NoGrad(func() {
		torch.Scoped(func() {
			put := unless(stopped)
			q.ring(q.Keys, keys, put)
			if q.Origins == nil {
				return
			}
			if origins == nil {
				origins = unknown(n, q.Origins.Device())
			}
			q.ring(q.Origins, origins, put)
		})
	})
	q.Index = (q.Index + n) % q.Len()
}

// ring puts new rows [N, …] at Index and behind it, and continues at the first row.
func (q *Queue) ring(rows, fresh *torch.Tensor, put func(rows, by *torch.Tensor)) {
	n, k, start := fresh.Size(0), q.Len(), q.Index
	if n > k {
		start = (start + n - k) % k
		fresh = fresh.Narrow(0, n-k, k)
	}
	first := min(fresh.Size(0), k-start)
	put(rows.Narrow(0, start, first), fresh.Narrow(0, 0, first))
	if rest := fresh.Size(0) - first; rest > 0 {
		put(rows.Narrow(0, 0, rest), fresh.Narrow(0, first, rest))
	}
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
func (q *Queue) Free() {
	q.Keys.Free()
	q.Origins.Free()
}
