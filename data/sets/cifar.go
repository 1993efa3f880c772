package sets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"contralens/data"
	"contralens/data/store"
)

// cifar describes a dataset in CIFAR's binary layout. A record is label bytes and 32 x
// 32 planar RGB; see www.cs.toronto.edu/~kriz/cifar.html.
type cifar struct {
	folder  string // folder in its archive
	train   []string
	test    string
	names   string // file with the classes' names, one per line
	classes int
	head    int // label bytes of a record; the last one is the class
}

// openCIFAR10 reads CIFAR-10.
func openCIFAR10(ctx context.Context, o Options) (data.Splits, error) {
	return cifar{
		folder: "cifar-10-batches-bin",
		train: []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
			"data_batch_5.bin"},
		test: "test_batch.bin", names: "batches.meta.txt", classes: 10, head: 1,
	}.open(ctx, o)
}

// openCIFAR100 reads CIFAR-100, whose records have a coarse and a fine label.
func openCIFAR100(ctx context.Context, o Options) (data.Splits, error) {
	return cifar{
		folder: "cifar-100-binary", train: []string{"train.bin"}, test: "test.bin",
		names: "fine_label_names.txt", classes: 100, head: 2,
	}.open(ctx, o)
}

func (c cifar) open(ctx context.Context, o Options) (p data.Splits, err error) {
	if err := wantFolder(ctx, o); err != nil {
		return p, err
	}
	dir, err := findFile(ctx, o, c.folder, c.train[0])
	if err != nil {
		return p, err
	}
	classes, err := classNames(ctx, o.Store, store.Join(dir, c.names), c.classes)
	if err != nil {
		return p, err
	}
	open := func(files ...string) (*records, error) {
		r := &records{name: o.Name, store: o.Store, head: c.head, side: 32, classes: classes}
		for _, f := range files {
			if err := r.add(ctx, store.Join(dir, f)); err != nil {
				return nil, err
			}
		}
		return r, r.readLabels(ctx, c.head-1)
	}
	a, err := open(c.train...)
	if err != nil {
		return p, err
	}
	b, err := open(c.test)
	if err != nil {
		return p, err
	}
	return data.Splits{Train: a, Test: b}, nil
}

// findFile returns the folder that has the given file: the options' folder, or inner
// below it.
func findFile(ctx context.Context, o Options, inner, file string) (string, error) {
	for _, dir := range []string{o.Folder, store.Join(o.Folder, inner)} {
		if store.Exists(ctx, o.Store, store.Join(dir, file)) {
			return dir, nil
		}
	}
	return "", wrongOption(Name, o.Name, "want the binary version's %s in %s or in its folder %s, found none",
		file, o.Folder, inner)
}

// classNames reads one name per line. If there is no such file, it numbers the classes.
func classNames(ctx context.Context, s store.Store, name string, count int) ([]string, error) {
	b, err := store.ReadFile(ctx, s, name)
	if errors.Is(err, fs.ErrNotExist) {
		return numbers(count), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: want a file with one class name per line, but %w", name, err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	if len(names) != count {
		return nil, fmt.Errorf("%s: want %d class names, one per line, got %d", name, count, len(names))
	}
	return names, nil
}

// numbers returns the numbers 0 … count-1 as names of classes.
func numbers(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}
