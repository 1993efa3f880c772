// Package jobs works on jobs that several processes share: those of one machine, or of several
// that share a folder. Each job has a lock, whose heartbeat tells whether its process is alive,
// and an outcome, which is written once. A process that is killed at any point loses nothing but
// the job that it was at, which another one takes, or the same one when it is started again.
//
// A folder has for each job
//
//	NAME.json      Outcome
//	NAME.lock-N    lock, the N-th one since the job began
package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"contralens/internal/durable"
)

// Outcome is what became of a job: NAME.json.
type Outcome struct {
	Error   string `json:"error,omitempty"`   // why it failed; "": it did not
	Setting string `json:"setting,omitempty"` // the values of tuned options, in words
	// Chosen are values of options that were chosen during the job, by name.
	Chosen  map[string]string  `json:"chosen,omitempty"`
	Scores  map[string]float64 `json:"scores,omitempty"`
	Seconds float64            `json:"seconds"` // without what a stop had to repeat
	Images  float64            `json:"images"`  // that it was trained on, epoch by epoch
	// Detecting is how many of the seconds went into detectors on the encoder.
	Detecting float64    `json:"detecting,omitempty"`
	Machine   string     `json:"machine,omitempty"` // kind of processor
	Commit    string     `json:"commit,omitempty"`  // that the program was built from
	Commands  [][]string `json:"commands,omitempty"`
	Ended     time.Time  `json:"ended"`
}

// Failed reports whether the job failed.
func (o Outcome) Failed() bool { return o.Error != "" }

const ending = ".json"

// Outcomes reads the outcomes in a folder by the names of jobs. A folder that is not there has
// none.
func Outcomes(dir string) (map[string]Outcome, error) {
	all := map[string]Outcome{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ending)
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var o Outcome
		err = json.Unmarshal(b, &o)
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			err = fmt.Errorf("it is a JSON %s", kind.Value)
			if kind.Field != "" {
				err = fmt.Errorf("its %s is a JSON %s, not %s", kind.Field, kind.Value, kind.Type)
			}
		} else if err == nil && !bytes.Contains(b, []byte(`"seconds"`)) { // which Write always writes
			err = errors.New("it does not say how long the job took")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: want the outcome of a job as JSON, but %w; remove the file to do the job again", path,
				err)
		}
		all[name] = o
	}
	return all, nil
}

// Write writes the outcome of a job.
func (o Outcome) Write(dir, name string) error {
	b, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(dir, name+ending), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Forget removes the outcome of a job, which then is done again.
func Forget(dir, name string) error {
	err := os.Remove(filepath.Join(dir, name+ending))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
