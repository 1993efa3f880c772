package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"contralens/internal/durable"
	"contralens/internal/version"
)

// Plan describes a run that is about to start or resume.
type Plan struct {
	Dir          string
	Events       string   // directory of TensorBoard's events
	Options      []Option // all options; an error names the first one that differs from those of a resumed run
	UpstreamName string   // see Record
	Resume       bool     // continue the existing run
	Overwrite    bool     // remove the existing run
	Command      []string
	Torch        string // libtorch's version
	Machine      string // kind of machine
	Device       string // where the run computes
}

// Prepare creates the run directory, locks it until release is called, and writes
// run.json. If the directory holds a run, Prepare returns an error and changes nothing,
// unless that run is resumed with the same options, is overwritten, or has nothing to
// lose.
func Prepare(p Plan) (release func(), err error) {
	record, err := p.Admit()
	if err != nil {
		return nil, err
	}
	if err := Possible(p.Dir, p.Events); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("run directory %s: want a folder that can be created, but %w; see --model_path", p.Dir, err)
	}
	if release, err = lock(p.Dir); err != nil {
		return nil, err
	}
	if err := p.begin(record); err != nil {
		release()
		return nil, fmt.Errorf("run directory %s: %w", p.Dir, err)
	}
	return release, nil
}

// Possible returns an error if the run directory or the directory of TensorBoard's
// events cannot be created because a file has the name of one of the folders in its
// path.
func Possible(dir, events string) error {
	if file := fileInTheWay(dir); file != "" {
		return fmt.Errorf("run directory %s: want a folder that can be created, but %s is a file; see --model_path",
			dir, file)
	}
	if file := fileInTheWay(events); file != "" {
		return fmt.Errorf("--tb_path %s: want a folder that can be created, but %s is a file", events, file)
	}
	return nil
}

// fileInTheWay returns the part of a path that is a file, or "".
func fileInTheWay(path string) string {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			return path
		}
		if err == nil || path == filepath.Dir(path) {
			return ""
		}
	}
}

// Admit returns the run.json of the directory, or nil if there is none, and an error if
// Prepare would not change the directory.
func (p *Plan) Admit() (*Record, error) {
	record, err := ReadRecord(p.Dir)
	if err != nil {
		return nil, err
	}
	return record, p.admit(record)
}

// admit returns an error if the directory must not be written to. record is its
// run.json, or nil.
func (p *Plan) admit(record *Record) error {
	switch {
	case record == nil && !p.Resume && !p.Overwrite:
		if files, err := os.ReadDir(p.Dir); err == nil && len(files) > 0 {
			return fmt.Errorf("run directory %s: want an empty one, but it has files; choose another one with "+
				"--name, or use --overwrite", p.Dir)
		}
	case record == nil:
	case p.Resume:
		return record.matches(p.Dir, p.Options)
	case !p.Overwrite && trained(p.Dir):
		return fmt.Errorf("run directory %s already holds a run: "+
			"resume it with --resume auto, choose another one with --name, or replace it with --overwrite", p.Dir)
	}
	return nil
}

// begin removes leftovers and an overwritten run, and writes run.json: with a new
// session if the run is resumed, or else for a new run.
func (p *Plan) begin(record *Record) error {
	if err := durable.Clean(p.Dir); err != nil {
		return err
	}
	if record != nil && !p.Resume {
		if err := empty(p.Dir); err != nil {
			return err
		}
	}
	now := Session{
		Command: p.Command, Commit: version.Commit(), Start: time.Now().Format(time.RFC3339), Device: p.Device,
	}
	if record != nil && p.Resume {
		now.After = Failure(os.DirFS(p.Dir).(fs.StatFS))
		record.Resumes = append(record.Resumes, now)
		record.grow(p.Options)
		if record.UpstreamName == "" { // written when the directory still had that name
			record.UpstreamName = p.UpstreamName
		}
	} else {
		record = &Record{
			Config: map[string]string{}, Session: now, Go: runtime.Version(), Torch: p.Torch,
			Machine: p.Machine, UpstreamName: p.UpstreamName,
		}
		for _, o := range p.Options {
			record.Config[o.Name] = o.Value
		}
	}
	return record.write(p.Dir)
}

// trained reports whether a run directory has results of training.
func trained(dir string) bool {
	for _, name := range []string{CurrentFile, InterruptedFile, MetricsFile, ResultsFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 0 {
			return true
		}
	}
	return len(EpochFiles(dir)) > 0
}

// Remove removes a run directory with everything in it. It is an error if another process
// writes to it. A folder that holds no run stays.
func Remove(dir string) error {
	if !IsRun(dir) {
		return nil
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("run directory %s: %w", dir, err)
	}
	return nil
}

// empty removes everything in a run directory except the lock.
func empty(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if f.Name() != lockFile {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, f.Name())))
		}
	}
	return err
}
