package judge

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"contralens/diagnose"
	"contralens/features/spectrum"
	"contralens/internal/humanize"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// Source is what is known of a run.
type Source struct {
	Name    string
	Dir     string            // where its checkpoints are looked for; empty: nowhere
	Options map[string]string // as run.json has them
	Planned int               // epochs before the training was shortened; 0: it was not
	Lines   []spectrum.Line
	Vitals  []vitals.Line   // what it is diagnosed by, beside options and measures
	Results []rundir.Result // also of others' encoders
	// Told tells that a note says why nothing was measured.
	Told bool
}

// known is what package diagnose knows of the run.
func (s Source) known() diagnose.Case { return diagnose.NewCase(s.Options, s.Vitals, s.Lines) }

// run is a run that can be judged.
type run struct {
	Source
	method   string
	planned  int
	ended    int                        // the epoch after which the stop rule ended it; 0: it did not
	accuracy map[int]map[string]float64 // by epoch and protocol
	tested   map[string]string          // the dataset of a protocol's first result
}

// Judge judges the run in dir by its epochs, or the runs below it by the last epoch that was measured. All
// that cannot be judged is in the notes. It is an error if nothing can. Runs whose training measured nothing
// are measured from their probe sets, which takes a while.
func Judge(dir string) (Report, error) {
	dirs, err := rundir.Below(dir)
	if err != nil {
		return Report{}, fmt.Errorf("judge: %w", err)
	}
	var sources []Source
	var notes []string
	for _, d := range dirs {
		s, why := read(dir, d)
		sources = append(sources, s)
		if why != "" {
			notes = append(notes, why)
		}
		for _, err := range []error{spectrum.Skipped(d), vitals.Skipped(d)} {
			if err != nil && why == "" {
				notes = append(notes, fmt.Sprintf("%s: %v", s.Name, err))
			}
		}
	}
	return Sources(dir, sources, notes)
}

// Nothing says that there is nothing to judge. The report that comes with it has the notes.
type Nothing struct {
	Dir   string
	Notes []string
}

func (e *Nothing) Error() string {
	return fmt.Sprintf("judge: want a run whose features were measured (contralens contrast does, with --spectrum), "+
		"or that has a probe set, found none in %s%s", e.Dir, reasons(e.Notes))
}

// Sources judges runs that were read already. notes are about those that could not be. If nothing can be, the
// error is a *Nothing, and the report has the notes.
func Sources(dir string, sources []Source, notes []string) (Report, error) {
	r := Report{Dir: dir, Groups: []Group{}, Stops: []Stop{}, Notes: append([]string{}, notes...)}
	var all []run
	for i, s := range sources {
		s.Lines = byEpoch(s.Lines)
		sources[i] = s
		switch measured := func(l spectrum.Line) bool { return l.Backbone != nil }; {
		case slices.ContainsFunc(s.Lines, measured):
			one := run{Source: s, method: methodOf(s.Options), accuracy: map[int]map[string]float64{}}
			r.Notes = append(r.Notes, unmeasured(s)...)
			one.planned, _ = strconv.Atoi(s.Options["epochs"])
			if s.Options["stop"] == "auto" && s.Planned > one.planned { // not one that was resumed for longer
				one.ended, one.planned = one.planned, s.Planned
			}
			all = append(all, one)
		case s.Options != nil && !s.Told && (s.Options["mem"] != "" || len(s.Results) == 0):
			// Not a classifier, whose results count for its encoder.
			if failed := unmeasured(s); len(failed) > 0 {
				r.Notes = append(r.Notes, failed...)
			} else {
				r.Notes = append(r.Notes, s.Name+": its features were not measured, and it has no probe set")
			}
		}
	}
	if len(all) == 0 {
		return r, &Nothing{dir, r.Notes}
	}
	share(all, sources)
	for _, one := range all {
		if stop, ok := one.stop(); ok {
			r.Stops = append(r.Stops, stop)
		}
	}
	if len(all) == 1 {
		r.epochs(all[0])
	} else {
		r.runs(all)
	}
	if len(r.Groups) == 0 {
		r.Notes = append(r.Notes, "nothing is ranked: a ranking needs two epochs of a run, or two runs of one method, with "+
			"as many images measured")
	}
	return r, nil
}

// byEpoch returns the lines in the order of their epochs. Of several of an epoch the last one counts.
func byEpoch(lines []spectrum.Line) []spectrum.Line {
	last := map[int]spectrum.Line{}
	for _, l := range lines {
		last[l.Epoch] = l
	}
	var all []spectrum.Line
	for _, epoch := range slices.Sorted(maps.Keys(last)) {
		all = append(all, last[epoch])
	}
	return all
}

