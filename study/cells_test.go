package study

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/rundir"
	"contralens/study/jobs"
)

// play gives every cell a score until all are done, and returns the cells in their order.
func play(s *Study, score func(Cell) jobs.Outcome) (order []Cell, done map[string]jobs.Outcome) {
	done = map[string]jobs.Outcome{}
	for {
		next := slices.IndexFunc(s.Cells(done), func(c Cell) bool { _, ok := done[c.Name]; return !ok })
		if next < 0 {
			return order, done
		}
		c := s.Cells(done)[next]
		order = append(order, c)
		done[c.Name] = score(c)
	}
}

func scored(v float64) jobs.Outcome {
	return jobs.Outcome{Scores: map[string]float64{"knn": v}, Seconds: 2 * v, Images: v}
}

const halving = `arms:
  a: {}
  b: {ft: pos}
seeds: [4, 7]
options: {method: MoCov2}
tuning:
  options: {learning_rate: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
  search: halving
  seeds: 2
  epochs: [1, 2, 4]
`

// Successive halving: 8 settings of 1 epoch, 4 of 2, 2 of 4, with two seeds each; the best goes on, and
// the trainings that count follow seed by seed. Every arm costs the same.
func TestHalving(t *testing.T) {
	s := parse(t, halving)
	score := func(c Cell) jobs.Outcome {
		// Setting 6 is best, and setting 3 of arm b where seeds are averaged.
		v := 10 - float64((c.Setting-6)*(c.Setting-6))
		if c.Arm == 1 && c.Setting == 3 {
			v = []float64{100, -20}[c.Seed-firstTuningSeed]
		}
		return scored(v)
	}
	rounds := map[string]int{}
	order, done := play(s, func(c Cell) jobs.Outcome {
		rounds[fmt.Sprintf("%d%d", c.Arm, c.Round)]++
		if c.Round == 0 {
			return scored(50)
		}
		return score(c)
	})
	want := map[string]int{"01": 16, "02": 8, "03": 4, "00": 2, "11": 16, "12": 8, "13": 4, "10": 2}
	if !maps.Equal(rounds, want) {
		t.Errorf("trainings by arm and round: %v, want %v", rounds, want)
	}
	var last []string
	for _, c := range order[len(order)-4:] {
		last = append(last, fmt.Sprint(c.Name, " ", c.Setting))
	}
	if got := strings.Join(last, ", "); got != "a_seed-4 6, b_seed-4 3, a_seed-7 6, b_seed-7 3" {
		t.Errorf("the last are %s", got)
	}
	for _, c := range order {
		if c.Validates() != (c.Round > 0) || c.Validates() == slices.Contains(s.Seeds, c.Seed) {
			t.Errorf("%+v", c)
		}
	}
	// What is planned has the same numbers before anything is done.
	planned, names := map[string]int{}, map[string]bool{}
	for _, c := range s.Planned(nil) {
		if names[c.Name] {
			t.Errorf("%s is planned twice", c.Name)
		}
		names[c.Name] = true
		planned[fmt.Sprintf("%d%d", c.Arm, c.Round)]++
		if (c.Setting < 0) != (c.Round != 1) || strings.Contains(c.Name, "_try-?") != (c.Round > 1) {
			t.Errorf("planned: %+v", c)
		}
	}
	if !maps.Equal(planned, want) {
		t.Errorf("planned: %v, want %v", planned, want)
	}
	if left, known := s.Left(Pace{Images: func(Cell) float64 { return 10 }}, done); left != 0 || !known {
		t.Errorf("%v left, known %v", left, known)
	}
}

