// Package judge ranks trainings, and the epochs of one, without labels, by the measures of their features
// (package features/spectrum), and says how far the measures agree. Where accuracies exist, it says how
// well the ranking fits them.
//
// Collect finds what can be judged below a directory, and Judge ranks it:
//
//	runs → candidates (an epoch of a run) → groups that may be compared → ranks → verdict
//
// Within a method all measures count, across methods only those whose papers allow it and that hold there. A
// score is the mean of the candidates' ranks by each measure, as z-scores.
package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"contralens/features/spectrum"
)

// Measure is a measure by which candidates are ranked.
type Measure struct {
	Space, Name, Title string
	across             use
	alone              bool                    // it is worth a verdict by itself
	better             func(v float64) float64 // larger is better
}

// use is what a measure is good for across methods.
type use int

const (
	unused use = iota // its paper compares runs of one method
	shown             // its paper compares methods by it, but it does not hold (Measures)
	ranking
)

// ID names the measure in tables: head_rankme.
func (m Measure) ID() string { return m.Space + "_" + m.Name }

func larger(v float64) float64  { return v }
func smaller(v float64) float64 { return -v }

// Measures lists the measures that judge. RankMe's paper compares runs of one method. Those of LiDAR and W₂
// compare methods, and Wang & Isola (2020) compare encoders of several losses by alignment and uniformity, of
// which relative alignment is our ratio. Of these, one ranks across methods if alone it ranked the trainings
// of judge-cifar10 with a Spearman's ρ of at least 0.8 (decision 153).
// The embeddings' W₂ and alignment are nearly the loss itself, and a collapse has an alignment of 0 and an
// α-ReQ near 1: these judge nothing.
var Measures = []Measure{
	{"head", spectrum.RankMeName, "RankMe", unused, true, larger},
	{"head", spectrum.LiDARName, "LiDAR", shown, false, larger},
	{"backbone", spectrum.WassersteinName, "W₂ of features", shown, false, smaller},
	{"backbone", spectrum.RelativeName, "relative alignment", ranking, true, smaller},
}

// Candidate is an epoch of a run.
type Candidate struct {
	Run      string             `json:"run"`
	Epoch    int                `json:"epoch"`
	File     string             `json:"checkpoint,omitempty"` // with its weights; empty if there is none
	Method   string             `json:"method"`
	Values   map[string]float64 `json:"values"`     // by Measure.ID
	Accuracy map[string]float64 `json:"accuracies"` // top-1 in percent by protocol; without labels, none
	// Basis is what makes values comparable: the images and the views that were measured, and dimensions.
	Basis string `json:"basis"`
	// Collapsed tells that all features are one point. It is last by each measure.
	Collapsed bool `json:"collapsed,omitempty"`
	// Faults are the sure diagnoses of the training up to the epoch (package diagnose).
	Faults []string `json:"faults,omitempty"`
}

// Row is a candidate in a ranking.
type Row struct {
	Candidate
	Score float64 `json:"score"` // mean of the z-scored ranks; larger is better
	// Spread is the standard deviation of the z-scored ranks over the measures: how far they disagree about
	// this candidate.
	Spread float64 `json:"spread"`
}

// Check compares a ranking with accuracies of one protocol.
type Check struct {
	Protocol string `json:"protocol"`
	N        int    `json:"n"` // candidates that have an accuracy
	// Rho is Spearman's rank correlation of score and accuracy; ByMeasure has that of each measure alone.
	Rho       float64            `json:"rho"`
	ByMeasure map[string]float64 `json:"rho_by_measure"`
	// Regret is the best accuracy minus that of the candidate that was chosen, in points. Of several that are
	// first, the one with the lowest accuracy counts as chosen.
	Regret float64 `json:"regret"`
	Best   Pick    `json:"best"`
	Chosen Pick    `json:"chosen"`
}

// Pick is a candidate with its accuracy.
type Pick struct {
	Run   string  `json:"run"`
	Epoch int     `json:"epoch"`
	Top1  float64 `json:"top1"`
}

// Group is a ranking of candidates that may be compared.
type Group struct {
	Title    string   `json:"title"`
	Measures []string `json:"measures"` // that rank, and that all candidates have
	Shown    []string `json:"shown"`    // that all candidates have, and that do not rank
	// Agreement is Kendall's W of the measures, the shown ones too: 1 if all give the same order, 0 if none.
	Agreement float64 `json:"agreement"`
	// LeftOut names the candidates of which a measure that ranks across methods is not known.
	LeftOut []string `json:"left_out,omitempty"`
	Rows    []Row    `json:"rows"` // the best first
	Checks  []Check  `json:"checks"`
	Verdict string   `json:"verdict"`
}

// columns lists the measures of a group's table: those that rank, then the others.
func (g Group) columns() []string { return slices.Concat(g.Measures, g.Shown) }

