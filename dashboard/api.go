package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/record"
)

const (
	maxPoints   = 4000
	maxRows     = 512
	maxNames    = 64
	maxPictures = 64 << 20 // size limit of a probe's thumbnails in bytes
)

// answer writes the result of do as JSON. An error becomes a sentence for the page.
func (s *Server) answer(do func(url.Values) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r.URL.Query())
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			v = map[string]string{"error": err.Error()}
		}
		json.NewEncoder(w).Encode(v)
	}
}

// overview lists all runs, the newest first.
type overview struct {
	Dir  string    `json:"dir"`
	Note string    `json:"note"`
	Runs []Summary `json:"runs"`
	// Studies are comparisons whose trainings may be among the runs.
	Studies []studySummary `json:"studies"`
}

func (s *Server) listRuns(url.Values) (any, error) { return s.overview(), nil }

func (s *Server) overview() overview {
	o := overview{Dir: s.path, Runs: []Summary{}}
	now := time.Now()
	runs := map[string]*run{}
	for _, r := range s.all() {
		runs[r.id] = r
		o.Runs = append(o.Runs, r.look(now))
	}
	sort.Slice(o.Runs, func(i, j int) bool {
		a, b := o.Runs[i], o.Runs[j]
		if (a.State == Running) != (b.State == Running) {
			return a.State == Running
		}
		if !a.Updated.Equal(b.Updated) && a.State != Running {
			return a.Updated.After(b.Updated)
		}
		return a.ID < b.ID
	})
	shareEvaluations(o.Runs, s.path)
	for i, sum := range o.Runs {
		o.Runs[i] = runs[sum.ID].judged(sum)
	}
	s.mu.Lock()
	o.Note = s.note
	s.mu.Unlock()
	o.Studies = s.studySummaries()
	return o
}

// series describes a series for the page.
type series struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Axis  string `json:"axis"`
}

// named is a value with its name.
type named struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// description is everything about a run except its data.
type description struct {
	Summary
	Config      map[string]string `json:"config"`
	Settings    []setting         `json:"settings"` // about the options in Config
	Environment []named           `json:"environment"`
	Results     []json.RawMessage `json:"results"`
	Series      []series          `json:"series"`
	Kinds       []string          `json:"kinds"`
	First       int               `json:"first"`
	Last        int               `json:"last"`
	Onset       int               `json:"onset"` // first step with transformed features; 0 if there is none
	Findings    []Finding         `json:"findings"`
	Traced      bool              `json:"traced"` // the record knows the images behind the scores
	Clock       clock             `json:"clock"`
}

