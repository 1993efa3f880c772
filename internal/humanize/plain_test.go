package humanize

import (
	"testing"
	"time"
)

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

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 53 * time.Second: "53 s", 100 * time.Second: "2 min", 50 * time.Minute: "50 min", 100 * time.Minute: "1.7 h",
		34 * time.Hour: "34 h", 290 * time.Hour: "12 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	for x, want := range map[float64]string{0.030030: "0.03", 0.0098234: "0.0098", 0.00006: "0.00006", 30: "30", 1.26: "1.3"} {
		if got := Digits(x, 2); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 60_000: "60,000", -1234567: "-1,234,567"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		1: "1 byte", 500: "500 bytes", 12_345: "12 kB", 33_140_000: "33.1 MB", 1_200_000_000: "1.2 GB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
