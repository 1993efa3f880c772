package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"contralens/internal/durable"
	"contralens/internal/version"
)

// Plan is a run that is about to begin or to resume.
type Plan struct {
	Dir          string
	Events       string   // the folder for TensorBoard's events
	Options      []Option // all of them; the first that differs from a resumed run's is named
	UpstreamName string   // see Record
	Resume       bool     // the run that is there continues
	Overwrite    bool     // the run that is there is removed
	Command      []string
	Torch        string // libtorch's version
	Machine      string // the kind of machine
}

// Prepare makes the run directory, locks it until release, and writes run.json. It
// refuses a directory that holds a run, unless that run is resumed with the same options,
// is to be overwritten, or has nothing that could be lost; then nothing is touched.
func Prepare(p Plan) (release func(), err error) {
	record, err := ReadRecord(p.Dir)
	if err != nil {
		return nil, err
	}
	if err := p.admit(record); err != nil {
		return nil, err
	}
	if err := Possible(p.Dir, p.Events); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("run directory %s: want a folder that can be made, but %w; see --model_path", p.Dir, err)
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

// Possible refuses a run directory or a folder for TensorBoard's events that cannot be
// made because a file has the name of one of the folders on the way.
func Possible(dir, events string) error {
	if file := fileInTheWay(dir); file != "" {
		return fmt.Errorf("run directory %s: want a folder that can be made, but %s is a file; see --model_path", dir, file)
	}
	if file := fileInTheWay(events); file != "" {
		return fmt.Errorf("--tb_path %s: want a folder that can be made, but %s is a file", events, file)
	}
	return nil
}

// fileInTheWay is the file among a path's folders, or "".
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

// admit refuses a directory that must not be written to. record is its run.json, or nil.
func (p *Plan) admit(record *Record) error {
	switch {
	case record == nil && !p.Resume && !p.Overwrite:
		if files, err := os.ReadDir(p.Dir); err == nil && len(files) > 0 {
			return fmt.Errorf("run directory %s: want an empty one, but it has files; give --name for another one or "+
				"--overwrite", p.Dir)
		}
	case record == nil:
	case p.Resume:
		return record.matches(p.Dir, p.Options)
	case !p.Overwrite && trained(p.Dir):
		return fmt.Errorf("run directory %s holds a run already: "+
			"resume it with --resume auto, choose another one with --name, or replace it with --overwrite", p.Dir)
	}
	return nil
}

// begin clears what is in the way and writes run.json: of a resumed run with its new
// session, else of a new one.
func (p *Plan) begin(record *Record) error {
	if err := durable.Clean(p.Dir); err != nil {
		return err
	}
	if record != nil && !p.Resume {
		if err := empty(p.Dir); err != nil {
			return err
		}
	}
	now := Session{Command: p.Command, Commit: version.Commit(), Start: time.Now().Format(time.RFC3339)}
	if record != nil && p.Resume {
		record.Resumes = append(record.Resumes, now)
		if record.UpstreamName == "" { // of a run from when the directory had that name
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

// trained reports whether a run directory holds steps that were trained.
func trained(dir string) bool {
	for _, name := range []string{CurrentFile, InterruptedFile, MetricsFile, ResultsFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 0 {
			return true
		}
	}
	return len(EpochFiles(dir)) > 0
}

// empty removes what is in a run directory but the lock.
func empty(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if f.Name() != lockFile {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, f.Name())))
		}
	}
	return err
}
