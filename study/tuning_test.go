package study

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"contralens/study/jobs"
)

// All arms try the same shared settings, each as often as any other, and their own ones take turns beside them.
func TestDraw(t *testing.T) {
	options := func(name string, n int) (all [][]Option) {
		for i := range n {
			all = append(all, []Option{{Name: name, Value: fmt.Sprint(i)}})
		}
		return all
	}
	for _, shared := range []int{1, 2, 4, 6} {
		for _, own := range []int{1, 2, 3, 4} {
			for n := 1; n <= shared*own; n++ {
				settings := draw(options("s", shared), options("o", own), n)
				plain := draw(options("s", shared), [][]Option{nil}, min(n, shared))
				of := func(settings [][]Option, at int) map[string]int {
					counts := map[string]int{}
					for _, s := range settings {
						counts[s[at].Value]++
					}
					return counts
				}
				sharedCounts, distinct := of(settings, 0), map[string]bool{}
				for _, s := range settings {
					distinct[describe(s)] = true
				}
				if len(settings) != n || len(distinct) != n {
					t.Fatalf("%d of %d × %d: %v", n, shared, own, settings)
				}
				for value, times := range of(plain, 0) {
					if sharedCounts[value] < times {
						t.Errorf("%d of %d × %d: the arm without own options tries s %s, and the other one does not", n, shared, own, value)
					}
				}
				for at, values := range []int{shared, own} {
					counts := of(settings, at)
					for value, times := range counts {
						if at == 0 && (times < n/values || times > (n+values-1)/values) {
							t.Errorf("%d of %d × %d: value %s is tried %d times", n, shared, own, value, times)
						}
					}
					if n >= max(shared, own) && len(counts) != values {
						t.Errorf("%d of %d × %d: %d of %d values are tried", n, shared, own, len(counts), values)
					}
				}
			}
		}
	}
}

// An own option of two values meets every value of every shared one as evenly as can be, as in the studies relatives
// (2 × 2 shared settings) and ft-cifar10 (3 × 2).
func TestDrawEvenly(t *testing.T) {
	own := combinations([]Axis{{Option: "α", Values: []string{"8", "9"}}})
	for _, c := range []struct {
		rates []string
		pairs int // of a rate or τ with an α
	}{{[]string{"1", "2"}, 8}, {[]string{"1", "2", "3"}, 10}} {
		shared := combinations([]Axis{{Option: "rate", Values: c.rates}, {Option: "τ", Values: []string{"4", "5"}}})
		met := map[string]int{}
		for _, s := range draw(shared, own, len(shared)) {
			met[describe([]Option{s[0], s[2]})]++
			met[describe([]Option{s[1], s[2]})]++
		}
		if len(met) != c.pairs {
			t.Errorf("%d rates: %v: want %d pairs", len(c.rates), met, c.pairs)
		}
	}
}

// A retry can change what tuning chooses. Results of the setting that it chose before do not count.
func TestOutdated(t *testing.T) {
	s := parse(t, "arms: {a: {}}\nseeds: 2\noptions: {method: MoCov2}\ntuning: {options: {learning_rate: [0.1, 0.2]}}\n")
	done := map[string]jobs.Outcome{
		"a_try-1_seed-1001": scored(3), "a_try-2_seed-1001": scored(5),
		"a_seed-1": {Setting: "learning_rate 0.1", Scores: map[string]float64{"knn": 7}},
		"a_seed-2": {Setting: "learning_rate 0.2", Scores: map[string]float64{"knn": 9}},
	}
	var outdated []string
	for _, c := range s.Cells(done) {
		if s.Outdated(c, done[c.Name]) {
			outdated = append(outdated, c.Name)
		}
	}
	if !slices.Equal(outdated, []string{"a_seed-1"}) {
		t.Errorf("outdated: %v", outdated)
	}
	if err := s.CheckDrawn("out", done); err != nil {
		t.Error(err)
	}
	old := func(rate string) jobs.Outcome { // an older version wrote no setting
		return jobs.Outcome{Commands: [][]string{{"contralens", "contrast", "--learning_rate=" + rate}, {"contralens", "knn"}}}
	}
	if err := s.CheckDrawn("out", map[string]jobs.Outcome{"a_try-1_seed-1001": old("0.1"), "a_try-2_seed-1001": old("0.2")}); err != nil {
		t.Error(err)
	}
	err := s.CheckDrawn("out", map[string]jobs.Outcome{"a_try-1_seed-1001": old("0.2")})
	if err == nil || !strings.Contains(err.Error(), "a_try-1_seed-1001 has learning_rate 0.2, now it is 0.1") {
		t.Errorf("other settings: %v", err)
	}
	other := scored(5)
	other.Setting, other.Commit = "learning_rate 0.3", "0a1b"
	err = s.CheckDrawn("out", map[string]jobs.Outcome{"a_try-2_seed-1001": other})
	want := "a_try-2_seed-1001 has learning_rate 0.3, now it is learning_rate 0.2); choose another folder (-o), or use that of commit 0a1b"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a setting of another version: %v, want %q", err, want)
	}
	if s.Outdated(s.Cells(nil)[1], other) {
		t.Error("a trial of another version is to be made again")
	}
	r := s.Report("out", done)
	if a := r.Arms[0]; a.Runs != 1 || a.Measures["knn"].Mean != 9 || a.Setting != "learning_rate 0.2" || r.Done != 3 {
		t.Errorf("%+v, %d done", a, r.Done)
	}
}