func (s *Server) describeRun(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	d := description{
		Summary: s.evaluated(r.look(time.Now())), First: 1,
		Settings: []setting{}, Series: []series{}, Kinds: []string{}, Environment: []named{}, Results: []json.RawMessage{},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	about, err := rundir.ReadRecordFS(folder{r})
	if err == nil {
		d.Config, d.Environment, d.Settings = about.Config, environment(about), settings(about)
	}
	source := r.open(&d)
	if text := r.metrics.processes(); text != "" {
		d.Environment = append(d.Environment, named{"Processes", text})
	}
	for _, m := range r.metrics.described() {
		if !slices.ContainsFunc(d.Series, func(s series) bool { return s.Name == m.Name }) {
			d.Series = append(d.Series, m)
		}
	}
	if e := (Evidence{Memory: about.Config["mem"]}); !e.negatives() {
		for i := range d.Series {
			if d.Series[i].Name == "loss" {
				d.Series[i].Axis = "minus the mean score"
			}
		}
	}
	d.Last = max(d.Last, r.metrics.last())
	note := func(err error) { d.Notes = append(slices.Clone(d.Notes), err.Error()) }
	f := r.foreign(about, func(error) {}) // what cannot be read is in the summary
	if f != nil {
		d.addForeign(r, f, note)
	}
	d.Results = append(d.Results, rundir.LastResults[json.RawMessage](folder{r})...)
	if _, err := r.openImages(); err == nil {
		d.Traced = true
		r.openAhead()
	}
	d.Onset = onset(about.Config, source)
	d.Clock = r.clock(source, f).thinned(about.Config)
	evidence := r.evidence(about, source, d.KNN.all)
	if evidence.damage != nil {
		note(evidence.damage)
	}
	d.Findings = append(failure(d.Summary), Diagnose(evidence)...)
	d.Findings = append(d.Findings, chosen(about)...)
	return d, nil
}

// chosen says what the scores chose in a run with --ft auto.
func chosen(about rundir.Record) []Finding {
	if len(about.Chosen) == 0 {
		return nil
	}
	f := Finding{Rule: "chosen", Kind: "note", Title: "The scores chose the feature transformation",
		Text: fmt.Sprintf("After step %s, positives had separated from negatives. From then on these values hold, in "+
			"place of those among the options. docs/methods.md has the rule.", about.Chosen[rundir.ChosenOnset])}
	for _, v := range []struct{ option, name string }{
		{"pos_alpha", "α of positives"}, {"neg_alpha", "α of negatives"}, {"nce_t", "temperature τ"},
	} {
		switch value, ok := about.Chosen[v.option]; {
		case ok && value == "0":
			f.Evidence = append(f.Evidence, v.name+": none, the side is not transformed so far")
		case ok:
			f.Evidence = append(f.Evidence, v.name+": "+value)
		}
	}
	if step, ok := about.Chosen["pos_start_step"]; ok {
		f.Evidence = append(f.Evidence, "positives are transformed after step "+step)
	}
	return []Finding{f}
}

// failure says why a run failed.
func failure(s Summary) []Finding {
	if s.State != Failed {
		return []Finding{}
	}
	where := fmt.Sprintf("the last line of %s, written at %s", rundir.LogFile, s.Updated.Format("2 Jan 15:04:05"))
	return []Finding{{
		Rule: "failed", Kind: "error", Title: "The training failed", Text: s.Evidence, Evidence: []string{where},
	}}
}

// open reads the run's metrics and scores, and notes what cannot be read. It returns
// the scores, or nil. The caller holds the lock.
func (r *run) open(d *description) scores.Source {
	note := func(err error) {
		if !slices.Contains(d.Notes, err.Error()) {
			d.Notes = append(slices.Clone(d.Notes), err.Error())
		}
	}
	if err := errors.Join(r.metrics.refresh(folder{r}), r.metrics.skipped()); err != nil {
		for line := range strings.Lines(err.Error()) { // one of each file
			note(errors.New(strings.TrimSpace(line)))
		}
	}
	if err := r.addProbed(); err != nil {
		note(err)
	}
	if !d.Scores {
		return nil
	}
	source, err := r.scores()
	if err != nil {
		note(err)
		return nil
	}
	for _, name := range source.Series() {
		about := record.Describe(name)
		d.Series = append(d.Series, series{name, about.Title, about.Axis})
	}
	d.Kinds = append(d.Kinds, source.Kinds()...)
	d.First, d.Last = source.Range()
	return source
}

func environment(r rundir.Record) []named {
	var list []named
	var resumed []string
	for _, s := range r.Resumes {
		resumed = append(resumed, s.Start)
	}
	for _, n := range []named{
		{"Command", shellWords(r.Command)}, {"Started", r.Start}, {"Resumed", strings.Join(resumed, " ")},
		{"Resumed after", failures(r.Resumes)}, {"Machine", r.Machine},
		{"Source revision", r.Commit}, {"Go", r.Go}, {"libtorch", r.Torch},
	} {
		if n.Value != "" {
			list = append(list, n)
		}
	}
	return list
}

// shellWords joins words, quoted so that a shell reads them back.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n'\"$&|;<>()*?[]#~`\\!{}") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// number returns the query's value for key, limited to low … high, or otherwise if
// there is none.
func number(q url.Values, key string, otherwise, low, high int) int {
	n, err := strconv.Atoi(q.Get(key))
	if err != nil {
		n = otherwise
	}
	return max(low, min(n, high))
}

const farthest = 1 << 31

// curve is a series by columns.
type curve struct {
	Step []int     `json:"step"`
	N    []int     `json:"n"`
	Mean []float64 `json:"mean"`
	Min  []float64 `json:"min"`
	Max  []float64 `json:"max"`
}

func columns(bins []record.Bin) curve {
	c := curve{[]int{}, []int{}, []float64{}, []float64{}, []float64{}}
	for _, b := range bins {
		c.Step, c.N = append(c.Step, b.Step), append(c.N, b.N)
		c.Mean, c.Min, c.Max = append(c.Mean, b.Mean), append(c.Min, b.Min), append(c.Max, b.Max)
	}
	return c
}

// curves returns series (names, separated by commas) over the steps from … to in at
// most points bins.
func (s *Server) curves(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	names := strings.Split(q.Get("names"), ",")
	if len(names) > maxNames {
		return nil, fmt.Errorf("want at most %d series, got %d", maxNames, len(names))
	}
	from, to := number(q, "from", 0, 0, farthest), number(q, "to", farthest, 0, farthest)
	points := number(q, "points", 600, 1, maxPoints)
	r.mu.Lock()
	defer r.mu.Unlock()
	d := description{Summary: Summary{Scores: r.hasScores()}}
	source, others := r.open(&d), r.foreignNow()
	out := map[string]curve{}
	var recorded []string
	for _, name := range names {
		if source != nil && slices.Contains(source.Series(), name) {
			recorded = append(recorded, name)
		} else if r.metrics.series[name] != nil {
			out[name] = columns(r.metrics.curve(name, from, min(to, r.metrics.last()), points))
		} else if others != nil {
			if bins, err := others.Curve(name, from, to, points); err == nil {
				out[name] = columns(bins)
			}
		}
	}
	if len(recorded) > 0 {
		all, err := source.Curves(recorded, from, to, points)
		if err != nil {
			return nil, err
		}
		for i, name := range recorded {
			out[name] = columns(all[i])
		}
	}
	return map[string]any{"first": d.First, "last": max(d.Last, r.metrics.last()), "curves": out}, nil
}

// heat is a kind of histogram over time.
type heat struct {
	Edges []float64 `json:"edges"`
	Rows  []heatRow `json:"rows"`
}

type heatRow struct {
	Step   int       `json:"step"`
	N      int       `json:"n"`
	Counts []float64 `json:"counts"`
}

func (s *Server) histogram(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from, to := number(q, "from", 0, 0, farthest), number(q, "to", farthest, 0, farthest)
	rows := number(q, "rows", 80, 1, maxRows)
	h, err := r.histograms(q.Get("kind"), from, to, rows)
	if err != nil {
		return nil, err
	}
	out := heat{Edges: h.Edges, Rows: []heatRow{}}
	for _, row := range h.Rows {
		out.Rows = append(out.Rows, heatRow{row.Step, row.N, row.Counts})
	}
	return out, nil
}

// thumbnailsFile is the sheet of a probe's thumbnails in a run directory.
const thumbnailsFile = "scores/probe/thumbnails.png"

// thumbnails serves the thumbnails of all images of a probe.
func (s *Server) thumbnails(w http.ResponseWriter, req *http.Request) {
	r, err := s.get(req.URL.Query().Get("run"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	f, info, err := r.openRegular(thumbnailsFile)
	if err != nil {
		http.Error(w, "this run has no pictures", http.StatusNotFound)
		return
	}
	defer f.Close()
	head := make([]byte, 8)
	_, err = io.ReadFull(f, head)
	if err != nil || !bytes.Equal(head, []byte("\x89PNG\r\n\x1a\n")) || info.Size() > maxPictures {
		http.Error(w, "thumbnails.png: want a PNG picture", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Write(head)
	io.Copy(w, f)
}
