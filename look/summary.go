package look

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"contralens/internal/humanize"
)

// WriteSummary writes the most important results in a few lines.
func (r *Report) WriteSummary(w io.Writer) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		for i, line := range wrap(text, 64) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "  %-11s %s\n", name, line)
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", humanize.Text(r.Folder), images(r.images()))
	for _, s := range r.Splits {
		row(s.Name, "%s", s.String())
	}
	for i, br := range r.Broken {
		if i == 3 {
			row("", "… and %d more on the page", len(r.Broken)-i)
			break
		}
		name := ""
		if i == 0 {
			name = "broken"
		}
		row(name, "%s: %s", humanize.Text(below(r.Root, br.Path)), humanize.Text(br.Why))
	}
	row("duplicates", "%s", r.Duplicates.String())
	row("here", "%s", strings.Join(append([]string{r.Cost.String(r.Advice.Config.Epochs)}, r.Cost.Notes...), "; "))
	if n := r.Neighbors; n.Shown > 0 {
		row("neighbors", "%s; of %d neighbors %d have the class of their image (chance: %.1f)",
			n.Encoder, n.Shown, n.Same, n.Chance*float64(n.Shown))
	}
	for _, c := range r.Cuts {
		row("cut short", "%s", c)
	}
	if findings := r.Findings(); len(findings) > 0 {
		b.WriteString("\nWhat stands out:\n")
		for _, f := range findings {
			b.WriteString("  - " + strings.Join(wrap(f.Text, 74), "\n    ") + "\n")
		}
	}
	b.WriteString("\nRecommended training:\n\n")
	for line := range strings.Lines(r.Advice.Command + "\n") {
		b.WriteString("  " + line)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// String describes the split in one sentence.
func (s Split) String() string {
	var formats []string
	for _, f := range s.formats() {
		formats = append(formats, humanize.Grouped(f.Count)+" "+f.Label)
	}
	text := images(s.Images)
	switch n := len(s.Classes); n {
	case 0:
		text += ", no classes"
	case 1:
		text += ", 1 class"
	default:
		text += fmt.Sprintf(", %s classes", humanize.Grouped(n))
		if most := s.Classes[0].Images; most == s.Classes[n-1].Images {
			text += " of " + images(most)
		}
	}
	text += ", " + s.Size()
	if s.Bytes > 0 {
		text += ", " + humanize.Bytes(s.Bytes)
	}
	if len(formats) > 0 {
		text += " (" + strings.Join(formats, ", ") + ")"
	}
	if s.Seen < s.Images {
		text += "; " + humanize.Grouped(s.Seen) + " looked at"
	}
	return text
}

// Size describes the sizes of the images.
func (s Split) Size() string {
	switch {
	case s.Seen == s.Broken:
		return "of unknown size"
	case s.OnlySize != "":
		return "all of " + s.OnlySize
	case s.Short.Min == s.Short.Max:
		return fmt.Sprintf("shorter side %.0f pixels", s.Short.Min)
	}
	return fmt.Sprintf("shorter side %.0f to %.0f pixels, median %.0f", s.Short.Min, s.Short.Max, s.Short.Median)
}

// String describes the duplicates in one sentence.
func (d Duplicates) String() string {
	if len(d.Groups) == 0 {
		return "none found"
	}
	text := fmt.Sprintf("%s (%d exact, %d near), %s could go",
		humanize.Count(len(d.Groups), "group"), d.Exact, d.Near, images(d.Surplus))
	if d.Leaks > 0 {
		text += fmt.Sprintf("; %d across splits", d.Leaks)
	}
	return text
}

// String describes the cost of a training of so many epochs in one sentence.
func (c Cost) String(epochs int) string {
	if c.Rate == 0 {
		return "not measured, because " + cmp.Or(c.Failed, "there was no time")
	}
	text := fmt.Sprintf("%s images/s, so %d epochs take about %s", humanize.Number(c.Rate), epochs,
		humanize.Duration(c.Whole))
	if c.Bytes > 0 {
		text += " and " + humanize.Bytes(c.Bytes) + " of memory"
	}
	return text
}

// images is a number of images in words.
func images(n int) string {
	if n == 1 {
		return "1 image"
	}
	return humanize.Grouped(n) + " images"
}

// wrap breaks text into lines of at most width columns, where it has blanks.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
