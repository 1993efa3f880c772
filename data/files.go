package data

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"contralens/views"
)

// files is a dataset of image files.
type files struct {
	source  Source
	name    string
	paths   []string
	labels  []int
	classes []string
	others  others
}

func (f *files) Name() string      { return f.name }
func (f *files) Len() int          { return len(f.paths) }
func (f *files) Label(i int) int   { return f.labels[i] }
func (f *files) Classes() []string { return f.classes }
func (f *files) Path(i int) string { return f.paths[i] }

func (f *files) Image(i int, dst *views.Image) error {
	b, err := f.Encoded(i, nil)
	if err != nil {
		return err
	}
	return decodeNamed(f.paths[i], b, dst)
}

func (f *files) Encoded(i int, buf []byte) ([]byte, error) {
	b, err := f.source.Read(buf, f.paths[i], 0, -1)
	if err != nil {
		return nil, notAnImage(f.paths[i], err)
	}
	return b, nil
}

func (f *files) add(path string, label int) {
	f.paths = append(f.paths, path)
	f.labels = append(f.labels, label)
}

// decodeWhole decodes image i of a dataset without stand-ins, and gives its file,
// in buf's memory where that fits; nil for images that are no files.
func decodeWhole(d Dataset, i int, buf []byte, dst *views.Image) (file []byte, err error) {
	e, ok := d.(Encoded)
	if !ok {
		return nil, d.Image(i, dst)
	}
	if file, err = e.Encoded(i, buf); err != nil {
		return nil, err
	}
	if err := Decode(file, dst); err != nil {
		return file, notAnImage(d.Path(i), err)
	}
	return file, nil
}

func decodeNamed(path string, file []byte, dst *views.Image) error {
	if err := Decode(file, dst); err != nil {
		return notAnImage(path, err)
	}
	return nil
}

func notAnImage(path string, err error) error {
	return fmt.Errorf("image %s: want a JPEG, PNG, BMP or WebP file, but %w", path, err)
}

// reason is a file error without the path, for messages that name it already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// others counts the files that are not taken for images, by extension.
type others struct {
	count int
	by    map[string]int
}

func (o *others) add(name string) {
	if o.by == nil {
		o.by = map[string]int{}
	}
	o.count++
	o.by[strings.ToLower(filepath.Ext(name))]++
}

// kinds lists the extensions with their numbers, the most frequent first.
func (o *others) kinds() string {
	names := slices.SortedFunc(maps.Keys(o.by), func(a, b string) int {
		return cmp.Or(o.by[b]-o.by[a], strings.Compare(a, b))
	})
	var list []string
	for i, n := range names {
		if i == 8 {
			list = append(list, "…")
			break
		}
		text := n
		if n == "" {
			text = "without extension"
		}
		list = append(list, fmt.Sprintf("%d %s", o.by[n], text))
	}
	return strings.Join(list, ", ")
}
