package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"contralens/config"
	"contralens/study/jobs"
)

// ReportFile is the file of a Report in the folder of a study.
const ReportFile = "study.json"

// Report is what a study has found so far: study.json.
type Report struct {
	Title    string       `json:"title"`
	Method   string       `json:"method"`   // of the intervals
	Baseline string       `json:"baseline"` // name of an arm
	Seeds    []uint64     `json:"seeds"`
	Measures []string     `json:"measures"` // accuracies in percent, and statistics of scores
	Arms     []ArmReport  `json:"arms"`
	Trials   []Trial      `json:"trials,omitempty"` // of tuning
	TunedBy  string       `json:"tuned_by,omitempty"`
	Untuned  []string     `json:"untuned,omitempty"` // arms whose settings all failed
	Cells    []CellReport `json:"cells"`
	Done     int          `json:"done"` // cells with an outcome
	Failed   int          `json:"failed"`
	Alone    []string     `json:"without_negatives,omitempty"` // arms whose loss sees no negatives
}

// ArmReport has the results of an arm.
type ArmReport struct {
	Name     string             `json:"name"`
	Options  string             `json:"options"`           // as typed
	Program  string             `json:"program,omitempty"` // command line that trains it, as typed
	Setting  string             `json:"setting,omitempty"` // that tuning chose
	Runs     int                `json:"runs"`              // trainings behind the results
	Failed   int                `json:"failed"`            // trainings beside them
	Measures map[string]Measure `json:"measures"`
}

// Measure is an accuracy of an arm.
type Measure struct {
	Estimate
	Scores     []Score  `json:"scores"`
	Difference Estimate `json:"difference"`  // from the baseline, paired by seed; of the baseline itself, N is 0
	Pairs      []Score  `json:"differences"` // of each seed
}

// Trial is a setting of an arm that tuning tried.
type Trial struct {
	Arm     string   `json:"arm"`
	Setting string   `json:"setting"`
	Epochs  int      `json:"epochs"`
	Mean    *float64 `json:"mean"` // of the measure that decides, on the validation split; nil if it failed or is not done
	N       int      `json:"n"`
	Kept    bool     `json:"kept"` // it went on to the next round, or was chosen
}

// CellReport is a cell with its outcome and command lines.
type CellReport struct {
	Name    string `json:"name"`
	Arm     string `json:"arm"`
	Seed    uint64 `json:"seed"`
	Round   int    `json:"round"` // of tuning; 0: it counts
	State   string `json:"state"` // done, failed or open
	Reason  string `json:"reason,omitempty"`
	Setting string `json:"setting,omitempty"` // the values of tuned options, in words
	// Chosen are options that the scores chose, and the step after which they hold; NeverBegan if features were never
	// transformed.
	Chosen   map[string]string  `json:"chosen,omitempty"`
	Scores   map[string]float64 `json:"scores,omitempty"`
	Seconds  float64            `json:"seconds,omitempty"`
	Machine  string             `json:"machine,omitempty"` // kind of processor
	Commit   string             `json:"commit,omitempty"`  // that the program was built from
	Commands [][]string         `json:"commands"`
}

// NeverBegan stands for the step after which the transformation acts where the training ended before it.
const NeverBegan = "never"

// States of cells.
const (
	Done   = "done"
	Failed = "failed"
	Open   = "open"
)

