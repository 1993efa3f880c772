package sets

import (
	"context"
	"slices"

	"contralens/data/store"
	"contralens/detect"
)

// Splits returns the names of all splits of a folder, for Options.Split: VOC's train, val and test
// of each year, and the JSON files of COCO. It is empty if the folder has no lists.
func Splits(ctx context.Context, o Options) (names []string, err error) {
	if o.Store == nil {
		o.Store = store.Disk{}
	}
	roots := vocRoots(ctx, o)
	if o.Format == detect.COCO || len(roots) == 0 {
		files, err := jsonFiles(ctx, o)
		for _, f := range files {
			names = append(names, f.split)
		}
		return names, err
	}
	for _, r := range roots {
		lists, err := vocListNames(ctx, o, r)
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"train", "val", "test"} {
			if !slices.Contains(lists, name) {
				continue
			}
			if r.year != "" {
				name = r.year + "_" + name
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// NoUsualSplit is the error of Open for a folder that has splits, but none that is usual, if the
// options name none.
type NoUsualSplit struct{ message string }

func (e *NoUsualSplit) Error() string { return e.message }
