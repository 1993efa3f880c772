package tune

import (
	"testing"
	"time"
)

func TestProcessorTimes(t *testing.T) {
	for stat, want := range map[string][2]time.Duration{
		"cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2\n": {1710 * time.Millisecond, 6210 * time.Millisecond},
		"cpu  100 20 30 400 50 6 7\n":                  {},
		"cpu  100 20 x 400 50 6 7 8 9 10\n":            {},
		"":                                             {},
	} {
		if busy, all := processorTimes(stat); busy != want[0] || all != want[1] {
			t.Errorf("%q: busy %v of %v, want %v", stat, busy, all, want)
		}
	}
}