// Report returns the report of the outcomes so far.
func (s *Study) Report(dir string, done map[string]jobs.Outcome) Report {
	r := Report{
		Title: s.Title, Method: Method, Baseline: s.Arms[s.Baseline].Name, Seeds: s.Seeds, Measures: s.Measures(),
	}
	cells := s.Planned(done)
	chosen := make([]int, len(s.Arms))
	scores := make([]map[string][]Score, len(s.Arms))
	for i, a := range s.Arms {
		chosen[i], scores[i] = -1, map[string][]Score{}
		r.Arms = append(r.Arms, ArmReport{
			Name: a.Name, Options: a.describe(), Program: ShellWords(a.Program), Measures: map[string]Measure{},
		})
		if c, _, err := s.Contrast(i); err == nil && a.Program == nil && !config.Memories[c.Memory].Negatives {
			r.Alone = append(r.Alone, a.Name)
		}
	}
	for _, c := range cells {
		o, ended := done[c.Name]
		ended = ended && !s.Outdated(c, o)
		one := CellReport{Name: c.Name, Arm: s.Arms[c.Arm].Name, Seed: c.Seed, Round: c.Round, State: Open}
		if c.Setting >= 0 && !s.Arms[c.Arm].Untrained {
			one.Commands = [][]string{s.Command(dir, c)}
		}
		arm := &r.Arms[c.Arm]
		if ended {
			one.State, one.Scores, one.Seconds, one.Machine, one.Commit = Done, o.Scores, o.Seconds, o.Machine, o.Commit
			one.Setting, one.Chosen = o.Setting, o.Chosen
			r.Done++
			if len(o.Commands) > 0 {
				one.Commands = o.Commands
			}
			if o.Failed() {
				one.State, one.Reason = Failed, o.Error
				r.Failed++
				if c.Round == 0 {
					arm.Failed++
				}
			}
		}
		r.Cells = append(r.Cells, one)
		if c.Round > 0 || c.Setting < 0 {
			continue
		}
		chosen[c.Arm] = c.Setting
		if ended && !o.Failed() {
			arm.Runs++
			for _, m := range r.Measures {
				if v, ok := o.Scores[m]; ok {
					scores[c.Arm][m] = append(scores[c.Arm][m], Score{c.Seed, v})
				}
			}
		}
	}
	for i := range r.Arms {
		if chosen[i] >= 0 {
			r.Arms[i].Setting = describe(s.Arms[i].settings[chosen[i]])
		}
		for _, m := range r.Measures {
			v := Measure{Estimate: estimate(scores[i][m]), Scores: scores[i][m]}
			if i != s.Baseline {
				v.Pairs = differences(scores[i][m], scores[s.Baseline][m])
				v.Difference = estimate(v.Pairs)
			}
			r.Arms[i].Measures[m] = v
		}
	}
	if s.Tuning != nil {
		r.TunedBy = s.Tuning.By
		r.Trials = s.trials(cells, done, chosen)
		for i, a := range s.Arms {
			if !slices.ContainsFunc(cells, func(c Cell) bool { return c.Arm == i && c.Round == 0 }) {
				r.Untuned = append(r.Untuned, a.Name)
			}
		}
	}
	return r
}

// Published returns the outcomes in the report in a folder: those of results that were published without StateDir. It
// returns none if there is no report.
func Published(dir string) (map[string]jobs.Outcome, error) {
	path := filepath.Join(dir, ReportFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%s: want the report of a study as JSON: %w", path, err)
	}
	done := map[string]jobs.Outcome{}
	for _, c := range r.Cells {
		if c.State != Open {
			done[c.Name] = jobs.Outcome{
				Error: c.Reason, Setting: c.Setting, Chosen: c.Chosen, Scores: c.Scores, Seconds: c.Seconds, Machine: c.Machine,
				Commit: c.Commit, Commands: c.Commands,
			}
		}
	}
	return done, nil
}

// trials returns the settings that tuning tried, in the order of the cells.
func (s *Study) trials(cells []Cell, done map[string]jobs.Outcome, chosen []int) (all []Trial) {
	type key struct{ arm, setting, round int }
	at := map[key]int{}
	sums, rounds := map[key]float64{}, map[int]int{}
	for _, c := range cells {
		if c.Round > 0 && c.Setting >= 0 {
			rounds[c.Arm] = max(rounds[c.Arm], c.Round)
		}
	}
	for _, c := range cells {
		if c.Round == 0 || c.Setting < 0 {
			continue
		}
		k := key{c.Arm, c.Setting, c.Round}
		if _, ok := at[k]; !ok {
			at[k] = len(all)
			all = append(all, Trial{
				Arm: s.Arms[c.Arm].Name, Setting: describe(s.Arms[c.Arm].settings[c.Setting]), Epochs: c.Epochs,
				Kept: c.Round == rounds[c.Arm] && chosen[c.Arm] == c.Setting,
			})
			before := key{c.Arm, c.Setting, c.Round - 1}
			if i, ok := at[before]; ok {
				all[i].Kept = true
			}
		}
		o, ok := done[c.Name]
		v, judged := o.Scores[s.Tuning.By]
		if ok && judged && !o.Failed() {
			sums[k] += v
			all[at[k]].N++
		}
	}
	for k, i := range at {
		if all[i].N > 0 {
			all[i].Mean = new(sums[k] / float64(all[i].N))
		}
	}
	return all
}
