package look

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"contralens/internal/humanize"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS template.CSS
	//go:embed page.js
	pageJS template.JS
)

// Limits of what the page shows, so that it stays small.
const (
	shownGroups = 20
	// shownConflicts is the number of groups with different classes among them, if there are
	// so many.
	shownConflicts = 4
	shownMembers   = 6
	shownBroken    = 100
	shownClasses   = 12
)

// illustrate draws the thumbnails that the page shows.
func (l *looking) illustrate(ctx context.Context) error {
	l.Show("drawing thumbnails …")
	var all []*Picture
	for q := range l.report.Neighbors.Queries {
		query := &l.report.Neighbors.Queries[q]
		all = append(all, &query.Picture)
		for i := range query.Found {
			all = append(all, &query.Found[i].Picture)
		}
	}
	groups := l.report.Duplicates.Groups
	for g := range groups[:min(shownGroups, len(groups))] {
		images := groups[g].Images
		for i := range images[:min(shownMembers, len(images))] {
			all = append(all, &images[i])
		}
	}
	var r room
	for _, p := range all {
		if err := p.draw(ctx, l.splits, &r); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": humanize.Bytes, "duration": humanize.Duration, "number": humanize.Number, "count": humanize.Count,
	"images": images, "percent": percent, "visible": humanize.Text,
	"bar":  func(n, most int) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(max(1, most))) },
	"most": mostOf, "grouped": humanize.Grouped, "breaks": breaks, "title": func(id string) string { return titles[id] },
	"sub":  func(a, b int) int { return a - b },
	"cos":  func(v float64) string { return fmt.Sprintf("%.3f", v) },
	"dict": dict,
}).Parse(pageHTML))

// titles has the sections that findings refer to.
var titles = map[string]string{
	"there": "What is there", "broken": "Broken files", "duplicates": "Duplicates", "views": "What the augmentations do",
	"recipe": "Recommended training", "cost": "What it costs here",
}

// breaks lets a path break after its slashes.
func breaks(path string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(path), "/", "/<wbr>"))
}

// WritePage writes the report as one HTML file, which needs no other file and no network.
func (r *Report) WritePage(w io.Writer) error {
	return pageTemplate.Execute(w, pageData{r, pageCSS, pageJS})
}

// pageData is what the template reads.
type pageData struct {
	*Report
	CSS template.CSS
	JS  template.JS
}

// Images returns the number of images in all splits.
func (p pageData) Images() int { return p.images() }

// Bytes returns the size of all files.
func (p pageData) Bytes() (n int64) {
	for _, s := range p.Splits {
		n += s.Bytes
	}
	return n
}

// Classes returns the number of classes of the first split.
func (p pageData) Classes() int { return len(p.Splits[0].Classes) }

// Below returns a path relative to the folder that was looked at.
func (p pageData) Below(path string) string { return humanize.Text(below(p.Root, path)) }

// FirstBroken returns the broken images that are listed.
func (p pageData) FirstBroken() []Broken { return p.Broken[:min(shownBroken, len(p.Broken))] }

// FirstGroups returns the groups of duplicates that are shown.
func (p pageData) FirstGroups() []Group {
	return p.Duplicates.Groups[:min(shownGroups, len(p.Duplicates.Groups))]
}

// First returns the images that are shown.
func (g Group) First() []Picture { return g.Images[:min(shownMembers, len(g.Images))] }

// More returns the number of images that are not shown.
func (g Group) More() int { return len(g.Images) - len(g.First()) }

// Kind describes how alike the images are.
func (g Group) Kind() string {
	if g.Exact {
		return "the same content"
	}
	if len(g.Images) > 2 {
		return fmt.Sprintf("alike, correlations from %.3f", g.Least)
	}
	return fmt.Sprintf("alike, correlation %.3f", g.Least)
}

// FormatBars returns the number of images in each format.
func (s Split) FormatBars() []Bar { return s.formats() }

// Readable returns the number of images that were looked at and can be read.
func (s Split) Readable() int { return s.Seen - s.Broken }

// ClassBars returns the largest classes and, if there are many, the smallest ones.
// There are none if all classes have the same size.
func (s Split) ClassBars() (bars []Bar) {
	n := len(s.Classes)
	if n == 0 || s.Classes[0].Images == s.Classes[n-1].Images {
		return nil
	}
	for i, c := range s.Classes {
		if n > shownClasses && i >= shownClasses/2 && i < n-shownClasses/2 {
			if i == shownClasses/2 {
				bars = append(bars, Bar{Label: fmt.Sprintf("… %d more …", n-shownClasses), Count: -1})
			}
			continue
		}
		bars = append(bars, Bar{humanize.Text(c.Name), c.Images})
	}
	return bars
}

// Date returns the day of the look.
func (p pageData) Date() string { return p.When.Format("2 January 2006") }

// PerEpoch returns the time of an epoch in words.
func (c Cost) PerEpoch() string { return humanize.Duration(c.Epoch) }

// Total returns the time of the whole training in words.
func (c Cost) Total() string { return humanize.Duration(c.Whole) }

// Bits returns the number of bits in which the hashes of near-duplicates may differ.
func (p pageData) Bits() int { return nearBits }

// Chance returns how many of the shown neighbors would have the right class by chance.
func (p pageData) Chance() float64 { return p.Neighbors.Chance * float64(p.Neighbors.Shown) }

// dict makes the argument of a template from names and values, alternating.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

func mostOf(bars []Bar) (most int) {
	for _, b := range bars {
		most = max(most, b.Count)
	}
	return most
}
