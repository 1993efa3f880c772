package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"contralens/config"
	"contralens/eval"
	"contralens/internal/durable"
	"contralens/internal/machine"
	"contralens/torch"
)

// Record is run.json: what was run, with what, where and when.
type Record struct {
	Config map[string]string `json:"config"` // every option, resolved
	Part
	Go      string `json:"go"`
	Torch   string `json:"libtorch"`
	Machine string `json:"machine"`
	Resumes []Part `json:"resumes,omitempty"`
}

// Part is one process's share of a run.
type Part struct {
	Command []string `json:"command"`
	Commit  string   `json:"git_commit"`
	Start   string   `json:"start"`
}

// commit is set by the build (make) where Go itself does not record it.
var commit string

// Commit is the version-control revision that the program was built from.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	return revision + dirty
}

// Prepare makes the run directory, locks it until release, and writes run.json.
// c is a pointer to the configuration, s its shared part. Nothing is touched when
// it refuses.
func Prepare(dir string, c any, s config.Shared, command []string) (release func(), err error) {
	record, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	if err := admit(dir, record, c, s); err != nil {
		return nil, err
	}
	if err := Possible(dir, s.TBPath); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("run directory %s: want a folder that can be made, but %w; see --model_path", dir, err)
	}
	if release, err = lock(dir); err != nil {
		return nil, err
	}
	if err := begin(dir, record, c, s.Resume != "", command); err != nil {
		release()
		return nil, fmt.Errorf("run directory %s: %w", dir, err)
	}
	return release, nil
}

// Possible refuses a run directory or a folder for TensorBoard's events that cannot be
// made, since a file has the name of one of the folders on the way.
func Possible(dir, curves string) error {
	if file := fileInTheWay(dir); file != "" {
		return fmt.Errorf("run directory %s: want a folder that can be made, but %s is a file; see --model_path", dir, file)
	}
	if file := fileInTheWay(curves); file != "" {
		return fmt.Errorf("--tb_path %s: want a folder that can be made, but %s is a file", curves, file)
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

// admit refuses a directory that holds a run, unless that run is resumed with the
// same options, is to be overwritten, or has nothing that could be lost.
func admit(dir string, record *Record, c any, s config.Shared) error {
	switch {
	case record == nil && s.Resume == "" && !s.Overwrite:
		if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
			return fmt.Errorf("run directory %s: want an empty one, but it has files; give --name for another one or --overwrite", dir)
		}
	case record == nil:
	case s.Resume != "":
		return record.matches(dir, c)
	case !s.Overwrite && trained(dir):
		return fmt.Errorf("run directory %s holds a run already: go on with --resume auto, choose another one with --name, or replace it with --overwrite", dir)
	}
	return nil
}

// begin clears what is in the way and writes run.json: of a resumed run with its
// new part, else of a new one.
func begin(dir string, record *Record, c any, resume bool, command []string) error {
	if err := durable.Clean(dir); err != nil {
		return err
	}
	if record != nil && !resume {
		if err := empty(dir); err != nil {
			return err
		}
	}
	now := Part{Command: command, Commit: Commit(), Start: time.Now().Format(time.RFC3339)}
	if record != nil && resume {
		record.Resumes = append(record.Resumes, now)
	} else {
		record = &Record{
			Config: config.Values(c), Part: now, Go: runtime.Version(), Torch: torch.Version(),
			Machine: machine.Kind(),
		}
	}
	b, err := json.MarshalIndent(record, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(dir, recordFile), func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err })
}

const recordFile = "run.json"

// readRecord is the run.json of a directory, nil when there is none.
func readRecord(dir string) (*Record, error) {
	path := filepath.Join(dir, recordFile)
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

// matches says which option differs from those that the run was begun with.
func (r *Record) matches(dir string, c any) error {
	for _, f := range config.Fields(c) {
		if was, ok := r.Config[f.Name]; ok && was != f.String() && !slices.Contains(config.Incidental, f.Name) {
			return fmt.Errorf("run directory %s was made with --%s %s, not %s: give the same options, another --name, or --overwrite without --resume", dir, f.Name, was, f.String())
		}
	}
	return nil
}

// trained says whether a run directory holds steps that were trained.
func trained(dir string) bool {
	for _, name := range []string{currentFile, interruptedFile, metricsFile, eval.ResultsFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 0 {
			return true
		}
	}
	return len(epochFiles(dir)) > 0
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
