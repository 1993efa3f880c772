package data

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// openCIFAR reads the binary layouts of CIFAR-10 (data_batch_1.bin to
// data_batch_5.bin, test_batch.bin, batches.meta.txt; a label and 32 x 32 planar
// RGB a record) and CIFAR-100 (train.bin, test.bin, fine_label_names.txt; a
// coarse and a fine label before the pixels), as
// www.cs.toronto.edu/~kriz/cifar.html describes them.
func openCIFAR(o Options, name string) (p Parts, err error) {
	if err := wantFolder(o.Folder); err != nil {
		return p, err
	}
	head, inner, meta, count := 1, "cifar-10-batches-bin", "batches.meta.txt", 10
	train, test := []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}, "test_batch.bin"
	if name == "cifar100" {
		head, inner, meta, count = 2, "cifar-100-binary", "fine_label_names.txt", 100
		train, test = []string{"train.bin"}, "test.bin"
	}
	dir, err := findFile(o.Folder, inner, train[0], name)
	if err != nil {
		return p, err
	}
	classes, err := classNames(filepath.Join(dir, meta), count)
	if err != nil {
		return p, err
	}
	open := func(files ...string) (*records, error) {
		r := &records{name: name, source: disk{}, head: head, side: 32, classes: classes}
		for _, f := range files {
			if err := r.add(filepath.Join(dir, f)); err != nil {
				return nil, err
			}
		}
		return r, r.readLabels(head - 1)
	}
	a, err := open(train...)
	if err != nil {
		return p, err
	}
	b, err := open(test)
	if err != nil {
		return p, err
	}
	return Parts{Train: a, Test: b}, nil
}

// findFile is the folder with that file: the given one or inner below it.
func findFile(folder, inner, file, dataset string) (string, error) {
	for _, dir := range []string{folder, filepath.Join(folder, inner)} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("--dataset %s: want the binary version's %s in %s or in its folder %s, found none", dataset, file, folder, inner)
}

// classNames reads one name a line, or numbers the classes when there is no
// such file.
func classNames(path string, count int) ([]string, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return numbers(count), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: want a file with one class name a line, but %w", path, reason(err))
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	if len(names) != count {
		return nil, fmt.Errorf("%s: want %d class names, one a line, got %d", path, count, len(names))
	}
	return names, nil
}

// numbers are the names of classes without names.
func numbers(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}
