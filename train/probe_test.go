package train

import "testing"

// Short trainings keep the features of every epoch. Long ones keep at most a hundred, and
// a training on few images spends at most a twentieth of its time on them.
func TestProbeEvery(t *testing.T) {
	for _, c := range []struct{ epochs, images, probed, want int }{
		{1, 300, 300, 1}, {20, 300, 300, 1}, {50, 300, 300, 5}, {50, 5000, 300, 1}, {200, 5000, 300, 2},
		{200, 1_281_167, 300, 2}, {800, 50_000, 300, 8}, {200, 40, 40, 5},
	} {
		if got := probeEvery(c.epochs, c.images, c.probed); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}
