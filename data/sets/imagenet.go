package sets

import (
	"context"
	_ "embed"
	"os"
	"slices"
	"strings"

	"contralens/data"
	"contralens/data/store"
)

//go:embed imagenet100.class
var imagenet100 string

// openImageNet reads ImageNet as unpacked, train/ and val/ with a folder per class, or
// packed in shards.
func openImageNet(ctx context.Context, o Options) (data.Splits, error) { return openFolder(ctx, o) }

// openImageNet100 reads the 100 classes of ImageNet that are common in contrastive
// learning (Tian et al., 2020), or those listed in o.Imagenet100Path.
func openImageNet100(ctx context.Context, o Options) (p data.Splits, err error) {
	keep, err := readWnids(o)
	if err != nil {
		return p, err
	}
	if !hasShards(ctx, o) {
		return openClassFolders(ctx, o, keep)
	}
	if p, err = openShards(ctx, o); err != nil {
		return p, err
	}
	return keepClasses(o, p, keep)
}

// readWnids reads the names of the classes of ImageNet-100.
func readWnids(o Options) ([]string, error) {
	text := imagenet100
	if o.Imagenet100Path != "" {
		// The list is the user's own file, whatever store the dataset is in. It may be
		// a pipe.
		b, err := os.ReadFile(o.Imagenet100Path)
		if err != nil {
			return nil, wrongOption(ClassList, "", "open %s: %w", o.Imagenet100Path, store.Cause(err))
		}
		text = string(b)
	}
	return strings.Fields(text), nil
}

// keepClasses keeps only the given classes in the splits.
func keepClasses(o Options, p data.Splits, keep []string) (data.Splits, error) {
	slices.Sort(keep)
	for _, w := range keep {
		if n := len(p.Train.Classes()); !slices.Contains(p.Train.Classes(), w) {
			return p, wrongOption(Name, o.Name, "want the %d classes of ImageNet-100 among the %d of %s, but %s is missing",
				len(keep), n, o.Folder, w)
		}
	}
	for _, d := range []*data.Dataset{&p.Train, &p.Test} {
		if *d == nil {
			continue
		}
		number := map[int]int{}
		for i, c := range (*d).Classes() {
			if at, ok := slices.BinarySearch(keep, c); ok {
				number[i] = at
			}
		}
		var indices []int
		for i := range (*d).Len() {
			if _, ok := number[(*d).Label(i)]; ok {
				indices = append(indices, i)
			}
		}
		*d = data.Relabel(data.Select(*d, indices), number, keep)
	}
	return p, nil
}
