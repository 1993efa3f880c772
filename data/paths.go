package data

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Paths is a dataset of those image files, without classes; of a folder, of all
// images in and below it, sorted.
func Paths(paths []string) (Dataset, error) {
	f := &files{source: disk{}, name: "files"}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("image %s: want an image or a folder of images, but there is no such file", path)
		}
		if !info.IsDir() {
			f.add(path, -1)
			continue
		}
		before := f.Len()
		err = filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && isImage(e.Name()) {
				f.add(path, -1)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if f.Len() == before {
			return nil, fmt.Errorf("folder %s: want images in it, found none", path)
		}
	}
	return f, nil
}
