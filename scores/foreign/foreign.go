// Package foreign reads the curves and histograms that other programs write: TensorBoard
// event files, CSV tables and JSON lines.
//
// [Open] looks for such files in a run directory; [Source.Refresh] reads what was added
// to them. Each series keeps its name, with a few exceptions: the training loss, the
// learning rate and the epoch get the names of a [record.Record], so that they share a
// chart with ours.
//
// Memory is bounded: of a long series, neighboring points are merged into bins that keep
// the smallest and the largest value.
package foreign

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"contralens/scores/record"
)

const (
	maxFiles    = 256     // per run
	maxEntries  = 20_000  // of a directory that are looked at
	maxSize     = 1 << 32 // bytes of a file that are read
	maxSeries   = 512
	maxKinds    = 64
	maxStep     = 1 << 31
	eventPrefix = "events.out.tfevents."
)

// tables are the names of CSV files that training programs write.
var tables = []string{"metrics.csv", "progress.csv", "log.csv", "history.csv", "results.csv"}

// lines are the names of files of JSON lines.
var lines = []string{"metrics.jsonl", "log.jsonl", "history.jsonl", "metrics.json", "scalars.json", "log.txt"}

// IsEvents reports whether a file is an event file of TensorBoard, by its name.
func IsEvents(base string) bool { return strings.Contains(base, eventPrefix) }

// IsTable reports whether a file may have metrics as CSV or JSON lines, by its name.
// [Sniff] tells by its content.
func IsTable(base string) bool { return slices.Contains(tables, base) || slices.Contains(lines, base) }

// regular is an open regular file.
type regular interface {
	fs.File
	io.ReaderAt
}

// open opens a regular file. Others, such as pipes, could block.
func open(folder fs.FS, name string) (f regular, info fs.FileInfo, err error) {
	info, err = fs.Stat(folder, name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: want a file", name)
	}
	opened, err := folder.Open(name)
	if err != nil {
		return nil, nil, err
	}
	f, ok := opened.(regular)
	if !ok {
		opened.Close()
		return nil, nil, fmt.Errorf("%s: want a file that can be read from anywhere, got %T", name, opened)
	}
	return f, info, nil
}

// Sniff reports whether the file begins as a CSV table or JSON lines with numbers.
func Sniff(folder fs.FS, name string) bool {
	f, _, err := open(folder, name)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 1<<16)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return false
	}
	if slices.Contains(tables, path.Base(name)) {
		return newTable().sniff(b[:n])
	}
	return (&jsonLines{}).sniff(b[:n])
}

// reader reads one kind of file while it grows.
type reader interface {
	// read passes points to the source. It continues where the last call ended.
	read(f io.ReaderAt, size int64, s *Source) error
	// offset is the number of bytes read so far.
	offset() int64
	// about describes the kind of file.
	about() string
}

// file is a file of the source.
type file struct {
	reader
	name     string
	size     int64
	modified time.Time
	err      error
}

// Source has the series and histograms of a run. It is not safe for concurrent use.
type Source struct {
	folder fs.FS
	files  []*file
	series map[string]*series
	order  []string // tags of series as they appeared
	plains []string // the same tags as plain writes them
	kinds  map[string]*histograms
	names  []string // kinds as they appeared
	owner  string   // of the file that is read: series of another owner are left alone
	fresh  bool     // the file that is read began after others: it may repeat steps
	lost   bool     // there are more series than maxSeries, or kinds than maxKinds
}

// Open opens the metrics of other programs in a folder. It returns nil if there are none.
// [Source.Refresh] reads them.
func Open(folder fs.FS) *Source {
	s := &Source{folder: folder}
	if len(s.list()) == 0 {
		return nil
	}
	s.reset()
	return s
}

func (s *Source) reset() {
	s.files, s.series, s.order, s.plains = nil, map[string]*series{}, nil, nil
	s.kinds, s.names, s.lost = map[string]*histograms{}, nil, false
}

