package autotune

import (
	"slices"
	"testing"
)

func way(precision, format string) Setting { return Setting{Precision: precision, Format: format} }

func TestBest(t *testing.T) {
	for name, c := range map[string]struct {
		rates []float64 // of all four candidates, in order
		want  string
	}{
		"a tie":                         {[]float64{100, 102, 104, 108}, "fp32 channels_last"},
		"the other format":              {[]float64{100, 104, 0, 0}, "fp32 contiguous"},
		"bf16":                          {[]float64{100, 90, 115, 117}, "bf16 channels_last"},
		"bf16, but only in one format":  {[]float64{100, 0, 100, 115}, "bf16 contiguous"},
		"not worth its rounding errors": {[]float64{100, 104, 112, 113}, "fp32 contiguous"},
		"bf16 and the other format":     {[]float64{100, 50, 150, 170}, "bf16 contiguous"},
		"slower, as on old processors":  {[]float64{100, 90, 40, 30}, "fp32 channels_last"},
	} {
		var all []Trial
		for i, candidate := range candidates(way(Auto, Auto), true) {
			all = append(all, Trial{candidate, c.rates[i]})
		}
		if got := Best(all).String(); got != c.want {
			t.Errorf("%s: chose %s, want %s", name, got, c.want)
		}
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		given Setting
		bf16  bool
		want  []Setting
	}{
		{way(Auto, Auto), false, []Setting{way("fp32", "channels_last"), way("fp32", "contiguous")}},
		{way("bf16", Auto), false, []Setting{way("bf16", "channels_last"), way("bf16", "contiguous")}}, // as the user asked
		{way(Auto, "contiguous"), true, []Setting{way("fp32", "contiguous"), way("bf16", "contiguous")}},
	} {
		if got := candidates(c.given, c.bf16); !slices.Equal(got, c.want) {
			t.Errorf("%v, bf16 %v: %v, want %v", c.given, c.bf16, got, c.want)
		}
	}
}

// Each processor computes and loads, or does one of them. What is given does not
// change.
func TestSplits(t *testing.T) {
	for _, c := range []struct {
		processors, threads, workers int
		want                         [][2]int
	}{
		{1, 0, 0, [][2]int{{1, 1}}},
		{2, 0, 0, [][2]int{{2, 2}, {2, 1}, {1, 1}}},
		{8, 0, 0, [][2]int{{8, 8}, {8, 4}, {4, 4}, {8, 2}, {6, 2}}},
		{2, 1, 0, [][2]int{{1, 2}, {1, 1}}},
		{2, 0, 3, [][2]int{{2, 3}, {1, 3}}},
		{2, 2, 2, [][2]int{{2, 2}}},
	} {
		var got [][2]int
		for _, s := range splits(c.processors, Setting{Precision: "bf16", Format: "contiguous", Threads: c.threads, Workers: c.workers}) {
			if s.Precision != "bf16" || s.Format != "contiguous" {
				t.Errorf("a split computes in %s %s", s.Precision, s.Format)
			}
			got = append(got, [2]int{s.Threads, s.Workers})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d processors, %d threads and %d workers given: %v, want %v", c.processors, c.threads, c.workers, got, c.want)
		}
	}
	split := func(threads int, rate float64) Trial {
		return Trial{Setting{Threads: threads, Workers: 1}, rate}
	}
	for _, c := range []struct{ rate, want float64 }{{109, 2}, {112, 1}} {
		if got := Best([]Trial{split(2, 100), split(1, c.rate)}); float64(got.Threads) != c.want {
			t.Errorf("100 images/s with 2 threads, %v with one: chose %v", c.rate, got)
		}
	}
}

// TestDescribe expects rates in plain digits.
func TestDescribe(t *testing.T) {
	all := []Trial{{way("fp32", "channels_last"), 1963.4}, {way("fp32", "contiguous"), 12345}, {way("bf16", "channels_last"), 3.456}}
	want := "computing in fp32 channels_last: 1960 images/s forward and backward (fp32 contiguous 12300, bf16 channels_last 3.46); --precision and --memory_format choose otherwise"
	if got := Describe(all[0].Setting, all); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := Describe(all[0].Setting, all[:1]), "computing in fp32 channels_last: 1960 images/s forward and backward; --precision and --memory_format choose otherwise"; got != want {
		t.Errorf("nothing to choose from: got %s\nwant %s", got, want)
	}
	if got, want := all[0].String(), "fp32 channels_last 1960 images/s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
