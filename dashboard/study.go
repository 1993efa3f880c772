package dashboard

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"contralens/study"
)

// maxStudy is the size of the largest study.json that is read, in bytes.
const maxStudy = 16 << 20

// studySummary is a study in the overview.
type studySummary struct {
	ID    string `json:"id"` // path below the server's directory, with slashes
	Title string `json:"title"`
	Done  int    `json:"done"` // cells that have an outcome
	Cells int    `json:"cells"`
}

// isStudy reports whether a file is the report of a study.
func isStudy(name string) bool { return path.Base(name) == study.ReportFile }

// readStudy reads the report of a study, of at most maxStudy bytes.
func (s *Server) readStudy(id string) (r study.Report, err error) {
	name := path.Join(id, study.ReportFile)
	info, err := s.root.Stat(name)
	if err != nil {
		return r, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxStudy {
		return r, fmt.Errorf("%s: want a file of at most %d bytes", name, maxStudy)
	}
	f, err := s.root.Open(name)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxStudy)).Decode(&r); err != nil {
		return r, fmt.Errorf("%s: want the report of a study: %w", name, err)
	}
	return r, nil
}

// studySummaries returns the studies that the last search found, by their titles. Reports that
// cannot be read are left out.
func (s *Server) studySummaries() []studySummary {
	s.mu.Lock()
	ids := slices.Clone(s.studies)
	s.mu.Unlock()
	all := []studySummary{}
	for _, id := range ids {
		if r, err := s.readStudy(id); err == nil {
			all = append(all, studySummary{id, s.studyTitle(id, r), r.Done, len(r.Cells)})
		}
	}
	slices.SortFunc(all, func(a, b studySummary) int { return strings.Compare(a.Title+a.ID, b.Title+b.ID) })
	return all
}

// studyTitle returns the title of a study, or the name of its folder.
func (s *Server) studyTitle(id string, r study.Report) string {
	switch {
	case r.Title != "":
		return r.Title
	case id == ".":
		return filepath.Base(s.path)
	}
	return path.Base(id)
}

// studyView is what the page of a study shows.
type studyView struct {
	study.Report
	Titles    map[string]string `json:"titles"`    // of the measures
	Units     map[string]string `json:"units"`     // that follow the title of an axis
	Places    map[string]int    `json:"places"`    // decimals
	Sentences []string          `json:"sentences"` // what a reader must know beside the table
	Lines     []string          `json:"lines"`     // command lines
	Runs      map[string]string `json:"runs"`      // the run of each cell that has one
}

func (s *Server) describeStudy(q url.Values) (any, error) {
	id := q.Get("study")
	s.mu.Lock()
	known := slices.Contains(s.studies, id)
	s.mu.Unlock()
	if !known {
		s.all()
		s.mu.Lock()
		known = slices.Contains(s.studies, id)
		s.mu.Unlock()
	}
	if !known {
		return nil, fmt.Errorf("there is no study %q", id)
	}
	r, err := s.readStudy(id)
	if err != nil {
		return nil, err
	}
	v := studyView{
		Report: r, Titles: map[string]string{}, Units: map[string]string{}, Places: map[string]int{},
		Sentences: r.Sentences(), Runs: map[string]string{},
	}
	v.Title = s.studyTitle(id, r)
	for _, m := range r.Measures {
		v.Titles[m], v.Units[m], v.Places[m] = study.Title(m), study.Unit(m), study.Places(m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range r.Cells {
		for _, line := range c.Commands {
			v.Lines = append(v.Lines, study.ShellWords(line))
		}
		if run := path.Join(id, study.RunsDir, c.Name); s.runs[run] != nil {
			v.Runs[c.Name] = run
		}
	}
	return v, nil
}
