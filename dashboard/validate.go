package dashboard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	"contralens/internal/npy"
)

// maxScores is the largest score_EEE.npy that is read: they are read whole.
const maxScores = 1 << 30

// recordDirs are where a run's scores can be.
var recordDirs = []string{".", "scores", "record", "scores/record", "scores/probe"}

// recordFile are the files there that the readers open.
var recordFile = regexp.MustCompile(
	`^(record\.json|probe\.json|thumbnails\.png|[a-z0-9_]+\.[0-9]+|(score|epoch)_[0-9]+\.npy)$`)

// validate refuses scores that the readers, which go by paths, must not open: files
// that lead out of the server's directory, that are no files, or that are too
// large to be read whole.
func (r *run) validate() error {
	root, recorded := r.server.root, r.recorded()
	for _, dir := range recordDirs {
		if _, err := root.Lstat(r.file(dir)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, err := root.Stat(r.file(dir)); err != nil {
			return fmt.Errorf("%s: leads out of the dashboard's directory, or nowhere; it is not read", dir)
		}
		for _, e := range r.list(dir) {
			if !recordFile.MatchString(e.Name()) {
				continue
			}
			name := path.Join(dir, e.Name())
			info, err := root.Stat(r.file(name))
			switch {
			case errors.Is(err, fs.ErrNotExist) && e.Type().IsRegular():
				continue // gone since
			case err != nil:
				return fmt.Errorf("%s: leads out of the dashboard's directory, or nowhere; it is not read", name)
			case !info.Mode().IsRegular():
				return fmt.Errorf("%s: want a file; it is not read", name)
			case path.Ext(name) == ".npy" && info.Size() > maxScores:
				return fmt.Errorf("%s: want at most %d MB, got %d MB; it is not read", name, maxScores>>20, info.Size()>>20)
			case path.Ext(name) == ".npy" && !recorded: // a record is read instead of them
				if err := r.checkHeader(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkHeader reads the header of a .npy file, which reports whether it is whole.
func (r *run) checkHeader(name string) error {
	f, info, err := r.openRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := npy.ReadHeader(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// openRegular opens a regular file of the run; others, such as a pipe, could block.
func (r *run) openRegular(name string) (*os.File, os.FileInfo, error) {
	name = r.file(name)
	info, err := r.server.root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New(name + ": want a file")
	}
	f, err := r.server.root.Open(name)
	return f, info, err
}

// hasScores reports whether there is something that scores can be read from.
func (r *run) hasScores() bool {
	return r.recorded() || r.lastScores("scores") != "" || r.lastScores(".") != ""
}

// recorded reports whether there is a score record.
func (r *run) recorded() bool {
	for _, dir := range recordDirs[:4] {
		if _, err := r.server.root.Stat(r.file(path.Join(dir, "record.json"))); err == nil {
			return true
		}
	}
	return false
}
