package dashboard

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"contralens/rundir"
	"contralens/scores/foreign"
	"contralens/scores/record"
)

// metricKeys are the keys of metrics.jsonl that are read as ours.
var metricKeys = func() (keys []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[rundir.Metrics]()) {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}()

// foreign returns the metrics that another program left in the run directory, read up to
// now, or nil if there are none. note receives what cannot be read. Event files of our
// own runs say the same as their metrics. The caller holds the lock.
func (r *run) foreign(about rundir.Record, note func(error)) *foreign.Source {
	if about.Go != "" {
		return nil
	}
	if r.others == nil {
		if r.others = foreign.Open(folder{r}); r.others == nil {
			return nil
		}
	}
	for _, err := range r.others.Refresh() {
		note(err)
	}
	return r.others
}

// lookForeign calls look with the files in which another program may write metrics.
func (r *run) lookForeign(look func(name string, counts bool)) {
	for _, e := range r.list(".") {
		if foreign.IsEvents(e.Name()) || foreign.IsTable(e.Name()) {
			look(e.Name(), r.others != nil)
		}
	}
}

// foreignNow is foreign for an answer that needs nothing else of the run.
func (r *run) foreignNow() *foreign.Source {
	about, _ := rundir.ReadRecordFS(folder{r}) // the summary says why it cannot be read
	return r.foreign(about, func(error) {})
}

// histograms returns a kind of histogram over the steps from … to in at most rows rows,
// of the run's scores or of another program's metrics.
func (r *run) histograms(kind string, from, to, rows int) (record.Heat, error) {
	f := r.foreignNow()
	if f == nil || r.hasScores() && !slices.Contains(f.Kinds(), kind) {
		source, err := r.scores()
		if err != nil {
			return record.Heat{}, err
		}
		return source.Histograms(kind, from, to, rows)
	}
	if source, err := r.scores(); err == nil && slices.Contains(source.Kinds(), kind) {
		return source.Histograms(kind, from, to, rows)
	}
	return f.Histograms(kind, from, to, rows)
}

// addForeign takes what the run's own files do not say from the metrics of another
// program.
func (s *Summary) addForeign(f *foreign.Source) {
	first, last := f.Range()
	if first > last || s.Step > 0 {
		return
	}
	s.Step = last
	if epoch, ok := f.Last("epoch"); ok && s.Epoch == 0 {
		s.Epoch = int(epoch)
	}
	bins, err := f.Curve("loss", last-max(200, (last-first)/10), last, 48)
	if err != nil || len(bins) == 0 || s.Loss != nil {
		return
	}
	for _, b := range bins {
		s.Spark = append(s.Spark, b.Mean)
	}
	if loss, ok := f.Last("loss"); ok {
		s.Loss, s.LossOf = &loss, "the last step"
	}
}

// addForeign adds the series, histograms and options of another program that the run's
// own files do not have.
func (d *description) addForeign(r *run, f *foreign.Source, note func(error)) {
	own := len(r.metrics.series) > 0
	for _, about := range f.Series() {
		shown := slices.ContainsFunc(d.Series, func(s series) bool { return s.Name == about.Name })
		if !shown && !(own && slices.Contains(metricKeys, about.Axis)) {
			d.Series = append(d.Series, series{about.Name, about.Title, about.Axis})
		}
	}
	for _, kind := range f.Kinds() {
		if !slices.Contains(d.Kinds, kind) {
			d.Kinds = append(d.Kinds, kind)
		}
	}
	if first, last := f.Range(); first <= last {
		if d.Last == 0 {
			d.First = first
		}
		d.First, d.Last = min(d.First, first), max(d.Last, last)
	}
	if len(d.Config) == 0 {
		options, _, err := foreign.Options(folder{r})
		if err != nil {
			note(err)
		}
		d.Config = options
	}
	d.Environment = append(d.Environment, named{"Read from", strings.Join(f.Files(), ", ")})
}

// foreignRun reports whether a file makes its directory a run of another program.
func (s *Server) foreignRun(name string) bool {
	base := path.Base(name)
	return foreign.IsEvents(base) || foreign.IsTable(base) && foreign.Sniff(s.root.FS(), name)
}

// withoutEvents removes the directories of event files that belong to one of our runs:
// tb/NAME beside a run NAME, which says the same.
func withoutEvents(found map[string]source) {
	ours := map[string]bool{}
	for id, of := range found {
		if of == fromRecord {
			ours[path.Base(id)] = true
		}
	}
	for id, of := range found {
		if of == fromOthers && path.Base(path.Dir(id)) == "tb" && ours[path.Base(id)] {
			delete(found, id)
		}
	}
}

// markOf returns the source that a mark stands for.
func markOf(base string) source {
	if base == rundir.RecordFile {
		return fromRecord
	}
	return fromScores
}

// source is by what a directory is known as a run.
type source int

const (
	fromOthers source = iota // metrics of another program
	fromScores               // a score record, score files, or metrics
	fromRecord               // run.json
)