// Report is what is known of a directory.
type Report struct {
	Dir    string   `json:"dir"`
	Groups []Group  `json:"groups"`
	Stops  []Stop   `json:"stops"`
	Notes  []string `json:"notes"`
}

// Agreements below which the measures tell nothing, and above which they tell clearly.
const (
	doubtful = 0.4
	agreed   = 0.7
)

// counts reports whether a measure ranks, within a method or across methods.
func (m Measure) counts(across bool) bool { return !across || m.across == ranking }

// value returns a measure of a candidate, larger if it is better. known is false if it is missing.
func (m Measure) value(c Candidate) (v float64, known bool) {
	if c.Collapsed {
		return math.Inf(-1), true // what is left is rounding
	}
	v, known = c.Values[m.ID()]
	return m.better(v), known
}

// Rank ranks candidates by the measures that all of them have. Across methods it ranks those of which the
// measures are known that rank there. It needs two candidates and a measure; ok is false without.
func Rank(title string, candidates []Candidate, across bool) (g Group, ok bool) {
	g = Group{Title: title, Shown: []string{}}
	if across {
		candidates = g.leaveOut(candidates)
	}
	var orders, others [][]float64 // ranks by measure, then candidate
	for _, m := range Measures {
		if across && m.across == unused {
			continue
		}
		var values []float64
		for _, c := range candidates {
			if v, ok := m.value(c); ok {
				values = append(values, v)
			}
		}
		switch {
		case len(values) < len(candidates):
		case m.counts(across):
			orders, g.Measures = append(orders, Ranks(values)), append(g.Measures, m.ID())
		default:
			others, g.Shown = append(others, Ranks(values)), append(g.Shown, m.ID())
		}
	}
	if len(candidates) < 2 || len(orders) == 0 {
		return g, false
	}
	equal := math.IsNaN(Concordance(orders))
	g.Agreement = Concordance(slices.Concat(orders, others))
	if equal {
		g.Agreement = 0
	}
	for i, c := range candidates {
		var z []float64
		for _, r := range orders {
			z = append(z, zScore(r, i))
		}
		row := Row{Candidate: c, Score: math.Round(stat.Mean(z, nil)*1e9) / 1e9} // equal ranks, equal scores
		if len(z) > 1 {
			row.Spread = stat.StdDev(z, nil)
		}
		g.Rows = append(g.Rows, row)
	}
	slices.SortStableFunc(g.Rows, func(a, b Row) int { return cmp.Compare(b.Score, a.Score) })
	g.Checks = checks(g)
	g.Verdict = verdict(g, equal)
	return g, true
}

// leaveOut returns the candidates that can be ranked across methods.
func (g *Group) leaveOut(all []Candidate) (ranked []Candidate) {
	for _, c := range all {
		lacks := slices.ContainsFunc(Measures, func(m Measure) bool {
			_, known := m.value(c)
			return m.counts(true) && !known
		})
		if lacks {
			g.LeftOut = append(g.LeftOut, c.name())
		} else {
			ranked = append(ranked, c)
		}
	}
	return ranked
}

// first returns the rows with the highest score.
func (g Group) first() []Row {
	n := 1
	for n < len(g.Rows) && g.Rows[n].Score == g.Rows[0].Score {
		n++
	}
	return g.Rows[:n]
}

// zScore is a rank minus the mean of all, over their standard deviation; 0 if all are equal.
func zScore(ranks []float64, i int) float64 {
	mean, deviation := stat.PopMeanStdDev(ranks, nil)
	if deviation == 0 {
		return 0
	}
	return (ranks[i] - mean) / deviation
}

// Ranks returns the ranks of values from 1, the smallest; equal values share the mean of theirs.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			ranks[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// Spearman is the rank correlation of a and b, NaN if one of them is constant.
func Spearman(a, b []float64) float64 { return stat.Correlation(Ranks(a), Ranks(b), nil) }

// Concordance is Kendall's W of m rankings of n things, with its correction for equal ranks:
//
//	W = (12 Σ R_i² − 3m²n(n+1)²) / (m²(n³−n) − m ΣT),  R_i the sum of i's ranks, T = Σ(t³−t)
//
// One ranking agrees with itself: 1. NaN if all rankings have all equal.
func Concordance(ranks [][]float64) float64 {
	m, n := float64(len(ranks)), float64(len(ranks[0]))
	squares, ties := 0.0, 0.0
	for i := range ranks[0] {
		total := 0.0
		for _, r := range ranks {
			total += r[i]
		}
		squares += total * total
	}
	for _, r := range ranks {
		same := map[float64]float64{}
		for _, v := range r {
			same[v]++
		}
		for _, t := range same {
			ties += t*t*t - t
		}
	}
	return (12*squares - 3*m*m*n*(n+1)*(n+1)) / (m*m*(n*n*n-n) - m*ties)
}

