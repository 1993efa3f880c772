package data

import (
	"fmt"
	"os"
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
		if err := f.walk(Options{}, path, -1, nil); err != nil {
			return nil, err
		}
		if f.Len() == before {
			return nil, fmt.Errorf("folder %s: want images in it, found none", path)
		}
	}
	return f, nil
}
