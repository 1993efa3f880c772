package study

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// escape keeps text from being read as Markdown's tables or HTML.
var escape = strings.NewReplacer("|", "\\|", "<", "&lt;")

// table writes rows of text as Markdown.
func table(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + escape.Replace(cell) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	b.WriteByte('\n')
}

// Markdown writes the report as a document.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", escape.Replace(r.Title))
	scores, accuracies := split(r.Measures, isStatistic)
	if len(accuracies) > 0 {
		table(&b, r.Table(accuracies))
	}
	b.WriteString(strings.Join(r.Sentences(), "\n") + "\n\n")
	if len(r.Panels()) > 0 {
		fmt.Fprintf(&b, "![Differences from %s](%s.png)\n\n", r.Baseline, Figure)
	}
	if len(scores) > 0 {
		b.WriteString("## Scores\n\n")
		table(&b, r.Table(scores))
	}
	b.WriteString("## Arms\n\n")
	rows := [][]string{{"arm", "options"}}
	for _, a := range r.Arms {
		options := a.Options
		if a.Program != "" {
			options = strings.TrimPrefix(options+"; program: "+a.Program, "; ")
		}
		rows = append(rows, []string{a.Name, options})
	}
	table(&b, rows)
	if len(r.Trials) > 0 {
		fmt.Fprintf(&b, "## Tuning\n\n")
		rows := [][]string{{"arm", "setting", "epochs", "runs", Title(r.TunedBy) + " on validation", "kept"}}
		for _, t := range r.Trials {
			rows = append(rows, t.row())
		}
		table(&b, rows)
	}
	r.each(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// split returns the measures of one kind and the others.
func split(measures []string, kind func(string) bool) (those, others []string) {
	for _, m := range measures {
		if kind(m) {
			those = append(those, m)
		} else {
			others = append(others, m)
		}
	}
	return those, others
}

func (t Trial) row() []string {
	mean, kept, epochs := "", "", ""
	if t.Mean != nil {
		mean = fmt.Sprintf("%.2f", *t.Mean)
	}
	if t.Kept {
		kept = "yes"
	}
	if t.Epochs > 0 {
		epochs = strconv.Itoa(t.Epochs)
	}
	return []string{t.Arm, t.Setting, epochs, strconv.Itoa(t.N), mean, kept}
}

// each writes the results, failures and command lines of every training.
func (r Report) each(b *strings.Builder) {
	b.WriteString("## Trainings\n\n")
	head := []string{"training", "state"}
	for _, m := range r.Measures {
		head = append(head, Title(m))
	}
	rows := [][]string{append(head, "time")}
	for _, c := range r.Cells {
		row := []string{c.Name, c.State}
		for _, m := range r.Measures {
			text := ""
			if v, ok := c.Scores[m]; ok {
				plain, _ := numbers(m)
				text = plain(v)
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, duration(c.Seconds)))
	}
	table(b, rows)
	for _, c := range r.Cells {
		if c.State == Failed {
			fmt.Fprintf(b, "* %s failed: %s\n", c.Name, c.Reason)
		}
	}
	if r.Failed > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("## Commands\n\n```sh\n")
	for _, c := range r.Cells {
		for _, line := range c.Commands {
			b.WriteString(ShellWords(line) + "\n")
		}
	}
	b.WriteString("```\n")
}
