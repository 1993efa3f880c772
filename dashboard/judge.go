package dashboard

import (
	"net/url"
	"os"
	"path/filepath"

	"contralens/eval/judge"
	"contralens/features/probe"
	"contralens/features/spectrum"
	"contralens/rundir"
)

// judgement ranks all runs whose features were measured, by what their files have: runs of which only a
// probe set is kept are measured by the command alone.
func (s *Server) judgement(url.Values) (any, error) {
	var sources []judge.Source
	var notes []string
	for _, r := range s.all() {
		about, err := rundir.ReadRecordFS(folder{r})
		if err != nil || about.Config == nil {
			continue // of another program, or the overview says what is wrong
		}
		source := judge.Source{Name: r.id, Options: about.Config, Planned: about.Planned}
		source.Results = rundir.LastResults[rundir.Result](folder{r})
		source.Dir = filepath.Join(s.path, filepath.FromSlash(r.id))
		var lines rundir.Follower[spectrum.Line]
		add := func(l spectrum.Line) { source.Lines = append(source.Lines, l) }
		err = lines.Follow(folder{r}, spectrum.FileName, add, func() { source.Lines = nil })
		if err != nil {
			notes = append(notes, r.id+": its measures cannot be read: "+err.Error())
			continue
		}
		if damage := lines.Skipped(spectrum.FileName); damage != nil {
			notes, source.Told = append(notes, r.id+": "+damage.Error()), true
		} else if info, err := os.Stat(probe.Dir(source.Dir)); err == nil && info.IsDir() && len(source.Lines) == 0 {
			notes = append(notes, r.id+": its training measured nothing, but it has a probe set: contralens judge measures that")
			source.Told = true
		}
		known, damage := r.vitals(about)
		if damage != nil {
			notes = append(notes, r.id+": "+damage.Error())
		}
		source.Vitals = known.Lines
		sources = append(sources, source)
	}
	report, err := judge.Sources(s.path, sources, notes)
	if err != nil {
		return nil, err
	}
	for i := range report.Groups {
		for j := range report.Groups[i].Rows {
			report.Groups[i].Rows[j].File = "" // a path of the machine
		}
	}
	return struct {
		judge.Report
		Measures []judge.Measure `json:"measures"`
	}{report, judge.Measures}, nil
}
