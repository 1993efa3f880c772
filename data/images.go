package data

import (
	"fmt"

	"contralens/views"
)

// Images lists all images below a folder, whatever its folders mean, sorted by
// path and without classes. note is told what is left out; nil: nobody is told.
func Images(root string, note func(string)) (Dataset, error) {
	if err := imageFolder(root); err != nil {
		return nil, err
	}
	f := &files{source: disk{}, name: "folder"}
	if err := f.walk(Options{Note: note}, root, -1, nil); err != nil {
		return nil, err
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("%s: want a folder with images in it or below it, found none", root)
	}
	return f, nil
}

// ReadImage reads and decodes an image file.
func ReadImage(path string) (*views.Image, error) {
	b, err := disk{}.Read(nil, path, 0, -1)
	if err != nil {
		return nil, notAnImage(path, err)
	}
	img := &views.Image{}
	return img, decodeNamed(path, b, img)
}
