package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/foreign"
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
	mapped  map[int]*embedding // by epoch
	others  *foreign.Source    // metrics of another program; nil if there are none
}

// Summary is a run's row in the overview.
type Summary struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Evidence string    `json:"evidence"` // reason for State
	Method   string    `json:"method"`
	FT       string    `json:"ft"`
	Dataset  string    `json:"dataset"`
	Arch     string    `json:"arch"`
	Epoch    int       `json:"epoch"`  // current or last epoch
	Epochs   int       `json:"epochs"` // planned; 0 if unknown
	Step     int       `json:"step"`
	Loss     *float64  `json:"loss"`
	KNN      *float64  `json:"knn"` // percent
	Speed    *float64  `json:"speed"`
	Spark    []float64 `json:"spark"` // recent losses
	Updated  time.Time `json:"updated"`
	Notes    []string  `json:"notes"` // what could not be read
	Scores   bool      `json:"scores"`
	Probe    bool      `json:"probe"`
}

func (r *run) file(name string) string { return path.Join(r.id, name) }

// folder gives rundir access to a run directory through the server's root, so that
// nothing outside of it can be opened.
type folder struct{ *run }

func (f folder) Open(name string) (fs.File, error)     { return f.server.root.Open(f.file(name)) }
func (f folder) Stat(name string) (fs.FileInfo, error) { return f.server.root.Stat(f.file(name)) }

// ftOf returns the feature transformation of a configuration: none, pos, neg or posneg.
func ftOf(config map[string]string) string {
	switch {
	case len(config) == 0:
		return ""
	case config["mixnorm"] != "true":
		return "none"
	}
	return config["mixnorm_target"]
}

// classifier returns the command if it trained from labels, or "".
func classifier(r rundir.Record) string {
	if len(r.Command) > 1 && slices.Contains([]string{"supervised", "linear", "finetune"}, r.Command[1]) {
		return r.Command[1]
	}
	return ""
}

// watched lists the files that grow while a run is alive.
var watched = []string{
	rundir.MetricsFile, rundir.ResultsFile, "scores/record/values.0", "record/values.0", "values.0",
	rundir.InterruptedFile, rundir.CurrentFile, rundir.RecordFile,
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
		look(name, name != rundir.InterruptedFile && name != rundir.ResultsFile)
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

func (r *run) summarize(written, now time.Time) Summary {
	s := Summary{ID: r.id, Name: path.Base(r.id), Updated: written, Notes: []string{}, Spark: []float64{}}
	if r.id == "." {
		s.Name = filepath.Base(r.server.path)
	}
	record, err := rundir.ReadRecordFS(folder{r})
	if err != nil {
		s.Notes = append(s.Notes, err.Error())
	}
	c := record.Config
	s.Method, s.FT, s.Dataset, s.Arch = c["method"], ftOf(c), c["dataset"], c["arch"]
	if s.Dataset == "folder" || s.Dataset == "" {
		if base := path.Base(filepath.ToSlash(c["data_folder"])); base != "." {
			s.Dataset = base
		}
	}
	s.Epochs, _ = strconv.Atoi(c["epochs"])
	labels := classifier(record)
	if labels != "" { // the method and its transformation are those of the encoder
		s.Method, s.FT = labels, ""
	}
	sign := signs{Planned: s.Epochs, Written: written, Classifier: labels != ""}
	r.readTail(&s, &sign, c)
	if info, err := r.server.root.Stat(r.file(rundir.InterruptedFile)); err == nil {
		sign.Interrupted = info.ModTime()
	}
	sign.Evaluated = len(rundir.LastResults[json.RawMessage](folder{r})) > 0
	if sign.Classifier && sign.Evaluated {
		s.Epoch = s.Epochs
	}
	s.Scores = r.hasScores()
	s.Probe = slices.ContainsFunc(r.list("scores/probe"), func(e fs.DirEntry) bool { return e.Name() == "probe.json" })
	r.checkScores(&s)
	if f := r.foreign(record, func(err error) { s.Notes = append(s.Notes, err.Error()) }); f != nil {
		s.addForeign(f)
		s.Updated, _ = r.newest()
		sign.Written = s.Updated
	}
	s.State, s.Evidence = sign.state(now)
	if len(s.Notes) > 0 && len(c) == 0 && s.Step == 0 {
		s.State, s.Evidence = Unread, "its files are not those of a run; see the note"
	}
	return s
}

// readTail reads the last lines of metrics.jsonl.
func (r *run) readTail(s *Summary, sign *signs, config map[string]string) {
	lines := rundir.LastMetrics(folder{r})
	for _, l := range lines {
		s.Epoch = max(s.Epoch, int(l.Epoch))
		if l.Step != nil {
			s.Step = int(*l.Step)
		}
		if l.EpochEnd {
			sign.Complete = int(l.Epoch)
		}
		if l.Loss != nil {
			s.Loss = l.Loss
			s.Spark = append(s.Spark, *l.Loss)
		}
		if l.KNN != nil {
			s.KNN = l.KNN
		}
		if l.Speed != nil {
			s.Speed = l.Speed
		}
	}
	if s.KNN == nil { // the last evaluation may be long ago
		for _, result := range rundir.LastResults[rundir.Result](folder{r}) {
			if top1, ok := result.Metrics["top1"].(float64); ok && result.Protocol == "knn" {
				s.KNN = &top1
			}
		}
	}
	s.Spark = thin(s.Spark, 48)
	batch, _ := strconv.ParseFloat(config["batch_size"], 64)
	every, _ := strconv.ParseFloat(config["print_freq"], 64)
	if s.Speed != nil && *s.Speed > 0 {
		sign.Interval = time.Duration(batch * every / *s.Speed * float64(time.Second))
	}
}

// thin averages values down to at most n.
func thin(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		part := values[i*len(values)/n : (i+1)*len(values)/n]
		for _, v := range part {
			out[i] += v / float64(len(part))
		}
	}
	return out
}

// checkScores notes why the run's scores cannot be read. From the scores it also takes
// what metrics.jsonl does not have, because other programs do not write one. It does
// not read score_EEE.npy, which may be large.
func (r *run) checkScores(s *Summary) {
	if err := r.validate(); err != nil {
		s.Notes = append(s.Notes, err.Error())
		return
	}
	if !r.recorded() {
		if s.Scores && s.Epoch == 0 {
			fmt.Sscanf(path.Base(r.lastScores("scores")+r.lastScores(".")), "score_%d", &s.Epoch)
		}
		return
	}
	source, err := r.scores()
	if err != nil {
		s.Notes = append(s.Notes, err.Error())
		return
	}
	if s.Step > 0 {
		return
	}
	_, s.Step = source.Range()
	for _, want := range []string{"loss", "epoch"} {
		if !slices.Contains(source.Series(), want) {
			continue
		}
		bins, err := source.Curve(want, s.Step-200, s.Step, 40)
		if err != nil || len(bins) == 0 {
			continue
		}
		if want == "epoch" {
			s.Epoch = int(bins[len(bins)-1].Max)
			continue
		}
		for _, b := range bins {
			s.Spark = append(s.Spark, b.Mean)
		}
		s.Loss = &bins[len(bins)-1].Mean
	}
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
