// Package data reads image datasets and turns them into batches of views:
// files → decoded images → views → batches.
package data

import (
	"fmt"
	"strings"

	"contralens/views"
)

// Dataset is a list of images. Its methods may be called from several
// goroutines at once.
type Dataset interface {
	Name() string
	Len() int
	Image(i int, dst *views.Image) error // decodes image i into dst
	Label(i int) int                     // index into Classes, or -1 without classes
	Classes() []string
	Path(i int) string // where image i comes from, for messages
}

// Options name a dataset.
type Options struct {
	Name            string // one of Names; "" looks at the folder
	Folder          string
	Imagenet100Path string // a file with one wnid a line instead of the built-in list
	Limit           int    // keep this many training images, spread evenly over the classes; 0: all
	CacheBytes      int64  // decoded images kept in memory; 0: 1 GiB, negative: none
}

// Names are the datasets that Open knows.
var Names = []string{"imagenet", "imagenet100", "folder", "fashion-mnist"}

// Open reads the lists of a dataset's training and test images; test is nil
// when there are none.
func Open(o Options) (train, test Dataset, err error) {
	switch o.Name {
	case "":
		train, test, err = openFolder(o, detect(o))
	case "imagenet", "imagenet100", "folder":
		train, test, err = openFolder(o, o.Name)
	case "fashion-mnist":
		train, test, err = openFashionMNIST(o.Folder)
	default:
		return nil, nil, fmt.Errorf("--dataset: want one of %s, got %q", strings.Join(Names, ", "), o.Name)
	}
	if err != nil {
		return nil, nil, err
	}
	if o.Limit > 0 && o.Limit < train.Len() {
		train = limit(train, o.Limit)
	}
	if o.CacheBytes >= 0 {
		budget := newBudget(o.CacheBytes)
		train = cached(train, budget)
		if test != nil {
			test = cached(test, budget)
		}
	}
	return train, test, nil
}

// subset is some images of a dataset.
type subset struct {
	Dataset
	indices []int
}

func (s subset) Len() int                            { return len(s.indices) }
func (s subset) Image(i int, dst *views.Image) error { return s.Dataset.Image(s.indices[i], dst) }
func (s subset) Label(i int) int                     { return s.Dataset.Label(s.indices[i]) }
func (s subset) Path(i int) string                   { return s.Dataset.Path(s.indices[i]) }

// limit keeps n images: the first of every class, then the second of every
// class, and so on.
func limit(d Dataset, n int) Dataset {
	byClass := map[int][]int{}
	most := 0
	for i := range d.Len() {
		l := d.Label(i)
		byClass[l] = append(byClass[l], i)
		most = max(most, len(byClass[l]))
	}
	s := subset{Dataset: d}
	for round := 0; round < most && len(s.indices) < n; round++ {
		for l := -1; l < len(d.Classes()) && len(s.indices) < n; l++ {
			if round < len(byClass[l]) {
				s.indices = append(s.indices, byClass[l][round])
			}
		}
	}
	return s
}
