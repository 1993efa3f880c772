package profile

import (
	"time"

	"contralens/torch"
)

// uploadBytes is the size of a measured upload: large enough that its launch does not count.
const uploadBytes = 64 << 20

// UploadRate returns the highest rate, in bytes per second, of uploads from page-locked
// memory to a GPU: what its bus achieves in practice. It repeats them for the given time, to
// find a quiet moment.
func UploadRate(device torch.Device, long time.Duration) (best float64) {
	u := torch.NewUpload(device, []int{uploadBytes}, 1)
	defer u.Free()
	for begin, round := time.Now(), 0; round < 3 || time.Since(begin) < long; round++ {
		start := time.Now()
		t := u.Start(u.Host()[0])
		t.Wait()
		took := max(time.Since(start), time.Microsecond)
		u.Release(t)
		best = max(best, uploadBytes/took.Seconds())
	}
	return best
}
