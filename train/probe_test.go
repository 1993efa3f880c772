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

// A probe set of fewer images than were asked for is a note; the default is not.
func TestFewProbeImages(t *testing.T) {
	for n, want := range map[int]string{500: "note: --probe 500 records 12: there are 12 images, and 20000 are the most", 300: "", 12: ""} {
		measuring(t, colors(12, 1), 4, func(r *Run, _ Hook, said func() string) {
			said()
			if err := ProbeHook(n, nil).Start(r); err != nil {
				t.Fatal(err)
			}
			if got := said(); got != want {
				t.Errorf("--probe %d: %q, want %q", n, got, want)
			}
		})
	}
}
