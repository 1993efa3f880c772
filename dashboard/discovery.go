package dashboard

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"contralens/rundir"
)

const (
	maxDepth   = 8
	maxEntries = 200_000 // maximum number of files and directories that a search visits
	maxRuns    = 5_000
)

// marks are the files that identify a run directory: those of this program, a record
// written by another program, or the score files of the reference implementation.
// Directories with metrics of other programs are found by foreignRun.
var marks = []string{rundir.RecordFile, rundir.MetricsFile, rundir.ResultsFile, "record.json", "score_*.npy"}

// find searches for runs below the directory, and drops those that are gone. It does
// not follow symbolic links.
func (s *Server) find() {
	start := time.Now()
	found := map[string]source{}
	studies := []string{}
	entries, links := 0, 0
	tooMany := false
	fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch entries++; {
		case err != nil && name == ".":
			return err
		case err != nil: // unreadable: the other runs are still found
			return fs.SkipDir
		case entries > maxEntries || len(found) >= maxRuns:
			tooMany = true
			return fs.SkipAll
		case d.Type()&fs.ModeSymlink != 0:
			links++
			return nil
		case !d.IsDir() && isStudy(name):
			studies = append(studies, path.Dir(name))
		case !d.IsDir():
			if isMark(path.Base(name)) {
				found[runOf(name)] = max(found[runOf(name)], markOf(path.Base(name)))
			} else if _, known := found[path.Dir(name)]; !known && s.foreignRun(name) {
				found[path.Dir(name)] = fromOthers
			}
			return nil
		case name != "." && (strings.HasPrefix(d.Name(), ".") || strings.Count(name, "/") >= maxDepth):
			return fs.SkipDir
		}
		return nil
	})
	withoutEvents(found)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.runs {
		if _, there := found[id]; !there {
			delete(s.runs, id)
		}
	}
	for id := range found {
		if s.runs[id] == nil {
			s.runs[id] = &run{id: id, server: s}
		}
	}
	s.studies, s.note = studies, ""
	if links == 1 {
		s.note = "A symbolic link is not followed; start the dashboard on its target."
	} else if links > 1 {
		s.note = fmt.Sprintf("%d symbolic links are not followed; start the dashboard on their "+
			"targets.", links)
	}
	if tooMany {
		s.note = fmt.Sprintf("The search stopped after %d entries and %d runs; start the dashboard on a directory "+
			"further down.", entries, len(found))
	}
	s.walked, s.walk = time.Now(), time.Since(start)
}

func isMark(base string) bool {
	for _, m := range marks {
		if ok, _ := path.Match(m, base); ok {
			return true
		}
	}
	return false
}

// runOf returns the run that a file identifies: scores/record/record.json and
// scores/score_001.npy belong to the directory above scores.
func runOf(file string) string {
	dir := path.Dir(file)
	if path.Base(dir) == "record" {
		dir = path.Dir(dir)
	}
	if path.Base(dir) == "scores" {
		dir = path.Dir(dir)
	}
	return dir
}

// all returns all known runs. It searches again if the last search was a while ago; the
// longer a search takes, the less often.
func (s *Server) all() []*run {
	s.mu.Lock()
	due := time.Since(s.walked) > max(2*time.Second, 20*s.walk)
	s.mu.Unlock()
	if due {
		s.find()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var runs []*run
	for _, r := range s.runs {
		runs = append(runs, r)
	}
	return runs
}

// get returns a run by its id. Only runs that a search has found are available.
func (s *Server) get(id string) (*run, error) {
	s.mu.Lock()
	r := s.runs[id]
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	for _, r := range s.all() {
		if r.id == id {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no run %q", id)
}
