package study

import (
	"fmt"
	"slices"
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
	old := jobs.Outcome{Commands: [][]string{{"contralens", "contrast", "--learning_rate=0.1"}, {"contralens", "knn"}}}
	for i, c := range s.Cells(nil) { // an older program wrote no setting
		if s.Outdated(c, old) != (i == 1) {
			t.Errorf("%s: outdated %v", c.Name, s.Outdated(c, old))
		}
	}
	r := s.Report("out", done)
	if a := r.Arms[0]; a.Runs != 1 || a.Measures["knn"].Mean != 9 || a.Setting != "learning_rate 0.2" || r.Done != 3 {
		t.Errorf("%+v, %d done", a, r.Done)
	}
}