// list returns the names of the files, event files first and the oldest of them first.
func (s *Source) list() (names []string) {
	f, err := s.folder.Open(".")
	if err != nil {
		return nil
	}
	defer f.Close()
	dir, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil
	}
	entries, _ := dir.ReadDir(maxEntries) // an unreadable folder has no files
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && (IsEvents(name) || IsTable(name) && (s.has(name) || Sniff(s.folder, name))) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(compareBool(IsEvents(b), IsEvents(a)), strings.Compare(a, b))
	})
	return names[:min(len(names), maxFiles)]
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Refresh reads what was added since the last call. It returns an error for each file
// that cannot be read, or not in full; the others are read.
func (s *Source) Refresh() (all []error) {
	names := s.list()
	for _, f := range s.files {
		info, err := fs.Stat(s.folder, f.name)
		if !slices.Contains(names, f.name) || err != nil || info.Size() < f.offset() || s.replaced(f) {
			s.reset() // another training took the place
			break
		}
	}
	for _, name := range names {
		if !s.has(name) {
			s.files = append(s.files, &file{name: name, reader: s.readerOf(name)})
		}
	}
	for _, f := range s.files {
		s.refresh(f)
		if f.err != nil {
			all = append(all, fmt.Errorf("%s: %w", f.name, f.err))
		}
	}
	if s.lost {
		all = append(all, fmt.Errorf("there are more than %d series or %d histograms: the others are not shown",
			maxSeries, maxKinds))
	}
	return all
}

// has reports whether a file is read already.
func (s *Source) has(name string) bool {
	return slices.ContainsFunc(s.files, func(f *file) bool { return f.name == name })
}

// readerOf returns a reader for a file.
func (s *Source) readerOf(name string) reader {
	switch {
	case IsEvents(name):
		return &tensorboard{}
	case slices.Contains(tables, name):
		return newTable()
	}
	return &jsonLines{}
}

// replaced reports whether a table was written again with another head.
func (s *Source) replaced(f *file) bool {
	t, ok := f.reader.(*table)
	if !ok || len(t.head) == 0 {
		return false
	}
	in, _, err := open(s.folder, f.name)
	if err != nil {
		return true
	}
	defer in.Close()
	head := make([]byte, len(t.head))
	n, _ := in.ReadAt(head, 0)
	return string(head[:n]) != string(t.head)
}

func (s *Source) refresh(f *file) {
	in, info, err := open(s.folder, f.name)
	if err != nil {
		f.err = err
		return
	}
	defer in.Close()
	if info.Size() == f.size && info.ModTime().Equal(f.modified) {
		return
	}
	f.size, f.modified = info.Size(), info.ModTime()
	s.owner, s.fresh = f.name, f.offset() == 0 && f != s.files[0]
	if IsEvents(f.name) {
		s.owner = eventPrefix
	}
	f.err = f.read(in, min(info.Size(), maxSize), s)
}

// add adds a point to a series. Points that are not finite leave a gap.
func (s *Source) add(name string, step int64, value float64) {
	if name == "" || step < 0 || step >= maxStep || math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	c := s.series[name]
	if c == nil {
		if len(s.order) >= maxSeries {
			s.lost = true
			return
		}
		c = &series{owner: s.owner, span: 1}
		s.series[name], s.order, s.plains = c, append(s.order, name), append(s.plains, plain(name))
	}
	if c.owner == s.owner {
		c.add(int(step), value)
	}
}

// cut removes all points from a step on, because a resumed training repeats them.
func (s *Source) cut(step int64) {
	for _, c := range s.series {
		if c.owner == s.owner {
			c.cut(int(min(step, maxStep)))
		}
	}
	for _, h := range s.kinds {
		h.cut(int(min(step, maxStep)))
	}
}

// Files returns a sentence on each file: its name and what it is.
func (s *Source) Files() (list []string) {
	for _, f := range s.files {
		list = append(list, f.name+" ("+f.about()+")")
	}
	return list
}

// Range returns the first and the last step with a value. first is after last if there
// is none.
func (s *Source) Range() (first, last int) {
	first, last = math.MaxInt, 0
	for _, c := range s.series {
		if n := len(c.bins); n > 0 {
			first, last = min(first, c.bins[0].Step), max(last, c.last)
		}
	}
	for _, h := range s.kinds {
		if n := len(h.rows); n > 0 {
			first, last = min(first, h.rows[0].step), max(last, h.rows[n-1].step)
		}
	}
	return first, last
}

// Curve returns a series over the steps from … to in at most points bins, which keep its
// peaks. It omits empty bins.
func (s *Source) Curve(name string, from, to, points int) ([]record.Bin, error) {
	c := s.series[s.tag(name)]
	if c == nil {
		return nil, fmt.Errorf("there is no series %q", name)
	}
	return c.curve(max(from, 0), min(to, c.last), points), nil
}

// Last returns the last value of a series, and whether there is one.
func (s *Source) Last(name string) (value float64, ok bool) {
	if c := s.series[s.tag(name)]; c != nil && len(c.bins) > 0 {
		return c.newest, true
	}
	return 0, false
}
