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
				queues[1].EnqueueUnless(flag, keys)
				banks[1].UpdateUnless(flag, images, keys, 0.5)
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