// unmeasured says which epochs could not be measured, and why: the last of them stands for all.
func unmeasured(s Source) []string {
	last, n := spectrum.Line{}, 0
	for _, l := range s.Lines {
		if l.Backbone == nil && l.Note != "" {
			last, n = l, n+1
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("%s: epoch %d was not measured: %s", s.Name, last.Epoch, last.Note)}
	}
	return []string{fmt.Sprintf("%s: %d epochs were not measured; epoch %d: %s", s.Name, n, last.Epoch, last.Note)}
}

func reasons(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return ": " + strings.Join(notes, "; ")
}

// read reads a run, and says why it cannot be judged.
func read(root, dir string) (s Source, why string) {
	s = Source{Dir: dir}
	var err error
	if s.Name, err = filepath.Rel(root, dir); err != nil || s.Name == "." {
		s.Name = filepath.Base(dir)
	}
	record, err := rundir.ReadRecord(dir)
	if err != nil || record == nil {
		return s, fmt.Sprintf("%s: run.json cannot be read: %v", s.Name, err)
	}
	s.Options, s.Planned, s.Told = record.Config, record.Planned, true
	if s.Lines, err = spectrum.Of(dir, nil); err != nil {
		return s, fmt.Sprintf("%s: its measures cannot be read: %v", s.Name, cmp.Or(errors.Unwrap(err), err))
	}
	s.Told = false
	s.Results, err = rundir.ReadResults(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		why = fmt.Sprintf("not all results can be read: %v", err)
	}
	if s.Vitals, err = vitals.Read(dir); err != nil {
		why = fmt.Sprintf("%s: nothing is diagnosed: %v", s.Name, err)
	}
	return s, why
}

// add adds a result of the run's encoder.
func (one *run) add(r rundir.Result) {
	top1, ok := r.Metrics["top1"].(float64)
	if !ok {
		return
	}
	if one.accuracy[r.Epoch] == nil {
		one.accuracy[r.Epoch] = map[string]float64{}
	}
	protocol := r.Protocol
	if one.tested == nil {
		one.tested = map[string]string{}
	}
	if _, known := one.tested[protocol]; !known {
		one.tested[protocol] = r.Dataset
	}
	if r.Dataset != one.tested[protocol] { // an accuracy on other images is another one
		protocol += " on " + cmp.Or(r.Dataset, "unknown images")
	}
	one.accuracy[r.Epoch][protocol] = top1
}

// share gives each run its results, and those of its encoders that are in other runs' directories, such as
// those of linear probes.
func share(all []run, sources []Source) {
	by := map[string]*run{}
	for i := range all {
		for _, r := range all[i].Results {
			all[i].add(r)
		}
		if dir, err := filepath.Abs(all[i].Dir); err == nil && all[i].Dir != "" {
			by[dir] = &all[i]
		}
	}
	for _, s := range sources {
		for _, r := range s.Results {
			from, err := filepath.Abs(filepath.Dir(r.Checkpoint))
			if own, _ := filepath.Abs(s.Dir); err != nil || r.Checkpoint == "" || from == own {
				continue
			}
			if one := by[from]; one != nil {
				one.add(r)
			}
		}
	}
}

// candidate returns an epoch of the run as a candidate.
func (one run) candidate(l spectrum.Line) Candidate {
	c := Candidate{
		Run: one.Name, Epoch: l.Epoch, Method: one.method,
		Values: map[string]float64{}, Accuracy: map[string]float64{},
	}
	for _, m := range Measures {
		if v, ok := l.Value(m.Space, m.Name); ok {
			c.Values[m.ID()] = v
		}
	}
	apart, ok := l.Value("backbone", spectrum.UniformityName)
	c.Collapsed = ok && math.IsNaN(spectrum.Relative(0, apart))
	maps.Copy(c.Accuracy, one.accuracy[l.Epoch])
	c.Faults = one.known().Upto(l.Epoch).Faults()
	c.Basis = humanize.Count(l.Images, "image")
	if l.Views > 0 {
		c.Basis += fmt.Sprintf(", %d views of %d", l.Views, l.Viewed)
	}
	if l.Head != nil {
		c.Basis += fmt.Sprintf(", embeddings of %d dimensions", l.Head.Dim)
	}
	for _, name := range []string{rundir.EpochFile(l.Epoch), rundir.CurrentFile} {
		last := l.Epoch == one.Lines[len(one.Lines)-1].Epoch
		if one.Dir == "" || !last && name == rundir.CurrentFile {
			continue
		}
		if _, err := os.Stat(filepath.Join(one.Dir, name)); err == nil {
			c.File = filepath.Join(one.Dir, name)
			break
		}
	}
	return c
}

