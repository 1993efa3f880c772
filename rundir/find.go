package rundir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Find returns the run directory below root of a run that is called name, or upstream by
// the reference implementation's rules ("": by none). It is, if it exists, the folder of
// that name, or the one called upstream, as run directories once were. To resume, it may
// also be a folder of another name, to which somebody moved the run: the one whose
// record has that upstream name. If there is none of these, it is the folder called name,
// which is to be made.
//
// A new run never takes a folder that somebody renamed, and no run takes one that was
// named by --name instead.
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
	entries, _ := os.ReadDir(root) // a folder that is not there holds no run
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
	return "", fmt.Errorf("--resume auto: want one run of these options below %s, but %s are; give --name",
		root, strings.Join(found, " and "))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
