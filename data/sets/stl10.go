package sets

import (
	"context"
	"fmt"

	"contralens/data"
	"contralens/data/store"
)

// openSTL10 reads STL-10's binary layout (train_X.bin and train_y.bin, test_X.bin and
// test_y.bin, unlabeled_X.bin, class_names.txt): 96 x 96 RGB, planar and column by
// column, labels from 1; see cs.stanford.edu/~acoates/stl10. Pre-training uses the
// unlabeled split if it exists.
func openSTL10(ctx context.Context, o Options) (p data.Splits, err error) {
	if err := wantFolder(ctx, o); err != nil {
		return p, err
	}
	dir, err := findFile(ctx, o, "stl10_binary", "train_X.bin")
	if err != nil {
		return p, err
	}
	classes, err := classNames(ctx, o.Store, store.Join(dir, "class_names.txt"), 10)
	if err != nil {
		return p, err
	}
	open := func(split string) (*records, error) {
		r := &records{name: o.Name, store: o.Store, side: 96, columns: true, classes: classes}
		if err := r.add(ctx, store.Join(dir, split+"_X.bin")); err != nil {
			return nil, err
		}
		name := store.Join(dir, split+"_y.bin")
		b, err := store.ReadFile(ctx, o.Store, name)
		if err != nil {
			return nil, wrongOption(Name, o.Name, "want %s, but %w", name, err)
		}
		if len(b) != r.each[0] {
			return nil, fmt.Errorf("%s: want %d labels, one per image of %s, got %d", name, r.each[0], r.files[0], len(b))
		}
		for i, l := range b {
			if l < 1 || l > 10 {
				return nil, fmt.Errorf("%s: label %d: want 1 to 10, got %d", name, i, l)
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
	p = data.Splits{Train: a, Test: b}
	name := store.Join(dir, "unlabeled_X.bin")
	if !store.Exists(ctx, o.Store, name) {
		o.note("%s is not there: pre-training takes the %d labeled images", name, a.Len())
		return p, nil
	}
	u := &records{name: o.Name, store: o.Store, side: 96, columns: true}
	if err := u.add(ctx, name); err != nil {
		return p, err
	}
	u.labels = make([]int, u.each[0])
	for i := range u.labels {
		u.labels[i] = -1
	}
	p.Unlabeled = u
	return p, nil
}
