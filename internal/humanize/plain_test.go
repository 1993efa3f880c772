package humanize

import "testing"

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1963.4: "1960", 99950: "100000", 12.345: "12.3", 12: "12", 0.017849: "0.0178", 0.9996: "1"} {
		if got := Number(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 steps", 1: "1 step", 2: "2 steps"} {
		if got := Count(n, "step"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
