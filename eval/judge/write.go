package judge

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"contralens/internal/option"
)

// Formats lists the formats of Write.
var Formats = []string{"markdown", "csv", "json"}

// Write writes a report. CSV has the rows of all rankings; the other formats have everything.
func Write(w io.Writer, format string, r Report) error {
	switch format {
	case "markdown":
		_, err := io.WriteString(w, Markdown(r))
		return err
	case "csv":
		return commas(w, r)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(r)
	}
	return option.Text("format", strings.Join(Formats, ", "), format)
}

// protocols returns the protocols of which a group has accuracies.
func protocols(g Group) []string {
	all := map[string]bool{}
	for _, r := range g.Rows {
		for p := range r.Accuracy {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Markdown writes a report as text with tables.
func Markdown(r Report) string {
	var b strings.Builder
	if len(r.Groups) == 0 {
		b.WriteString("Nothing could be ranked.\n\n")
	}
	for _, g := range r.Groups {
		g.markdown(&b)
	}
	if len(r.Stops) > 0 {
		stops(&b, r.Stops)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

// String is "save/run after epoch 3 with 52.10 %".
func (p Pick) String() string {
	return fmt.Sprintf("%s after epoch %d with %.2f %%", p.Run, p.Epoch, p.Top1)
}

func line(b *strings.Builder, cells []string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", "\\|")
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// hundredths is v with two decimals, without the sign of a zero.
func hundredths(v float64) string {
	if text := fmt.Sprintf("%.2f", v); text != "-0.00" {
		return text
	}
	return "0.00"
}

func (g Group) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", g.Title, g.Verdict)
	head := []string{"run", "epoch", "score"}
	if len(g.Measures) > 1 {
		head = append(head, "spread")
	}
	for _, id := range g.columns() {
		head = append(head, titleOf(id))
	}
	tested := protocols(g)
	for _, p := range tested {
		head = append(head, p+" %")
	}
	faulty := slices.ContainsFunc(g.Rows, func(r Row) bool { return len(r.Faults) > 0 })
	if faulty {
		head = append(head, "diagnosis")
	}
	n := len(head)
	line(b, head)
	b.WriteString(strings.Repeat("| --- ", n) + "|\n")
	for _, r := range g.Rows {
		cells := []string{r.Run, strconv.Itoa(r.Epoch), hundredths(r.Score)}
		if len(g.Measures) > 1 {
			cells = append(cells, hundredths(r.Spread))
		}
		for _, id := range g.columns() {
			text := "collapsed"
			if v, ok := r.Values[id]; ok {
				text = fmt.Sprintf("%.4g", v)
			}
			cells = append(cells, text)
		}
		for _, p := range tested {
			text := ""
			if v, ok := r.Accuracy[p]; ok {
				text = fmt.Sprintf("%.2f", v)
			}
			cells = append(cells, text)
		}
		if faulty {
			cells = append(cells, strings.Join(r.Faults, ", "))
		}
		line(b, cells)
	}
	b.WriteString("\n")
	if len(g.Shown) > 0 {
		fmt.Fprintf(b, "Shown, but not counted across methods: %s.\n\n", titlesOf(g.Shown))
	}
	for _, c := range g.Checks {
		fmt.Fprintf(b, "Against %s (%d accuracies): Spearman's ρ %.2f, regret %.2f points: chosen %s, best %s.",
			c.Protocol, c.N, c.Rho, c.Regret, c.Chosen, c.Best)
		if columns := g.columns(); len(columns) > 1 {
			var alone []string
			for _, id := range columns {
				if rho, ok := c.ByMeasure[id]; ok {
					alone = append(alone, fmt.Sprintf("%s %.2f", titleOf(id), rho))
				}
			}
			fmt.Fprintf(b, " ρ of each measure alone: %s.", strings.Join(alone, ", "))
		}
		b.WriteString("\n\n")
	}
}

// stops writes what the stop rule would have done.
func stops(b *strings.Builder, all []Stop) {
	b.WriteString("## Stop rule\n\n")
	line(b, []string{"run", "epochs", "settled after", "saved", "k-NN lost, points"})
	b.WriteString(strings.Repeat("| --- ", 5) + "|\n")
	saved, lost, known, much, worst := 0.0, 0.0, 0, 0, math.Inf(-1)
	for _, s := range all {
		at, share, points := "never", "", ""
		if s.At > 0 {
			at, share = strconv.Itoa(s.At), fmt.Sprintf("%.0f %%", 100*s.Saved)
		} else if len(s.Faults) > 0 {
			at = "never, diagnosed: " + strings.Join(s.Faults, ", ")
		}
		if s.Lost != nil {
			points = hundredths(*s.Lost)
			lost, known, worst = lost+*s.Lost, known+1, max(worst, *s.Lost)
			if *s.Lost > 0.5 {
				much++
			}
		}
		saved += s.Saved
		line(b, []string{s.Run, strconv.Itoa(s.Planned), at, share, points})
	}
	fmt.Fprintf(b, "\nIn all, it saves %.0f %% of the epochs", 100*saved/float64(len(all)))
	if known > 0 {
		fmt.Fprintf(b, ". Where it stops, k-NN is %s on average", lower(lost/float64(known)))
		if known > 1 {
			fmt.Fprintf(b, ", %s at worst, and more than 0.5 points lower for %d of %d", lower(worst), much, known)
		}
	}
	b.WriteString(".\n\n")
}

// lower says how much lower an accuracy is than at the end.
func lower(lost float64) string {
	if lost = math.Round(100*lost) / 100; lost == 0 {
		return "what it is at the end"
	}
	if lost < 0 {
		return fmt.Sprintf("%.2f points higher than at the end", -lost)
	}
	return fmt.Sprintf("%.2f points lower than at the end", lost)
}

func commas(w io.Writer, r Report) error {
	c := csv.NewWriter(w)
	tested := map[string]bool{}
	for _, g := range r.Groups {
		for _, p := range protocols(g) {
			tested[p] = true
		}
	}
	names := slices.Sorted(maps.Keys(tested))
	head := []string{"group", "place", "run", "epoch", "method", "checkpoint", "score", "spread"}
	for _, m := range Measures {
		head = append(head, m.ID())
	}
	c.Write(append(append(head, names...), "diagnosis"))
	number := func(v float64, ok bool) string {
		if !ok {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	for _, g := range r.Groups {
		for i, row := range g.Rows {
			cells := []string{
				g.Title, strconv.Itoa(i + 1), row.Run, strconv.Itoa(row.Epoch), row.Method, row.File,
				number(row.Score, true), number(row.Spread, len(g.Measures) > 1),
			}
			for _, m := range Measures {
				v, ok := row.Values[m.ID()]
				cells = append(cells, number(v, ok && slices.Contains(g.columns(), m.ID())))
			}
			for _, p := range names {
				v, ok := row.Accuracy[p]
				cells = append(cells, number(v, ok))
			}
			c.Write(append(cells, strings.Join(row.Faults, ", ")))
		}
	}
	c.Flush()
	return c.Error()
}
