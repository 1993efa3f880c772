package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"contralens/internal/durable"
)

// Record is run.json: the options, the versions, the machine, and the sessions of a
// run.
type Record struct {
	Config  map[string]string `json:"config"` // all options, resolved
	Session                   // the first session
	Go      string            `json:"go"`
	Torch   string            `json:"libtorch"`
	Machine string            `json:"machine"`
	// UpstreamName is the name that the reference implementation would give the run. It
	// has no length limit; the directory may have a shorter name.
	UpstreamName string    `json:"upstream_name,omitempty"`
	Resumes      []Session `json:"resumes,omitempty"` // later sessions
	// Chosen are values of options that the scores chose during the training, in place of those
	// of Config.
	Chosen map[string]string `json:"chosen,omitempty"`
	// Planned is the number of epochs before SetEpochs shortened the training.
	Planned int `json:"planned_epochs,omitempty"`
}

// Session is one process that trained the run.
type Session struct {
	Command []string `json:"command"`
	Commit  string   `json:"git_commit"`
	Start   string   `json:"start"`            // RFC 3339
	Device  string   `json:"device,omitempty"` // "cpu", or "cuda:0, " and the name of the GPU
	After   string   `json:"after,omitempty"`  // the error with which the session before it ended; see Failure
}

// ReadRecord reads the run.json of a directory. It returns nil if there is none.
func ReadRecord(dir string) (*Record, error) {
	path := filepath.Join(dir, RecordFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil // not a run of ours
	}
	if err != nil {
		return nil, fmt.Errorf("run directory %s: want its record, but %w", dir, err)
	}
	r := &Record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: want the record of a run: %w", path, err)
	}
	return r, nil
}

func (r *Record) write(dir string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(dir, RecordFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Option is an option of a run as typed on the command line.
type Option struct {
	Name    string
	Aliases []string // former names, which older records may use
	Value   string
	Runtime bool // does not change what the run computes, so sessions may differ
	Grows   bool // may change if the run is resumed to train for more epochs
}

// epochsOption is the option with the length of a training.
const epochsOption = "epochs"

// matches returns an error if options differ from those with which the run was started. A
// run may be trained for longer than was planned.
func (r *Record) matches(dir string, options []Option) error {
	before, now := r.epochs(options)
	for _, o := range options {
		was, ok := o.recorded(r.Config)
		if !ok || was == o.Value || o.Runtime || o.Grows && now > before {
			continue
		}
		if o.Name == epochsOption {
			return fmt.Errorf("run directory %s was made with --epochs %s, not %s: a run that is resumed can train for "+
				"more epochs but not for fewer; ckpt_epoch_N.pth has earlier states", dir, was, o.Value)
		}
		return fmt.Errorf("run directory %s was made with --%s %s, not %s: "+
			"give the same options, another --name, or --overwrite without --resume", dir, o.Name, was, o.Value)
	}
	return nil
}

// epochs returns the length of the training in the record and in options, 0 if unknown.
func (r *Record) epochs(options []Option) (before, now int) {
	for _, o := range options {
		if was, ok := o.recorded(r.Config); ok && o.Name == epochsOption {
			before, _ = strconv.Atoi(was) // 0 for a record that is not ours
			now, _ = strconv.Atoi(o.Value)
		}
	}
	return before, now
}

// grow sets the options of a run that is resumed to train for more epochs.
func (r *Record) grow(options []Option) {
	before, now := r.epochs(options)
	for _, o := range options {
		if o.Grows && now > before {
			r.Config[o.Name] = o.Value
		}
	}
}

// SetEpochs changes the length of the training in the record of a run, which ends earlier
// than was planned.
func SetEpochs(dir string, epochs int) error {
	r, err := ReadRecord(dir)
	if r == nil || err != nil {
		return err
	}
	if planned, _ := strconv.Atoi(r.Config[epochsOption]); planned > epochs {
		r.Planned = planned
	}
	r.Config[epochsOption] = strconv.Itoa(epochs)
	return r.write(dir)
}

// ChosenOnset is the name, among the options that were chosen, of the step after which the feature transformation
// acts, or could act: a side whose α is 0 is not transformed.
const ChosenOnset = "mix_start_step"

// SetChosen records values of options that were chosen during the training.
func SetChosen(dir string, chosen map[string]string) error {
	r, err := ReadRecord(dir)
	if r == nil || err != nil {
		return err
	}
	r.Chosen = chosen
	return r.write(dir)
}

// recorded returns the option's value in the record of a run.
func (o Option) recorded(config map[string]string) (value string, ok bool) {
	for _, name := range append([]string{o.Name}, o.Aliases...) {
		if value, ok = config[name]; ok {
			return value, true
		}
	}
	return "", false
}
