package contrast

import (
	"slices"
	"testing"

	"contralens/torch"
)

// Origins stay beside their keys: around the end of the queue, in batches longer than it, and
// without any, where nothing is known of the new rows.
func TestOriginsFollowKeys(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, device torch.Device) {
		inRun(t, func() {
			const k = 5
			queue := NewQueue(k, 1, 0, device)
			defer queue.Free()
			want := make([]int64, k)
			for i := range want {
				want[i] = Unknown
			}
			at := 0
			for step, n := range []int{2, 2, 3, 7, 1, 4} {
				keys, images := make([]float32, n), make([]int64, n)
				for i := range n {
					images[i] = int64(10*step + i)
					keys[i] = float32(images[i])
					want[(at+i)%k] = images[i]
				}
				at = (at + n) % k
				rows := torch.FromFloat32(keys, n, 1).ToDevice(device)
				queue.EnqueueFrom(nil, rows, Origins(images, n, step+1, 1, device))
				origins := queue.Origins.Int64s()
				for row, key := range queue.Keys.Float32s() {
					o := origins[row*OriginColumns:]
					if o[OriginImage] != want[row] || want[row] >= 0 && (float32(want[row]) != key || o[OriginCrop] != 1 ||
						o[OriginStep] != want[row]/10+1) {
						t.Fatalf("step %d, row %d: key %v has the origin %v, want image %d", step, row, key, o[:OriginColumns], want[row])
					}
				}
			}
			queue.Enqueue(torch.Zeros([]int{k, 1}).ToDevice(device))
			if slices.ContainsFunc(queue.Origins.Int64s(), func(v int64) bool { return v != Unknown }) {
				t.Error("keys of no known image have origins")
			}
		})
	})
}
