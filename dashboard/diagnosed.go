package dashboard

import (
	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// vitals reads what package diagnose needs of a run. What cannot be read is missing.
func (r *run) vitals(record rundir.Record) diagnose.Case {
	if r.server == nil { // not on a disk
		return diagnose.Case{}
	}
	lines, err := vitals.ReadFS(folder{r})
	if err != nil || len(lines) == 0 {
		return diagnose.Case{}
	}
	var spectra []spectrum.Line
	var f rundir.Follower[spectrum.Line]
	add := func(l spectrum.Line) { spectra = append(spectra, l) }
	if err := f.Follow(folder{r}, spectrum.FileName, add, func() {}); err != nil {
		spectra = nil
	}
	return diagnose.NewCase(record.Config, lines, spectra)
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

// replaced reports whether package diagnose speaks for a finding of this page: for a collapse always if it can,
// for the others if it found their cause.
func (e Evidence) replaced(f Finding) bool {
	if len(e.Vitals.Lines) == 0 {
		return false
	}
	if f.Rule == "collapse" {
		return true
	}
	cause, ok := map[string]diagnose.Cause{
		"leak": diagnose.BNLeak, "key-slow": diagnose.KeyFrozen, "own": diagnose.QueueTooLong,
	}[f.Rule]
	if !ok {
		return false
	}
	for _, d := range diagnose.Diagnose(e.Vitals) {
		if d.Cause == cause {
			return true
		}
	}
	return false
}
