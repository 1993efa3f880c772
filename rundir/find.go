package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find returns the run directory of a run below root. name is the run's name, and
// upstream is the name that the reference implementation would give it, or "". Find
// returns, in this order,
//   - the folder called name, if it exists;
//   - the folder called upstream, if it exists, because run directories were once named so;
//   - if resume, a folder with another name whose run.json has that upstream name, because
//     someone may have renamed it;
//   - the folder called name, which does not exist yet.
//
// A new run never gets a renamed folder, and no run gets a folder that was named by
// --name.
func Find(root, name, upstream string, resume bool) (dir string, err error) {
	dir = filepath.Join(root, name)
	if isFolder(dir) || upstream == "" {
		return dir, nil
	}
	if old := filepath.Join(root, upstream); upstream == filepath.Base(upstream) && isFolder(old) {
		return old, nil
	}
	if !resume {
		return dir, nil
	}
	var found []string
	entries, _ := os.ReadDir(root) // a folder that does not exist contains no runs
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(root, e.Name())
		r, err := ReadRecord(path)
		if err == nil && r != nil && r.UpstreamName == upstream && r.Config["name"] == "" {
			found = append(found, path)
		}
	}
	switch len(found) {
	case 0:
		return dir, nil
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("--resume auto: want one run with these options below %s, but %s are; "+
		"give --name", root, strings.Join(found, " and "))
}

// Below returns the run directories in dir and below it, dir included if it is one. Folders that may not be read
// have none. The error is that dir is no directory.
func Below(dir string) (runs []string, err error) {
	if !isFolder(dir) {
		switch _, err := os.Stat(dir); {
		case dir == "":
			return nil, errors.New("want a run directory, or a directory with runs, got an empty name")
		case err == nil:
			return nil, fmt.Errorf("want a run directory, or a directory with runs, but %s is a file", dir)
		}
		return nil, fmt.Errorf("want a run directory, or a directory with runs, but there is no directory %s", dir)
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && IsRun(path) {
			runs = append(runs, path)
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return err
	})
	return runs, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// FindShorter returns the run below root that differs from options in nothing but that it
// was planned for fewer epochs, or "" if there is none or several. Such a run can be
// resumed and trained for longer. It ignores runs that were named by --name, and options
// whose value is auto, which a measurement settles.
func FindShorter(root string, options []Option) string {
	options = slices.DeleteFunc(slices.Clone(options), func(o Option) bool { return o.Value == "auto" })
	var found []string
	entries, _ := os.ReadDir(root) // a folder that does not exist contains no runs
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		if !e.IsDir() {
			continue
		}
		r, err := ReadRecord(path)
		if err == nil && r != nil && r.Config["name"] == "" && r.matches(path, options) == nil {
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}
