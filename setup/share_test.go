package setup

import (
	"strings"
	"testing"

	"contralens/config"
	"contralens/dist"
)

// Each process of a machine takes the GPU of its rank there.
func TestOwnGPU(t *testing.T) {
	for _, tc := range []struct {
		device, gpu string
		rank, size  int
		want        string // the device, or a part of the error
	}{
		{"auto", "", 1, 2, "cuda:1"}, {"cuda", "", 0, 2, "cuda:0"}, {"auto", "", 0, 1, "auto"},
		{"auto", "", 2, 3, "a GPU for each of the 3 processes"}, {"cuda:1", "", 0, 2, "with several processes"},
		{"auto", "0", 1, 2, "with several processes"},
	} {
		m := config.Machine{Device: tc.device, GPU: tc.gpu}
		err := ownGPU(&m, dist.Launch{LocalRank: tc.rank, LocalSize: tc.size}, 2)
		if got := m.Device; err == nil && got != tc.want || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
}
