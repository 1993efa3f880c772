// Package csvset adds a dataset from outside: images whose classes are listed in a CSV
// file. Import it to enable --dataset csv.
package csvset

import (
	"context"
	"encoding/csv"
	"fmt"
	"path"
	"slices"

	"contralens/data"
	"contralens/data/sets"
)

// list is the file in a dataset's folder that lists its images. Its first line is
// "image,class,split"; in the others, split is train or test.
const list = "labels.csv"

func init() { sets.Register("csv", open, list) }

func open(ctx context.Context, o sets.Options) (p data.Splits, err error) {
	name := path.Join(o.Folder, list)
	file, err := o.Store.Open(ctx, name)
	if err != nil {
		return p, fmt.Errorf("%s: want a CSV file of image,class,split, but %w", name, err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) < 2 || !slices.Equal(lines[0], []string{"image", "class", "split"}) {
		return p, fmt.Errorf("%s: want lines of image,class,split under a line with these words (%v)", name, err)
	}
	var classes []string
	for _, l := range lines[1:] {
		classes = append(classes, l[1])
	}
	slices.Sort(classes)
	classes = slices.Compact(classes)
	images, labels := map[string][]string{}, map[string][]int{}
	for _, l := range lines[1:] {
		label, _ := slices.BinarySearch(classes, l[1])
		images[l[2]], labels[l[2]] = append(images[l[2]], path.Join(o.Folder, l[0])), append(labels[l[2]], label)
	}
	if p.Train, err = sets.FromFiles(o.Store, o.Name, images["train"], labels["train"], classes); err != nil {
		return p, err
	}
	if len(images["test"]) > 0 {
		p.Test, err = sets.FromFiles(o.Store, o.Name, images["test"], labels["test"], classes)
	}
	return p, err
}
