package data

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/png" // PNG for image.Decode
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/data/jpeg"
	"contralens/views"
)

// files is a dataset of image files.
type files struct {
	name    string
	paths   []string
	labels  []int
	classes []string
}

func (f *files) Name() string      { return f.name }
func (f *files) Len() int          { return len(f.paths) }
func (f *files) Label(i int) int   { return f.labels[i] }
func (f *files) Classes() []string { return f.classes }
func (f *files) Path(i int) string { return f.paths[i] }

func (f *files) Image(i int, dst *views.Image) error {
	b, err := os.ReadFile(f.paths[i])
	if err == nil {
		err = decode(b, dst)
	}
	if err != nil {
		return fmt.Errorf("image %s: want a JPEG or PNG file, but %w", f.paths[i], err)
	}
	return nil
}

// decode decodes a JPEG or PNG file to RGB; transparent pixels keep their colour.
func decode(b []byte, dst *views.Image) error {
	if bytes.HasPrefix(b, []byte{0xFF, 0xD8}) || len(b) == 0 {
		return jpeg.Decode(b, dst)
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return err
	}
	r := m.Bounds()
	dst.Resize(r.Dx(), r.Dy())
	at := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			dst.Pix[at], dst.Pix[at+1], dst.Pix[at+2] = c.R, c.G, c.B
			at += 3
		}
	}
	return nil
}

func isImage(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

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

// detect is the dataset that a folder holds: imagenet100 when it has those
// classes, else a plain folder.
func detect(o Options) string {
	wnids, err := readWnids(o.Imagenet100Path)
	if err != nil {
		return "folder"
	}
	for _, w := range wnids {
		if info, err := os.Stat(filepath.Join(o.Folder, "train", w)); err != nil || !info.IsDir() {
			return "folder"
		}
	}
	return "imagenet100"
}

// openFolder reads train/ and val/ or test/, or class folders at the top, or a
// flat folder of images without classes.
func openFolder(o Options, name string) (train, test Dataset, err error) {
	if info, err := os.Stat(o.Folder); err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("--data_folder %s: want a folder with train/ and val/, but there is no such folder", o.Folder)
	}
	var keep []string
	if name == "imagenet100" {
		if keep, err = readWnids(o.Imagenet100Path); err != nil {
			return nil, nil, err
		}
	}
	root := o.Folder
	split := isDir(root, "train")
	if split {
		root = filepath.Join(root, "train")
	} else if name != "folder" {
		return nil, nil, fmt.Errorf("--dataset %s: want %s with one folder a class, but there is none", name, filepath.Join(o.Folder, "train"))
	}
	a, err := readFiles(name, root, keep)
	if err != nil {
		return nil, nil, err
	}
	if a.Len() == 0 {
		return nil, nil, fmt.Errorf("--data_folder %s: want images (.jpg, .jpeg, .png) in it or in class folders, found none", root)
	}
	for _, sub := range []string{"val", "test"} {
		if !split || !isDir(o.Folder, sub) {
			continue
		}
		b, err := readFiles(name, filepath.Join(o.Folder, sub), keep)
		if err != nil {
			return nil, nil, err
		}
		if b.Len() == 0 {
			continue
		}
		if !slices.Equal(a.classes, b.classes) {
			return nil, nil, fmt.Errorf("%s: want the %d classes of %s, got %d", filepath.Join(o.Folder, sub), len(a.classes), root, len(b.classes))
		}
		return a, b, nil
	}
	return a, nil, nil
}

func isDir(elem ...string) bool {
	info, err := os.Stat(filepath.Join(elem...))
	return err == nil && info.IsDir()
}

// readFiles lists the images below root: one folder a class, sorted by name, or
// images without classes. keep, when given, names the classes.
func readFiles(name, root string, keep []string) (*files, error) {
	entries, err := os.ReadDir(root) // sorted by name
	if err != nil {
		return nil, err
	}
	f := &files{name: name}
	var missing []string
	if keep != nil {
		keep = slices.Sorted(slices.Values(keep))
		for _, w := range keep {
			if !isDir(root, w) {
				missing = append(missing, w)
			}
		}
		if len(missing) > 0 {
			return nil, fmt.Errorf("%s: want the %d classes of %s, but %d are missing, the first is %s", root, len(keep), name, len(missing), missing[0])
		}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !isDir(root, e.Name()) || (keep != nil && !slices.Contains(keep, e.Name())) {
			continue
		}
		before := len(f.paths)
		if err := f.walk(filepath.Join(root, e.Name()), len(f.classes)); err != nil {
			return nil, err
		}
		if len(f.paths) > before {
			f.classes = append(f.classes, e.Name())
		}
	}
	if len(f.classes) == 0 {
		for _, e := range entries {
			if isImage(e.Name()) && !e.IsDir() {
				f.add(filepath.Join(root, e.Name()), -1)
			}
		}
	}
	return f, nil
}

func (f *files) add(path string, label int) {
	f.paths = append(f.paths, path)
	f.labels = append(f.labels, label)
}

// walk adds all images of a class folder, sorted by path.
func (f *files) walk(root string, label int) error {
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() && isImage(e.Name()) {
			f.add(path, label)
		}
		return nil
	})
	var perr *os.PathError
	if errors.As(err, &perr) {
		return fmt.Errorf("%s: want a folder that can be read: %w", perr.Path, perr.Err)
	}
	return err
}
