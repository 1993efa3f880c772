package dashboard

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"contralens/config"
	"contralens/rundir"
)

// maxLog is the largest part of a log that is sent at a time, in bytes.
const maxLog = 1 << 18

// log returns a part of a run's log: from the byte from, or the last lines.
func (s *Server) log(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	return rundir.ReadLog(folder{r}, int64(number(q, "from", -1, -1, farthest)), maxLog)
}

// choice is an option in which runs differ.
type choice struct {
	Name   string            `json:"name"`
	Title  string            `json:"title"`  // short
	Values map[string]string `json:"values"` // by run; runs that do not have the option are missing
}

// options lists the options in which the runs differ, for groups and for parallel
// coordinates: without those of the machine and the output, on which results do not depend.
func (s *Server) options(url.Values) (any, error) {
	byName, runs := map[string]map[string]string{}, 0
	now := time.Now()
	for _, r := range s.all() {
		summary := r.look(now)
		if len(summary.config) == 0 {
			continue
		}
		runs++
		for name, value := range summary.config {
			if byName[name] == nil {
				byName[name] = map[string]string{}
			}
			byName[name][summary.ID] = value
		}
	}
	list := []choice{}
	for name, values := range byName {
		f, known := config.Lookup(name)
		if known && (f.Runtime || f.Ignored) || !differ(values) {
			continue
		}
		title := name
		if f.Legend != "" && f.Legend != "-" {
			title = f.Legend
		}
		list = append(list, choice{name, title, values})
	}
	slices.SortFunc(list, func(a, b choice) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func differ(values map[string]string) bool {
	first, started := "", false
	for _, v := range values {
		if started && v != first {
			return true
		}
		first, started = v, true
	}
	return false
}

// setting is an option of a run's command.
type setting struct {
	Name    string `json:"name"`
	Group   string `json:"group"`   // heading in --help; "" for options that are not known
	Default string `json:"default"` // as typed
	Runtime bool   `json:"runtime"` // results do not depend on it
	Preset  bool   `json:"preset"`  // a named method sets it
	Help    string `json:"help"`
}

// settings describes the options of a run that differ from the defaults of its command, and
// all others.
func settings(record rundir.Record) []setting {
	var defaults map[string]string
	if len(record.Command) > 1 {
		defaults = config.DefaultsOf(record.Command[1])
	}
	if defaults == nil && record.Go != "" { // contralens demo and programs in Go pre-train too
		defaults = config.DefaultsOf("contrast")
	}
	list := []setting{}
	for name := range record.Config {
		f, _ := config.Lookup(name)
		list = append(list, setting{name, f.Group, defaults[name], f.Runtime, f.Preset, f.Help})
	}
	slices.SortFunc(list, func(a, b setting) int { return strings.Compare(a.Name, b.Name) })
	return list
}
