package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Write writes the diagnoses of a run as text.
func Write(w io.Writer, c Case, found []Diagnosis) error {
	var b strings.Builder
	last := c.Lines[len(c.Lines)-1]
	fmt.Fprintf(&b, "after step %d of %d (%.0f %%)\n", last.Step, last.Planned, 100*last.Share())
	for _, err := range c.Skipped {
		fmt.Fprintf(&b, "note: %v\n", err)
	}
	if c.Failure != "" {
		fmt.Fprintf(&b, "the training failed: %s\n", c.Failure)
	}
	early, sure := c.Early(), slices.ContainsFunc(found, Diagnosis.IsSure)
	switch {
	case early != "" && !sure:
		b.WriteString(early + "; so far no known fault is sure\n")
	case len(found) == 0 && c.Failure == "":
		b.WriteString("nothing stands out: none of the known faults shows in the record\n")
	}
	for _, d := range found {
		fmt.Fprintf(&b, "\n%s (%s: %s)\n", d.Title, d.Certainty, d.Cause)
		for _, e := range d.Evidence {
			fmt.Fprintf(&b, "  evidence: %s   [%s]\n", e.Text, e.Where)
		}
		if d.Tell != "" {
			fmt.Fprintf(&b, "  what would tell: %s\n", d.Tell)
		}
		fmt.Fprintf(&b, "  what to do: %s\n", d.Remedy)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
