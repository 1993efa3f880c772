package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/eval/judge"
)

// The figure is of the ranking with most accuracies; candidates without one are left out.
func TestDrawJudge(t *testing.T) {
	row := func(run, method string, score, top1 float64) judge.Row {
		c := judge.Candidate{Run: run, Epoch: 3, Method: method}
		if top1 > 0 {
			c.Accuracy = map[string]float64{"knn": top1}
		}
		return judge.Row{Candidate: c, Score: score}
	}
	within := judge.Group{
		Rows:   []judge.Row{row("a", "queue", 1, 40), row("b", "queue", 0, 30)},
		Checks: []judge.Check{{Protocol: "knn", N: 2, Rho: 1, Chosen: judge.Pick{Run: "a", Epoch: 3}}},
	}
	all := judge.Group{
		Rows:   append([]judge.Row{row("c", "BYOL", 2, 35), row("d", "SimSiam", -1, 0)}, within.Rows...),
		Checks: []judge.Check{{Protocol: "knn", N: 3, Rho: 0.5, Regret: 5, Chosen: judge.Pick{Run: "c", Epoch: 3}}},
	}
	out := filepath.Join(t.TempDir(), "judge.svg")
	if err := drawJudge(out, judge.Report{Groups: []judge.Group{within, all}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 trainings judged without labels", "ρ 0.50, regret 5.00 points", "k-NN top-1, %", ">BYOL<", ">queue<", ">chosen<"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("want %q in the figure", want)
		}
	}
	if strings.Contains(string(data), "SimSiam") {
		t.Error("a method without accuracies is in the legend")
	}
	epochs := judge.Group{Rows: []judge.Row{row("a", "queue", 1, 40), row("a", "queue", 0, 30)}, Checks: within.Checks}
	if err := drawJudge(out, judge.Report{Groups: []judge.Group{epochs}}); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(out); err != nil || !strings.Contains(string(data), "2 epochs judged without labels") {
		t.Errorf("epochs of one run: %v", err)
	}
}
