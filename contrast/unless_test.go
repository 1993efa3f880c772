package contrast

import (
	"slices"
	"testing"

	"contralens/torch"
)

// Keys of a step that was stopped on a device change neither queue nor bank; those of others
// enter as if nothing were asked, bit by bit.
func TestUnless(t *testing.T) {
	inRun(t, func() {
		const k, n, d = 5, 3, 4
		images := torch.FromInt64([]int64{4, 0, 2}, n)
		for _, stopped := range []float32{0, 1} {
			flag := torch.FromFloat32([]float32{stopped}, 1).Squeeze(0)
			queues := [2]*Queue{NewQueue(k, d, 1, torch.CPU), NewQueue(k, d, 1, torch.CPU)}
			banks := [2]*MemoryBank{NewMemoryBank(k, d, 1, torch.CPU), NewMemoryBank(k, d, 1, torch.CPU)}
			keys := unitRows(n, d, 2)
			for range 2 { // the second time around the end of the queue
				if stopped == 0 {
					queues[0].Enqueue(keys)
					banks[0].Update(images, keys, 0.5)
				}
				origins := Origins(images.Int64s(), n, 7, 1, torch.CPU)
				if stopped == 0 {
					queues[0].Index -= n // back to where these keys are
					queues[0].Index = (queues[0].Index + k) % k
					queues[0].EnqueueFrom(nil, keys, origins)
					banks[0].MarkUnless(nil, images, origins)
				}
				queues[1].EnqueueFrom(flag, keys, origins)
				banks[1].UpdateUnless(flag, images, keys, 0.5)
				banks[1].MarkUnless(flag, images, origins)
			}
			if !slices.Equal(queues[1].Origins.Int64s(), queues[0].Origins.Int64s()) ||
				!slices.Equal(banks[1].Origins.Int64s(), banks[0].Origins.Int64s()) {
				t.Errorf("stopped %v: other origins", stopped)
			}
			if !slices.Equal(queues[1].Keys.Float32s(), queues[0].Keys.Float32s()) || queues[1].Index != 1 {
				t.Errorf("stopped %v: the queue has other keys, or its index is %d", stopped, queues[1].Index)
			}
			if !slices.Equal(banks[1].Rows.Float32s(), banks[0].Rows.Float32s()) {
				t.Errorf("stopped %v: the bank has other rows", stopped)
			}
			for i := range queues {
				queues[i].Free()
				banks[i].Free()
			}
		}
	})
}
