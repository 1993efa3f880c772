package torch

import (
	"strings"
	"testing"

	"contralens/internal/machine"
)

// Memory that is freed serves tensors of other sizes, also if small tensors lie between: what the process takes
// is about what is in use at once.
func TestFreedMemoryIsUsedAgain(t *testing.T) {
	inRun(t, func() {
		const mega = 1 << 20
		before := machine.PeakResident()
		var between []*Tensor
		for _, c := range []struct{ blocks, megabytes int }{{128, 3}, {6, 64}, {4, 96}, {128, 3}} { // 384 MB each
			var large []*Tensor
			for range c.blocks {
				large = append(large, Ones([]int{c.megabytes * mega / 4}))
				between = append(between, Ones([]int{64}))
			}
			if sum := large[c.blocks-1].Sum().Item(); sum != float64(c.megabytes*mega/4) {
				t.Errorf("the sum of %d MB of ones is %g", c.megabytes, sum)
			}
			for _, x := range large {
				x.Free()
			}
		}
		for _, x := range between {
			x.Free()
		}
		if grown := (machine.PeakResident() - before) / mega; grown > 384*9/8+64 {
			t.Errorf("the process grew by %d MB for 384 MB of tensors at a time", grown)
		}
	})
}

// What no machine has is an error that says so, and what is freed afterwards can be used.
func TestTooLarge(t *testing.T) {
	inRun(t, func() {
		defer func() {
			err, _ := recover().(error)
			if err == nil || !strings.Contains(err.Error(), "the machine has no memory for a tensor of 18014398509481984 bytes") {
				t.Errorf("got %v", err)
			}
			if sum := Ones([]int{1 << 20}).Sum().Item(); sum != 1<<20 {
				t.Errorf("the sum of ones is %g", sum)
			}
		}()
		Empty([]int{1 << 52}, Options{Dtype: Float32})
	})
}