// checks compares the ranking with the accuracies of each protocol that at least three candidates have.
func checks(g Group) []Check {
	list := []Check{} // in JSON an empty list
	protocols := map[string]int{}
	for _, r := range g.Rows {
		for p := range r.Accuracy {
			protocols[p]++
		}
	}
	for p, n := range protocols {
		if n < 3 {
			continue
		}
		c := Check{Protocol: p, N: n, ByMeasure: map[string]float64{}}
		var score, accuracy []float64
		for _, r := range g.Rows { // the best first
			top1, ok := r.Accuracy[p]
			if !ok {
				continue
			}
			pick := Pick{r.Run, r.Epoch, top1}
			if len(score) == 0 {
				c.Chosen, c.Best = pick, pick
			} else if r.Score == score[0] && top1 < c.Chosen.Top1 {
				c.Chosen = pick
			}
			if top1 > c.Best.Top1 {
				c.Best = pick
			}
			score, accuracy = append(score, r.Score), append(accuracy, top1)
		}
		c.Rho, c.Regret = Spearman(score, accuracy), c.Best.Top1-c.Chosen.Top1
		for _, m := range Measures {
			if !slices.Contains(g.columns(), m.ID()) {
				continue
			}
			var values []float64
			for _, r := range g.Rows {
				if _, ok := r.Accuracy[p]; ok {
					v, _ := m.value(r.Candidate)
					values = append(values, v)
				}
			}
			if rho := Spearman(values, accuracy); !math.IsNaN(rho) {
				c.ByMeasure[m.ID()] = rho
			}
		}
		if math.IsNaN(c.Rho) {
			continue // all accuracies, or all scores, are equal
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Check) int { return strings.Compare(a.Protocol, b.Protocol) })
	return list
}

// verdict says what the ranking is worth. equal tells that every measure has one value.
func verdict(g Group, equal bool) string {
	text := judgement(g, equal)
	if faults := g.Rows[0].Faults; len(faults) > 0 {
		text += fmt.Sprintf("; but %s is diagnosed: %s", g.Rows[0].name(), strings.Join(faults, ", "))
		sound := slices.IndexFunc(g.Rows, func(r Row) bool { return len(r.Faults) == 0 })
		if sound < 0 {
			return text + ", and no other is free of faults"
		}
		text += ". The first without a fault is " + g.Rows[sound].name()
	}
	return text
}

func (c Candidate) name() string { return fmt.Sprintf("%s after epoch %d", c.Run, c.Epoch) }

// judgement is the verdict by the measures alone.
func judgement(g Group, equal bool) string {
	name := names(g.first())
	switch {
	case equal:
		return "cannot tell: every measure is the same for all"
	case len(g.Measures) == 1:
		text := fmt.Sprintf("first by %s alone: %s; %s", titleOf(g.Measures[0]), name, g.contradict())
		if i := slices.IndexFunc(Measures, func(m Measure) bool { return m.ID() == g.Measures[0] }); !Measures[i].alone {
			return "cannot tell; " + text
		}
		return text
	case g.Agreement < doubtful:
		return fmt.Sprintf("cannot tell: the measures disagree (Kendall's W %.2f); %s", g.Agreement, tells(g))
	case g.Agreement < agreed:
		return fmt.Sprintf("probably %s: the measures agree in part (Kendall's W %.2f)", name, g.Agreement)
	}
	return fmt.Sprintf("%s: the measures agree (Kendall's W %.2f)", name, g.Agreement)
}

// contradict says what measures that are shown would choose in place of the one that ranks.
func (g Group) contradict() string {
	if len(g.Shown) == 0 {
		return "no other measure checks it"
	}
	var others []string
	for _, m := range Measures {
		if !slices.Contains(g.Shown, m.ID()) {
			continue
		}
		best, highest := []Row{}, math.Inf(-1)
		for _, r := range g.Rows {
			switch v, _ := m.value(r.Candidate); {
			case v > highest:
				best, highest = []Row{r}, v
			case v == highest:
				best = append(best, r)
			}
		}
		text := names(best)
		if text == names(g.first()) {
			text = "the same"
		}
		others = append(others, fmt.Sprintf("%s would choose %s", m.Title, text))
	}
	return fmt.Sprintf("%s (Kendall's W of all %.2f)", strings.Join(others, ", "), g.Agreement)
}

// names names rows that are equally good.
func names(rows []Row) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.name())
	}
	return strings.Join(all, " and ")
}

// tells says what tells if the measures do not: accuracies, where they exist.
func tells(g Group) string {
	if len(g.Checks) == 0 {
		return "k-NN would tell (contralens knn --ckpt)"
	}
	var best []string
	for _, c := range g.Checks {
		best = append(best, fmt.Sprintf("by %s the best is %s", c.Protocol, c.Best))
	}
	return strings.Join(best, ", ")
}

func titleOf(id string) string {
	for _, m := range Measures {
		if m.ID() == id {
			return m.Title
		}
	}
	return id
}

func titlesOf(ids []string) string {
	var titles []string
	for _, id := range ids {
		titles = append(titles, titleOf(id))
	}
	return strings.Join(titles, ", ")
}
