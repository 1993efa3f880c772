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

// Encoded is what a dataset of encoded image files has beside Dataset's methods,
// so that a loader can decode only what it needs of a file. When a file turns
// out to be broken, Dataset.Image of the same index counts it and gives its
// stand-in.
type Encoded interface {
	// Encoded reads image i's file, into buf's memory where it fits. No bytes and
	// no error: Image has the decoded image at hand.
	Encoded(i int, buf []byte) ([]byte, error)
}

// encoded adds Encoded to a dataset that wraps another one.
type encoded struct {
	Dataset
	read func(i int, buf []byte) ([]byte, error)
}

func (e encoded) Encoded(i int, buf []byte) ([]byte, error) { return e.read(i, buf) }

// Options name a dataset.
type Options struct {
	Name            string // one of Names; "" looks at the folder
	Folder          string
	Imagenet100Path string  // a file with one wnid a line instead of the built-in list
	Limit           int     // keep this many training images, spread evenly over the classes; 0: all
	Imbalance       float64 // keep a long tail of the training images with this factor (see LongTail); 0: all
	ImbalanceSeed   uint64
	CacheBytes      int64 // decoded images kept in memory; 0: 1 GiB, negative: none

	// MaxBad is the share of images that may be unreadable: they are replaced (see
	// tolerant), and one more is an error. 0: the first is an error.
	MaxBad float64

	// Note is told what is left out or replaced, an unreadable image once, perhaps
	// from several goroutines at once; nil: nobody is told.
	Note func(string)
}

func (o Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

// Names are the datasets that Open knows.
var Names = []string{"imagenet", "imagenet100", "folder", "list", "cifar10", "cifar100", "stl10", "fashion-mnist", "idx", "inat18"}

// Parts are the parts of a dataset.
type Parts struct {
	Train     Dataset
	Test      Dataset // nil when there is none
	Unlabeled Dataset // for pre-training, where a dataset has such a part; else nil
}

// Open reads the lists of a dataset's training and test images; test is nil
// when there are none.
func Open(o Options) (train, test Dataset, err error) {
	p, err := OpenParts(o)
	return p.Train, p.Test, err
}

// OpenParts reads the lists of all parts of a dataset.
func OpenParts(o Options) (p Parts, err error) {
	name := o.Name
	if name == "" {
		name = detect(o)
	}
	switch name {
	case "imagenet", "imagenet100", "folder":
		if hasShards(o.Folder) {
			p, err = openShards(o, name)
		} else {
			p, err = openFolder(o, name)
		}
	case "list":
		p, err = openList(o)
	case "cifar10", "cifar100":
		p, err = openCIFAR(o, name)
	case "stl10":
		p, err = openSTL10(o)
	case "fashion-mnist", "idx":
		p, err = openIDX(o, name)
	case "inat18":
		p, err = openINat18(o.Folder)
	default:
		err = fmt.Errorf("--dataset: want one of %s, got %q", strings.Join(Names, ", "), o.Name)
	}
	if err == nil && o.Imbalance != 0 {
		p.Train, err = LongTail(p.Train, o.Imbalance, o.ImbalanceSeed)
	}
	if err != nil {
		return Parts{}, err
	}
	budget := newBudget(o.CacheBytes)
	for _, d := range []*Dataset{&p.Train, &p.Test, &p.Unlabeled} {
		if *d == nil {
			continue
		}
		if o.Limit > 0 && o.Limit < (*d).Len() && d != &p.Test {
			*d = limit(*d, o.Limit)
		}
		if o.CacheBytes >= 0 {
			*d = cached(*d, budget)
		}
		if o.MaxBad > 0 {
			*d = tolerate(*d, o)
		}
	}
	return p, nil
}

// subset is some images of a dataset.
type subset struct {
	Dataset
	indices []int
}

func newSubset(d Dataset, indices []int) Dataset {
	s := subset{d, indices}
	if e, ok := d.(Encoded); ok {
		return encoded{s, func(i int, buf []byte) ([]byte, error) { return e.Encoded(indices[i], buf) }}
	}
	return s
}

func (s subset) Len() int                            { return len(s.indices) }
func (s subset) Image(i int, dst *views.Image) error { return s.Dataset.Image(s.indices[i], dst) }
func (s subset) Label(i int) int                     { return s.Dataset.Label(s.indices[i]) }
func (s subset) Path(i int) string                   { return s.Dataset.Path(s.indices[i]) }

// Repeat is a dataset of n images: d's, over and over.
func Repeat(d Dataset, n int) Dataset {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i % d.Len()
	}
	return newSubset(d, indices)
}

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
	var indices []int
	for round := 0; round < most && len(indices) < n; round++ {
		for l := -1; l < len(d.Classes()) && len(indices) < n; l++ {
			if round < len(byClass[l]) {
				indices = append(indices, byClass[l][round])
			}
		}
	}
	return newSubset(d, indices)
}
