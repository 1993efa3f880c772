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

// maxScores is the size limit of score_EEE.npy, because these are read as a whole.
const maxScores = 1 << 30

// recordDirs lists the folders that a run's scores can be in.
var recordDirs = []string{".", "scores", "record", "scores/record", "scores/probe", layoutDir}

// layoutDir has what can be made again, and is if it is damaged.
const layoutDir = "scores/probe/layout"

// recordFile matches the files in them that the readers open.
var recordFile = regexp.MustCompile(
	`^((record|probe|layout)\.json|images\.(json|bin)|thumbnails\.png|[a-z0-9_]+\.[0-9]+|` +
		`(score|epoch|pca|umap)_[0-9]+\.npy)$`)

// validate returns an error if the scores have files that the readers must not open:
// files that lead out of the server's directory, that are not regular, or that are too
// large. The readers open files by path, so they cannot check this themselves.
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
				continue // deleted in the meantime
			case err != nil:
				return fmt.Errorf("%s: leads out of the dashboard's directory, or nowhere; it is not read", name)
			case !info.Mode().IsRegular():
				return fmt.Errorf("%s: want a file; it is not read", name)
			case path.Ext(name) == ".npy" && info.Size() > maxScores:
				return fmt.Errorf("%s: want at most %d MB, got %d MB; it is not read", name, maxScores>>20, info.Size()>>20)
			case path.Ext(name) == ".npy" && !recorded && dir != layoutDir: // the record is read instead
				if err := r.checkHeader(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkHeader reads the header of a .npy file, which shows whether the file is
// complete.
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

// openRegular opens a regular file of the run. Others, such as pipes, could block.
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

// hasScores reports whether there are files to read scores from.
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
