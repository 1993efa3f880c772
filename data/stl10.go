package data

import (
	"fmt"
	"os"
	"path/filepath"
)

// openSTL10 reads the binary layout of STL-10 (train_X.bin and train_y.bin,
// test_X.bin and test_y.bin, unlabeled_X.bin, class_names.txt): 96 x 96 RGB,
// planar and column by column, labels from 1, as cs.stanford.edu/~acoates/stl10
// describes it. The unlabeled part, if it is there, is what pre-training takes.
func openSTL10(o Options) (p Parts, err error) {
	if err := wantFolder(o.Folder); err != nil {
		return p, err
	}
	dir, err := findFile(o.Folder, "stl10_binary", "train_X.bin", "stl10")
	if err != nil {
		return p, err
	}
	classes, err := classNames(filepath.Join(dir, "class_names.txt"), 10)
	if err != nil {
		return p, err
	}
	open := func(part string) (*records, error) {
		r := &records{name: "stl10", source: disk{}, side: 96, columns: true, classes: classes}
		if err := r.add(filepath.Join(dir, part+"_X.bin")); err != nil {
			return nil, err
		}
		path := filepath.Join(dir, part+"_y.bin")
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--dataset stl10: want %s, but %w", path, reason(err))
		}
		if len(b) != r.each[0] {
			return nil, fmt.Errorf("%s: want %d labels, one an image of %s, got %d", path, r.each[0], r.files[0], len(b))
		}
		for i, l := range b {
			if l < 1 || l > 10 {
				return nil, fmt.Errorf("%s: label %d: want 1 to 10, got %d", path, i, l)
			}
			r.labels = append(r.labels, int(l)-1)
		}
		return r, nil
	}
	a, err := open("train")
	if err != nil {
		return p, err
	}
	b, err := open("test")
	if err != nil {
		return p, err
	}
	p = Parts{Train: a, Test: b}
	path := filepath.Join(dir, "unlabeled_X.bin")
	if _, err := os.Stat(path); err != nil {
		o.note("%s is not there: pre-training takes the %d labeled images", path, a.Len())
		return p, nil
	}
	u := &records{name: "stl10", source: disk{}, side: 96, columns: true}
	if err := u.add(path); err != nil {
		return p, err
	}
	u.labels = make([]int, u.each[0])
	for i := range u.labels {
		u.labels[i] = -1
	}
	p.Unlabeled = u
	return p, nil
}
