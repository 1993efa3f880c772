package report

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"contralens/internal/option"
)

// Formats lists the formats of Write.
var Formats = []string{"markdown", "csv", "html"}

// titles are the headings of Metrics.
var titles = map[string]string{
	"top1": "top-1 %", "top5": "top-5 %", "many": "many %", "medium": "medium %", "few": "few %",
	"AP": "AP", "AP50": "AP50", "AP75": "AP75", "mask_AP": "mask AP", "mask_AP50": "mask AP50", "mask_AP75": "mask AP75",
}

// Write writes the rows as a table in one of the Formats.
func Write(w io.Writer, format string, rows []Row) error {
	var used []string
	for _, m := range Metrics {
		for _, r := range rows {
			if _, ok := r.Metrics[m]; ok {
				used = append(used, m)
				break
			}
		}
	}
	switch format {
	case "markdown":
		return markdown(w, rows, used)
	case "csv":
		return commas(w, rows, used)
	case "html":
		return page.Execute(w, table(rows, used))
	}
	return option.Text("format", strings.Join(Formats, ", "), format)
}

// text returns "52.27 ± 0.31", or only the mean for one seed.
func (v Value) text(seeds int) string {
	if seeds < 2 {
		return fmt.Sprintf("%.2f", v.Mean)
	}
	return fmt.Sprintf("%.2f ± %.2f", v.Mean, v.Std)
}

// table returns the table as text. The first row has the headings.
func table(rows []Row, used []string) [][]string {
	head := []string{"run", "protocol", "dataset", "epoch", "seeds"}
	for _, m := range used {
		head = append(head, titles[m])
	}
	all := [][]string{head}
	for _, r := range rows {
		line := []string{r.Run, r.Protocol, r.Dataset, strconv.Itoa(r.Epoch), strconv.Itoa(r.Seeds)}
		for _, m := range used {
			text := ""
			if v, ok := r.Metrics[m]; ok {
				text = v.text(r.Seeds)
			}
			line = append(line, text)
		}
		all = append(all, line)
	}
	return all
}

func markdown(w io.Writer, rows []Row, used []string) error {
	var b strings.Builder
	for i, line := range table(rows, used) {
		for j := range line {
			line[j] = strings.ReplaceAll(line[j], "|", "\\|")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(line)) + "|\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commas writes means and standard deviations in separate columns, unrounded.
func commas(w io.Writer, rows []Row, used []string) error {
	c := csv.NewWriter(w)
	head := []string{"run", "protocol", "dataset", "epoch", "seeds"}
	for _, m := range used {
		head = append(head, m+"_mean", m+"_std")
	}
	c.Write(head)
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	for _, r := range rows {
		line := []string{r.Run, r.Protocol, r.Dataset, strconv.Itoa(r.Epoch), strconv.Itoa(r.Seeds)}
		for _, m := range used {
			v, ok := r.Metrics[m]
			mean, std := "", ""
			if ok {
				mean = number(v.Mean)
			}
			if ok && r.Seeds > 1 {
				std = number(v.Std)
			}
			line = append(line, mean, std)
		}
		c.Write(line)
	}
	c.Flush()
	return c.Error()
}

var page = template.Must(template.New("report").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>contralens: results</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }
table { border-collapse: collapse; }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #ddd; }
th:nth-child(n+4), td:nth-child(n+4) { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { overflow-wrap: anywhere; }
tbody tr:hover { background: #f4f6f8; }
</style></head>
<body><h1>Results</h1>
<p>Means ± standard deviations over seeds.</p>
<table>{{range $i, $row := .}}{{if eq $i 0}}<thead><tr>{{range $row}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{else}}<tr>{{range $row}}<td>{{.}}</td>{{end}}</tr>
{{end}}{{end}}</tbody></table>
</body></html>
`))