// epochs ranks the epochs of one run.
func (r *Report) epochs(one run) {
	byBasis := map[string][]Candidate{}
	for _, l := range one.Lines {
		if l.Backbone != nil && l.Epoch > 0 {
			c := one.candidate(l)
			byBasis[c.Basis] = append(byBasis[c.Basis], c)
		}
	}
	for _, basis := range slices.Sorted(maps.Keys(byBasis)) {
		before := len(r.Groups)
		r.rank("epochs of "+one.Name+" ("+basis+")", byBasis[basis], false)
		for i := range r.Groups[before:] {
			r.Groups[before+i].kept()
		}
	}
}

// kept adds to the verdict on the epochs of a run which is the best of those whose checkpoints are there.
func (g *Group) kept() {
	if slices.ContainsFunc(g.first(), func(r Row) bool { return r.File != "" }) {
		return
	}
	i := slices.IndexFunc(g.Rows, func(r Row) bool { return r.File != "" })
	if i < 0 {
		g.Verdict += "; no epoch of the table has a checkpoint (--save_freq)"
		return
	}
	g.Verdict += fmt.Sprintf("; %s has no checkpoint, the first that has one is %s: %s", names(g.first()),
		g.Rows[i].name(), g.Rows[i].File)
}

// runs ranks the last epochs of runs, within methods and across them.
func (r *Report) runs(all []run) {
	within, across := map[string][]Candidate{}, map[string][]Candidate{}
	differ := func(of func(options map[string]string) string) bool {
		return slices.ContainsFunc(all, func(one run) bool { return of(one.Options) != of(all[0].Options) })
	}
	data, network := differ(dataOf), differ(networkOf)
	var views []string // options
	for _, name := range viewOptions {
		if differ(func(options map[string]string) string { return options[name] }) {
			views = append(views, name)
		}
	}
	for _, one := range all {
		last := -1
		for i, l := range one.Lines {
			if l.Backbone != nil && l.Epoch > 0 {
				last = i
			}
		}
		if last < 0 {
			r.Notes = append(r.Notes, one.Name+": it was measured before its training only")
			continue
		}
		c := one.candidate(one.Lines[last])
		if network {
			c.Basis += ", " + cmp.Or(networkOf(one.Options), "unknown network")
		}
		for _, name := range views {
			c.Basis += fmt.Sprintf(", --%s %s", name, cmp.Or(one.Options[name], "unknown"))
		}
		if data {
			c.Basis += ", data " + dataOf(one.Options)
		}
		key := c.Method + " (" + c.Basis + ")"
		within[key] = append(within[key], c)
		across[c.Basis] = append(across[c.Basis], c)
	}
	for _, key := range slices.Sorted(maps.Keys(within)) {
		r.rank(key, within[key], false)
	}
	for _, basis := range slices.Sorted(maps.Keys(across)) {
		methods := map[string]bool{}
		for _, c := range across[basis] {
			methods[c.Method] = true
		}
		if len(methods) > 1 {
			r.rank("all methods ("+basis+")", across[basis], true)
		}
	}
}

// uncounted says which measures do not count in a ranking because some candidates have none.
func uncounted(g Group, across bool) (notes []string) {
	for _, m := range Measures {
		if !m.counts(across) || slices.Contains(g.Measures, m.ID()) {
			continue
		}
		var without []string
		for _, row := range g.Rows {
			if _, ok := m.value(row.Candidate); !ok {
				without = append(without, row.name())
			}
		}
		if len(without) < len(g.Rows) {
			notes = append(notes, fmt.Sprintf("%s: %s does not count, because it is not known of %s", g.Title, m.Title,
				some(without)))
		}
	}
	return notes
}

// some lists the first three of names.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), 3)], ", ")
	if len(names) > 3 {
		text += fmt.Sprintf(" and %d more", len(names)-3)
	}
	return text
}

// rank adds a ranking, or a note if there is none.
func (r *Report) rank(title string, candidates []Candidate, across bool) {
	if g, ok := Rank(title, candidates, across); ok {
		r.Groups = append(r.Groups, g)
		r.Notes = append(r.Notes, uncounted(g, across)...)
		if n := len(g.LeftOut); n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: left out, because their relative alignment is not known: %s", title,
				some(g.LeftOut)))
		}
		return
	}
	if len(candidates) == 1 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s after epoch %d: nothing to compare it with (%s)", candidates[0].Run,
			candidates[0].Epoch, title))
		return
	}
	var wanted []string
	for _, m := range Measures {
		if m.counts(across) {
			wanted = append(wanted, m.Title)
		}
	}
	r.Notes = append(r.Notes, fmt.Sprintf("%s: not ranked, because no measure that ranks here (%s) is known of all",
		title, strings.Join(wanted, ", ")))
}
