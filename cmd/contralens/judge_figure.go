package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"contralens/eval/judge"
	"contralens/internal/humanize"
	"contralens/viz"
)

// drawJudge draws accuracies by the score without labels of the ranking with most accuracies, a color for
// each method, and encircles the candidate that was chosen.
func drawJudge(out string, r judge.Report) error {
	var group judge.Group
	var check judge.Check
	for _, g := range r.Groups {
		for _, c := range g.Checks {
			if c.N > check.N {
				group, check = g, c
			}
		}
	}
	if check.N == 0 {
		return fmt.Errorf("%s: want runs with accuracies for a figure, got none; "+
			"--knn_every of contrast, or contralens knn, measures them", r.Dir)
	}
	clouds := map[string]viz.Cloud{}
	for _, row := range group.Rows {
		top1, ok := row.Accuracy[check.Protocol]
		if !ok {
			continue
		}
		c, ok := clouds[row.Method]
		if !ok {
			c = viz.Cloud{Label: row.Method, Chosen: -1}
		}
		if row.Run == check.Chosen.Run && row.Epoch == check.Chosen.Epoch {
			c.Chosen = len(c.X)
		}
		c.X, c.Y = append(c.X, row.Score), append(c.Y, top1)
		clouds[row.Method] = c
	}
	name := cmp.Or(map[string]string{"knn": "k-NN"}[check.Protocol], check.Protocol)
	what := "training"
	if !slices.ContainsFunc(group.Rows, func(r judge.Row) bool { return r.Run != group.Rows[0].Run }) {
		what = "epoch"
	}
	title := fmt.Sprintf("%s judged without labels: Spearman's ρ %.2f, regret %.2f points",
		humanize.Count(check.N, what), check.Rho, check.Regret)
	var all []viz.Cloud
	for _, method := range slices.Sorted(maps.Keys(clouds)) {
		all = append(all, clouds[method])
	}
	return viz.WriteScatter(out, title, "score without labels", name+" top-1, %", all)
}
