package dashboard

import (
	"slices"

	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// vitals reads what package diagnose needs of a run. What cannot be read is missing, and damage says why.
func (r *run) vitals(record rundir.Record) (c diagnose.Case, damage error) {
	if r.server == nil { // not on a disk
		return c, nil
	}
	var lines []vitals.Line
	var figures rundir.Follower[vitals.Line]
	err := figures.Follow(folder{r}, vitals.FileName, func(l vitals.Line) {
		if l.Valid() {
			lines = append(lines, l)
		} else {
			figures.Skip()
		}
	}, func() {})
	if err != nil {
		return c, err
	}
	if damage = figures.Skipped(vitals.FileName); len(lines) == 0 {
		return c, damage
	}
	var spectra []spectrum.Line
	var f rundir.Follower[spectrum.Line]
	add := func(l spectrum.Line) { spectra = append(spectra, l) }
	if err := f.Follow(folder{r}, spectrum.FileName, add, func() {}); err != nil {
		spectra = nil
	}
	return diagnose.NewCase(record.Config, lines, spectra), damage
}

// diagnosed are the diagnoses of package diagnose as findings.
func (e Evidence) diagnosed() (found []Finding) {
	for _, d := range diagnose.Diagnose(e.Vitals) {
		f := Finding{Rule: string(d.Cause), Title: d.Title, Text: "What to do: " + d.Remedy + "."}
		switch d.Certainty {
		case diagnose.Sure:
			f.Kind = "warning"
		case diagnose.Unclear:
			f.Kind, f.Title, f.Text = "hint", "Cannot tell: "+d.Title, "What would tell: "+d.Tell+". "+f.Text
		default:
			f.Kind = "note"
		}
		for _, v := range d.Evidence {
			f.Evidence = append(f.Evidence, v.Text+" ("+v.Where+")")
		}
		found = append(found, f)
	}
	return found
}

// replaced reports whether package diagnose speaks for a finding of this page. It has looked at these causes
// with more evidence, whether it found them or not.
func (e Evidence) replaced(f Finding) bool {
	return len(e.Vitals.Lines) > 0 && slices.Contains([]string{"collapse", "leak", "key-slow", "own"}, f.Rule)
}