// Settings that failed are not chosen. An arm whose settings all failed has no results, and the others
// do.
func TestFailures(t *testing.T) {
	s := parse(t, strings.NewReplacer("0.4, 0.5, 0.6, 0.7, 0.8", "0.4", "[1, 2, 4]", "[1, 2]").Replace(halving))
	_, done := play(s, func(c Cell) jobs.Outcome {
		if c.Arm == 1 && c.Round > 0 || c.Setting == 1 && c.Round == 1 {
			return jobs.Outcome{Error: "not finite"}
		}
		return scored(10 * float64(c.Seed))
	})
	r := s.Report("out", done)
	if r.Arms[0].Runs != 2 || r.Arms[0].Setting != "learning_rate 0.1" || r.Arms[1].Runs != 0 || r.Arms[1].Failed != 0 || !slices.Equal(r.Untuned, []string{"b"}) {
		t.Errorf("arms %+v, untuned %v", r.Arms, r.Untuned)
	}
	if r.Done != len(r.Cells) || r.Failed != 10 {
		t.Errorf("%d of %d done, %d failed", r.Done, len(r.Cells), r.Failed)
	}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| b | 0 (every setting failed) |", "Arm b has no results", "failed: not finite", "| a | 2 | learning_rate 0.1 | 55.00 ["} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}

// The report of finished and unfinished cells: means, intervals, differences paired by seed.
func TestReport(t *testing.T) {
	s := parse(t, "title: T\narms: {a: {}, b: {ft: pos}}\nbaseline: b\nseeds: 3\nevaluations: {knn: {}, fewshot: {labels: [1]}}\noptions: {method: MoCov2}\n")
	done := map[string]jobs.Outcome{}
	for i, v := range []float64{11, 52, 33} {
		done[fmt.Sprint("a_seed-", i+1)] = jobs.Outcome{Scores: map[string]float64{"knn": v, "few-shot-1": 5}, Seconds: 60, Images: 600}
		done[fmt.Sprint("b_seed-", i+1)] = jobs.Outcome{Scores: map[string]float64{"knn": v - float64(i+1)}, Seconds: 60, Images: 300}
	}
	delete(done, "b_seed-2")
	made := func(name, commit string) {
		o := done[name]
		o.Commit, o.Machine = commit, "a processor, 2 cores"
		o.Chosen = map[string]string{rundir.ChosenOnset: NeverBegan}
		done[name] = o
	}
	made("a_seed-2", "0a1b")
	if text := strings.Join(s.Report("out", done).Sentences(), " "); !strings.Contains(text, "Made with contralens of commit 0a1b (4 trainings: not known) on a processor, 2 cores.") || strings.Contains(text, "can depend") {
		t.Errorf("one commit: %s", text)
	}
	made("b_seed-3", "ffff")
	r := s.Report("out", done)
	a := r.Arms[0].Measures["knn"]
	if a.N != 3 || a.Mean != 32 || a.Difference.N != 2 || a.Difference.Mean != 2 || r.Arms[1].Measures["knn"].Difference.N != 0 {
		t.Errorf("got %+v", r.Arms)
	}
	if v := r.Arms[0].Measures["few-shot-1"]; v.N != 3 || v.Difference.N != 0 {
		t.Errorf("a measure that the baseline lacks: %+v", v)
	}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# T\n", "In 1 of 3 trainings of arm a no features were transformed", "| a | 3 | 32.00 [", "| +2.00 [", "] (2 pairs) | 5.00 [", "Student's t over seeds", "paired by seed", "1 of 6 trainings are not done", "Made with contralens of commit 0a1b, ffff (3 trainings: not known) on a processor, 2 cores. Results can depend on version and machine", "b_seed-2", "contralens contrast"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := r.CSV(&b); err != nil || !strings.Contains(b.String(), "\na,knn,3,0,32,") {
		t.Errorf("%v\n%s", err, b.String())
	}
	b.Reset()
	if err := r.CellsCSV(&b); err != nil || !strings.Contains(b.String(), "\na_seed-2,a,2,0,done,knn,52,60,,0a1b,\"a processor, 2 cores\",mix_start_step=never\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if left, known := s.Left(Pace{Images: func(Cell) float64 { return 600 }}, done); !known || left != 120*time.Second {
		t.Errorf("%v left, known %v; want that of arm b's speed", left, known)
	}
	if _, known := s.Left(Pace{Images: func(Cell) float64 { return 600 }}, nil); known {
		t.Error("the time is known although nothing was measured")
	}
	if left, _ := s.Left(Pace{Images: func(Cell) float64 { return 600 }, Measured: map[int]float64{0: 0.1, 1: 0.2}}, nil); left != 540*time.Second {
		t.Errorf("measured: %v left", left)
	}
	withScores := parse(t, "arms: {a: {}, b: {ft: pos}}\nseeds: 2\nevaluations: {knn: {}, scores: {}}\noptions: {method: MoCov2}\n")
	stats := func(v float64) jobs.Outcome { return jobs.Outcome{Scores: map[string]float64{"knn": 50, "neg_var": v}} }
	r = withScores.Report("out", map[string]jobs.Outcome{"a_seed-1": stats(0.01), "b_seed-1": stats(0.0125), "a_seed-2": stats(0.02), "b_seed-2": stats(0.0225)})
	b.Reset()
	if err := r.Markdown(&b); err != nil || !strings.Contains(b.String(), "| +0.0025 [+0.0025, +0.0025] |") || !strings.Contains(b.String(), "variance of negative scores") || !strings.Contains(b.String(), "in the last epoch") || !strings.Contains(b.String(), "## Scores\n\n| arm | runs | ") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if strings.Contains(b.String(), "by chance") || strings.Contains(b.String(), "pairs)") {
		t.Errorf("five differences of all runs:\n%s", b.String())
	}
	many := parse(t, "grid: {alpha: [0, 0.5, 0.6, 0.9, 0.99]}\nseeds: 2\nevaluations: {knn: {}, scores: {}, fewshot: {labels: [1, 2, 3, 4]}}\noptions: {method: MoCov2}\n")
	done = map[string]jobs.Outcome{}
	for _, c := range many.Cells(nil) {
		done[c.Name] = jobs.Outcome{Scores: map[string]float64{"knn": 1 + float64(c.Arm/2), "few-shot-1": 1, "few-shot-2": 1, "few-shot-3": 1, "few-shot-4": 1, "pos_mean": 1}}
	}
	text := strings.Join(many.Report("out", done).Sentences(), " ")
	for _, want := range []string{"There are 20 differences of accuracies: without any effect, 1 in 20 would have an interval without 0", "Arm alpha=0.5 has the results of alpha=0 in every run, by chance or because what it differs in had no effect"} {
		if !strings.Contains(text, want) || strings.Count(text, "had no effect") != 1 {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	one := parse(t, "arms: {a: {}, b: {ft: pos}}\nseeds: 1\noptions: {method: MoCov2}\n")
	r = one.Report("out", map[string]jobs.Outcome{"a_seed-1": scored(1), "b_seed-1": scored(3)})
	if d := r.Arms[1].Measures["knn"].Difference; d.Mean != 2 || d.Low != nil || !strings.Contains(strings.Join(r.Sentences(), " "), "one seed, so there are no intervals") {
		t.Errorf("one seed: %+v, %v", d, r.Sentences())
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
}

func TestProgramLine(t *testing.T) {
	s := parse(t, "arms:\n  a: {}\n  torch: {program: \"python3 moco.py --lr {learning_rate} --seed {seed} -o {dir}/current.pth\"}\nseeds: [5]\noptions: {method: MoCov2, learning_rate: 0.1}\n")
	cell := s.Cells(nil)[1]
	words, err := s.ProgramLine("out", cell)
	if err != nil || strings.Join(words, " ") != "python3 moco.py --lr 0.1 --seed 5 -o out/runs/torch_seed-5/current.pth" {
		t.Errorf("%v, %v", words, err)
	}
	s.Arms[1].Program = []string{"x", "{nothing}"}
	if _, err := s.ProgramLine("out", cell); err == nil || !strings.Contains(err.Error(), "study.yaml, line 3: arm torch: program: want {dir} or an option") {
		t.Errorf("got %v", err)
	}
}

// The report says where negatives are not those of the loss, and notes name the settings that they are about.
func TestNotes(t *testing.T) {
	s := parse(t, "seeds: 1\nevaluations: {scores: {}, knn: {}}\noptions: {nce_k: 64}\narms:\n  a: {loss: hcl, tune: {nce_t: [0.05, 0.5]}}\n"+
		"  b: {method: SimSiam, tune: {learning_rate: [0.1, 0.2]}}\ntuning: {}\n")
	if text := strings.Join(s.Report("out", nil).Sentences(), " "); !strings.Contains(text, "The loss of b sees no negatives") || strings.Contains(text, "loss of a sees") {
		t.Errorf("the report says %s", text)
	}
	if notes := strings.Join(s.Notes("out", 0), "\n"); !strings.Contains(notes, "arm a with nce_t 0.05: --loss hcl repels no negatives") {
		t.Errorf("notes %q", notes)
	}
}
