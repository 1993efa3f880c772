package gpu

import (
	"context"
	"testing"

	"contralens/internal/fakegpu"
	"contralens/train"
)

// From the third step on, all that a step sends to the GPU comes from page-locked memory that
// is there already. Its views come as 8-bit pixels, on a stream of their own.
func TestUploads(t *testing.T) {
	onFake(t)
	const batch, side, last = 4, 64, 8
	crop, patches := int64(batch*3*side*side), int64(batch*9*3*18*18)
	for _, m := range []struct {
		method string
		copies int64 // of a step
		bytes  int64
	}{
		{"MoCov2", 2, 2 * crop},
		{"CMC", 1, crop},
		{"PIRL", 2, crop + patches},
		{"SimCLR", 2, 2 * crop},
	} {
		t.Run(m.method, func(t *testing.T) {
			c := pretraining(t, batch*(last+2))
			c.Method, c.Arch, c.Stem, c.Precision = m.method, "resnet18", "cifar", "bf16"
			c.InputRes, c.K, c.BatchSize, c.Epochs, c.Width, c.FeatDim, c.Probe = side, 64, batch, 1, 0.125, 16, 0
			resolve(t, &c)
			var before fakegpu.Counts
			steps, sent := 0, int64(0)
			hook := train.Hook{Order: train.Evaluate, Step: func(_ *train.Run, s train.Step) error {
				now := fakegpu.Read()
				spent := now.Sub(before)
				before = now
				if s.Step < 3 || s.Step > last {
					return nil
				}
				steps++
				// A batch that was not loaded in time goes one step later, with the next one.
				n := spent["copy pinned to device, own stream"]
				batches := n.Bytes / m.bytes
				if batches > 2 || n.Bytes != batches*m.bytes || n.Number != batches*m.copies {
					t.Errorf("step %d: %d copies of %d bytes of pixels, want %d of %d for each batch",
						s.Step, n.Number, n.Bytes, m.copies, m.bytes)
				}
				sent += batches
				if n := spent.Sum("copy pageable to device"); n.Number != 0 {
					t.Errorf("step %d: %d copies from pageable memory, %d bytes", s.Step, n.Number, n.Bytes)
				}
				if n := spent.Sum("allocate"); n.Number != 0 {
					t.Errorf("step %d: %d allocations, %d bytes", s.Step, n.Number, n.Bytes)
				}
				return nil
			}}
			if _, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{hook}}); err != nil {
				t.Fatal(err)
			}
			if steps != last-2 {
				t.Errorf("%d steps, want %d", steps, last-2)
			}
			if d := sent - int64(steps); d < -1 || d > 1 {
				t.Errorf("%d batches were sent in %d steps", sent, steps)
			}
		})
	}
}
