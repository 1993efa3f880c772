package sets

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/views"
)

// files is a dataset of image files.
type files struct {
	store   store.Store
	decoder *codec.Decoder
	name    string
	paths   []string
	labels  []int
	classes []string
	others  others
}

// FromFiles makes a dataset of image files from their names in a store. labels are
// indices into classes, one per image, or -1; without classes they may be nil.
func FromFiles(s store.Store, name string, paths []string, labels []int, classes []string) (data.Dataset, error) {
	if labels == nil && len(classes) == 0 {
		labels = slices.Repeat([]int{-1}, len(paths))
	}
	if len(labels) != len(paths) {
		return nil, fmt.Errorf("dataset %s: want a label for each of %d images, got %d", name, len(paths), len(labels))
	}
	for i, l := range labels {
		if l < -1 || l >= len(classes) {
			return nil, fmt.Errorf("dataset %s: image %s: want a label from -1 to %d, got %d", name, paths[i], len(classes)-1, l)
		}
	}
	return &files{store: s, name: name, paths: paths, labels: labels, classes: classes}, nil
}

func (f *files) Name() string      { return f.name }
func (f *files) Len() int          { return len(f.paths) }
func (f *files) Label(i int) int   { return f.labels[i] }
func (f *files) Classes() []string { return f.classes }
func (f *files) Path(i int) string { return f.paths[i] }

func (f *files) Image(ctx context.Context, i int, dst *views.Image) error {
	b, err := f.File(ctx, i, nil)
	if err != nil {
		return err
	}
	return f.decoder.Decode(b, dst, func() string { return f.paths[i] })
}

// Decoder returns how the files are decoded.
func (f *files) Decoder() *codec.Decoder { return f.decoder }

func (f *files) File(ctx context.Context, i int, buf []byte) ([]byte, error) {
	b, err := f.store.ReadAt(ctx, f.paths[i], buf, 0, -1)
	if f := store.Failed(err); f != nil {
		return nil, f
	}
	if err != nil {
		return nil, codec.NotAnImage(f.paths[i], err)
	}
	return b, nil
}

func (f *files) add(name string, label int) {
	f.paths = append(f.paths, name)
	f.labels = append(f.labels, label)
}

// others counts the files that do not count as images, by extension.
type others struct {
	count int
	by    map[string]int
}

func (o *others) add(name string) {
	if o.by == nil {
		o.by = map[string]int{}
	}
	o.count++
	o.by[strings.ToLower(path.Ext(name))]++
}

// kinds lists the extensions and how often they occur, the most frequent first.
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
