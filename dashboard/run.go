package dashboard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/foreign"
	"contralens/scores/vitals"
)

// run is a run directory. It has its own lock, so that a run whose files are slow to
// read does not block others.
type run struct {
	id     string // path below the server's directory, with slashes
	server *Server

	mu      sync.Mutex
	summary *Summary
	print   string // fingerprint of the files that the summary was made from
	source  scores.Source
	metrics metrics
	placing placing
	verdict verdict
	replay  replay          // the images that it was trained on
	probed  *probed         // measures of its probe set; nil if it needs none
	others  *foreign.Source // metrics of another program; nil if there are none
}

func (r *run) file(name string) string { return path.Join(r.id, name) }

// folder gives rundir access to a run directory through the server's root, so that
// nothing outside of it can be opened.
type folder struct{ *run }

func (f folder) Open(name string) (fs.File, error)     { return f.server.root.Open(f.file(name)) }
func (f folder) Stat(name string) (fs.FileInfo, error) { return f.server.root.Stat(f.file(name)) }

// watched lists the files that grow while a run is alive.
var watched = []string{
	rundir.MetricsFile, rundir.ResultsFile, rundir.LogFile, rundir.NotesFile, spectrum.FileName,
	vitals.FileName,
	"scores/record/values.0", "record/values.0", "values.0", rundir.InterruptedFile, rundir.CurrentFile, rundir.RecordFile,
}

// newest returns the time at which the run's records were last written, and a
// fingerprint that changes with their sizes and times.
func (r *run) newest() (written time.Time, fingerprint string) {
	var b strings.Builder
	look := func(name string, counts bool) {
		info, err := r.server.root.Stat(r.file(name))
		if err != nil {
			return
		}
		fmt.Fprint(&b, name, info.Size(), info.ModTime().UnixNano(), " ")
		if t := info.ModTime(); counts && t.After(written) {
			written = t
		}
	}
	for _, name := range watched {
		look(name, name != rundir.InterruptedFile && name != rundir.ResultsFile && name != rundir.NotesFile)
	}
	for _, dir := range []string{"scores", "."} {
		if last := r.lastScores(dir); last != "" {
			look(path.Join(dir, last), true)
		}
	}
	r.lookForeign(look)
	for _, e := range r.list("scores/probe") {
		b.WriteString(e.Name())
	}
	return written, b.String()
}

// list lists a directory. A missing one has no entries.
func (r *run) list(dir string) []fs.DirEntry {
	f, err := r.server.root.Open(r.file(dir))
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.IsDir() {
		return nil
	}
	entries, _ := f.ReadDir(20_000)
	return entries
}

// lastScores returns the score_EEE.npy of the highest epoch in a directory.
func (r *run) lastScores(dir string) (last string) {
	highest := -1
	for _, e := range r.list(dir) {
		text, ok := strings.CutPrefix(e.Name(), "score_")
		if n, err := strconv.Atoi(strings.TrimSuffix(text, ".npy")); ok && err == nil && n > highest {
			last, highest = e.Name(), n
		}
	}
	return last
}

// look returns the run's summary. It makes a new one if the files have changed, or if
// the run is running, which the passing of time can end.
func (r *run) look(now time.Time) Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	written, fingerprint := r.newest()
	if r.summary == nil || fingerprint != r.print || r.summary.State == Running {
		s := r.summarize(written, now)
		r.summary, r.print = &s, fingerprint
	}
	return *r.summary
}

// scores opens the run's scores, or reads what was added. The caller holds the lock.
func (r *run) scores() (scores.Source, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	if r.source != nil {
		err := r.source.Refresh()
		if err == nil {
			return r.source, nil
		}
		r.source = nil // there may be another kind of source now
	}
	source, err := scores.Open(filepath.Join(r.server.path, filepath.FromSlash(r.id)))
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), r.server.path+string(os.PathSeparator), ""))
	}
	r.source = source
	return source, nil
}
