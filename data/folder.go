package data

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed imagenet100.class
var imagenet100 string

func readWnids(path string) ([]string, error) {
	text := imagenet100
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--imagenet100path: %w", err)
		}
		text = string(b)
	}
	return strings.Fields(text), nil
}

// openFolder reads train/ and val/ or test/, or class folders at the top, or a
// flat folder of images without classes.
func openFolder(o Options, name string) (p Parts, err error) {
	if err := wantFolder(o.Folder); err != nil {
		return p, err
	}
	var keep []string
	if name == "imagenet100" {
		if keep, err = readWnids(o.Imagenet100Path); err != nil {
			return p, err
		}
	}
	root := o.Folder
	split := isDir(root, "train")
	if split {
		root = filepath.Join(root, "train")
	} else if name != "folder" {
		return p, fmt.Errorf("--dataset %s: want %s with one folder a class, but there is none", name, filepath.Join(o.Folder, "train"))
	}
	a, err := readFiles(o, name, root, keep)
	if err != nil {
		return p, err
	}
	if a.Len() == 0 {
		return p, fmt.Errorf("--data_folder %s: want images (%s) in it or in class folders, found none", root, strings.Join(extensions, ", "))
	}
	p.Train = a
	for _, sub := range []string{"val", "test"} {
		if !split || !isDir(o.Folder, sub) {
			continue
		}
		dir := filepath.Join(o.Folder, sub)
		b, err := readFiles(o, name, dir, keep)
		if err != nil {
			return p, err
		}
		if b.Len() == 0 {
			o.note("%s has no images: left out", dir)
			continue
		}
		p.Test, err = sameClasses(o, a, b, root, dir)
		return p, err
	}
	return p, nil
}

// sameClasses numbers the labels of the test images as the training images'
// classes are numbered; classes without test images are fine.
func sameClasses(o Options, train, test *files, trainDir, testDir string) (Dataset, error) {
	if len(train.classes) == 0 || len(test.classes) == 0 {
		o.note("%s is left out: to judge features, it and %s both need classes", testDir, trainDir)
		return nil, nil
	}
	number := make([]int, len(test.classes))
	for i, c := range test.classes {
		if number[i] = slices.Index(train.classes, c); number[i] < 0 {
			return nil, fmt.Errorf("%s: want the classes of %s, but there is no training image of class %q", testDir, trainDir, c)
		}
	}
	for i, l := range test.labels {
		if l >= 0 {
			test.labels[i] = number[l]
		}
	}
	test.classes = train.classes
	return test, nil
}

func wantFolder(path string) error {
	if err := imageFolder(path); err != nil {
		return fmt.Errorf("--data_folder %w", err)
	}
	return nil
}

func imageFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: want a folder with images, but %w", path, noSuch(err))
	case !info.IsDir():
		return fmt.Errorf("%s: want a folder with images, but it is a file", path)
	}
	return nil
}

func noSuch(err error) error {
	if os.IsNotExist(err) {
		return fmt.Errorf("there is no such folder")
	}
	return reason(err)
}

func isDir(elem ...string) bool {
	info, err := os.Stat(filepath.Join(elem...))
	return err == nil && info.IsDir()
}

// readFiles lists the images below root: one folder a class, sorted by name, or
// images without classes. keep, when given, names the classes.
func readFiles(o Options, name, root string, keep []string) (*files, error) {
	entries, err := os.ReadDir(root) // sorted by name
	if err != nil {
		return nil, unreadableFolder(root, err)
	}
	f := &files{source: disk{}, name: name}
	if err := wantClasses(name, root, keep); err != nil {
		return nil, err
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, unreadableFolder(root, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !isDir(root, e.Name()) || (keep != nil && !slices.Contains(keep, e.Name())) {
			continue
		}
		before := len(f.paths)
		dir := filepath.Join(root, e.Name())
		if err := f.walk(o, dir, len(f.classes), []os.FileInfo{info}); err != nil {
			return nil, err
		}
		if len(f.paths) == before {
			o.note("class folder %s has no images: left out", dir)
			continue
		}
		f.classes = append(f.classes, e.Name())
	}
	loose := 0
	for _, e := range entries {
		if isDir(root, e.Name()) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if !isImage(e.Name()) {
			f.others.add(e.Name())
			continue
		}
		if loose++; len(f.classes) == 0 {
			f.add(filepath.Join(root, e.Name()), -1)
		}
	}
	if f.others.count > 0 {
		o.note("%s: %d files are left out, since they are not %s: %s", root, f.others.count, strings.Join(extensions, ", "), f.others.kinds())
	}
	if loose > 0 && len(f.classes) > 0 {
		o.note("%d images beside the class folders of %s are left out", loose, root)
	}
	return f, nil
}

// wantClasses is an error that says which of the wanted class folders are missing.
func wantClasses(name, root string, keep []string) error {
	var missing []string
	for _, w := range slices.Sorted(slices.Values(keep)) {
		if !isDir(root, w) {
			missing = append(missing, w)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: want the %d classes of %s, but %d are missing, the first is %s", root, len(keep), name, len(missing), missing[0])
	}
	return nil
}

// walk adds all images below dir, sorted by path. Links to folders are followed,
// but not back to one of the parents.
func (f *files) walk(o Options, dir string, label int, parents []os.FileInfo) error {
	info, err := os.Stat(dir)
	if err != nil {
		return unreadableFolder(dir, err)
	}
	for _, p := range parents {
		if os.SameFile(p, info) {
			o.note("%s links back to a folder above it: left out", dir)
			return nil
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unreadableFolder(dir, err)
	}
	parents = append(slices.Clip(parents), info)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir() || (e.Type()&os.ModeSymlink != 0 && isDir(path)):
			if err := f.walk(o, path, label, parents); err != nil {
				return err
			}
		case isImage(e.Name()):
			f.add(path, label)
		default:
			f.others.add(e.Name())
		}
	}
	return nil
}

func unreadableFolder(path string, err error) error {
	return fmt.Errorf("%s: want a folder that can be read, but %w", path, reason(err))
}
