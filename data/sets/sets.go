// Package sets opens datasets: folders and lists of images, tar shards, and well-known
// datasets in the files that they are distributed as. Open opens one by its name, or
// recognizes it by its files. All files are read through a store. Register adds a
// dataset from outside.
package sets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/data/store/remote"
	"contralens/internal/humanize"
)

// Options select a dataset and how to open it.
type Options struct {
	Name            string      // one of Names; "" recognizes the dataset by its files
	Store           store.Store // store of its files; nil: the disk, or what Folder is a URL in
	Folder          string
	Remote          remote.Options // of the store that a URL is in; Note is set
	Imagenet100Path string         // file with one wnid per line, to use instead of the built-in list
	Limit           int            // keep this many training images, spread evenly over the classes; 0: all
	Imbalance       float64        // keep a long tail of the training images with this factor (see data.LongTail); 0: all
	ImbalanceSeed   uint64
	CacheBytes      int64 // memory for decoded images; 0: the constant CacheBytes, negative: none

	// MaxBad is the share of images that may be unreadable. These are replaced (see
	// data.Fallback); one more is an error. 0: the first one is an error.
	MaxBad float64
	Test   TestSplit    // what a test split is opened for
	Strict bool         // count images that break the rules of their format as unreadable
	Gray16 codec.Gray16 // how 16-bit gray becomes 8-bit

	// Note receives a sentence about everything that is left out or replaced, once per
	// unreadable image. It may be called from several goroutines at once, and may be
	// nil.
	Note func(string)

	decoder *codec.Decoder // set by Open
}

// CacheBytes is the usual memory for decoded images.
const CacheBytes = 1 << 30

func (o Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(humanize.Text(fmt.Sprintf(format, args...)))
	}
}

// Opener reads the lists of a dataset's images: where they are, and their classes.
// Store and Name in its options are set. Open itself applies Limit, Imbalance,
// CacheBytes and MaxBad to the result.
type Opener func(ctx context.Context, o Options) (data.Splits, error)

// set is a registered dataset.
type set struct {
	name  string
	open  Opener
	marks []string // files that identify the dataset in a folder
}

// registered has the datasets that Open knows, those of this package first.
var registered = []set{
	{"imagenet", openImageNet, nil},
	{"imagenet100", openImageNet100, nil},
	{"folder", openFolder, nil},
	{"list", openList, nil},
	{"cifar10", openCIFAR10, []string{"data_batch_1.bin", "cifar-10-batches-bin/data_batch_1.bin"}},
	{"cifar100", openCIFAR100, []string{"train.bin", "cifar-100-binary/train.bin"}},
	{"stl10", openSTL10, []string{"train_X.bin", "stl10_binary/train_X.bin"}},
	{"fashion-mnist", openFashionMNIST, nil},
	{"idx", openIDX, []string{"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"}},
	{"inat18", openINat18, nil},
	{"voc", openVOC, []string{"ImageSets/Main/trainval.txt", "ImageSets/Main/train.txt",
		"VOC2007/ImageSets/Main/trainval.txt", "VOC2012/ImageSets/Main/trainval.txt"}},
}

// Register adds a dataset to those that Open knows. A folder that has one of the files
// in marks (paths below the folder) is recognized as this dataset if no name is given.
// Call it when a package is initialized. It panics if the name is taken.
func Register(name string, open Opener, marks ...string) {
	if slices.Contains(Names(), name) {
		panic("sets: dataset " + name + " is already registered")
	}
	registered = append(registered, set{name, open, marks})
}

// Names returns the names of the datasets that Open knows.
func Names() []string {
	var names []string
	for _, s := range registered {
		names = append(names, s.name)
	}
	return names
}

// Open opens a dataset and reads the lists of all its splits. It decodes no images.
func Open(ctx context.Context, o Options) (p data.Splits, err error) {
	if err := o.openStore(ctx); err != nil {
		return p, err
	}
	o.decoder = &codec.Decoder{Strict: o.Strict, Gray16: o.Gray16, Note: o.Note}
	given := o.Name
	if o.Name == "" {
		o.Name = detect(ctx, o)
	}
	at := slices.IndexFunc(registered, func(s set) bool { return s.name == o.Name })
	if at < 0 {
		return p, wrongOption(Name, "", "want one of %s, got %q", strings.Join(Names(), ", "), given)
	}
	p, err = registered[at].open(ctx, o)
	if ctx.Err() != nil { // files that were not found may exist
		err = fmt.Errorf("dataset %s: reading its lists was stopped: %w", o.Name, ctx.Err())
	}
	if err == nil && o.Imbalance != 0 {
		if p.Train, err = data.LongTail(p.Train, o.Imbalance, o.ImbalanceSeed); err != nil {
			err = &OptionError{Option: Imbalance, Err: err}
		}
	}
	if err != nil {
		return data.Splits{}, err
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = CacheBytes
	}
	budget := data.NewBudget(o.CacheBytes)
	for _, d := range []*data.Dataset{&p.Train, &p.Test, &p.Unlabeled} {
		if *d == nil {
			continue
		}
		if f, ok := (*d).(*files); ok && f.decoder == nil { // made by FromFiles
			f.decoder = o.decoder
		}
		if o.Limit > 0 && o.Limit < (*d).Len() && d != &p.Test {
			*d = data.Limit(*d, o.Limit)
		}
		if o.CacheBytes >= 0 {
			*d = data.Cache(*d, budget)
		}
		if o.MaxBad > 0 {
			*d = data.Fallback(*d, o.MaxBad, o.Note)
		}
	}
	return p, nil
}

// openStore sets the store of the options.
func (o *Options) openStore(ctx context.Context) error {
	switch {
	case o.Store != nil:
	case !store.IsURL(o.Folder):
		o.Store = store.Disk{}
	default:
		o.Remote.Note = o.Note
		s, err := remote.Open(ctx, o.Folder, o.Remote)
		if err != nil {
			return &OptionError{Option: Folder, Value: o.Folder, Err: err}
		}
		o.Store = s
	}
	return nil
}

// detect returns the name of the dataset in a folder: a list if it is a file,
// imagenet100 if it has those classes, a dataset with one of its marks, or else a plain
// folder.
func detect(ctx context.Context, o Options) string {
	if info, err := o.Store.Stat(ctx, o.Folder); err == nil && !info.Folder {
		return "list"
	}
	train := store.Join(o.Folder, "train")
	if wnids, err := readWnids(o); err == nil && wantClasses(ctx, o, "imagenet100", train, wnids) == nil {
		return "imagenet100"
	}
	for _, s := range registered {
		for _, m := range s.marks {
			if store.Exists(ctx, o.Store, store.Join(o.Folder, m)) {
				return s.name
			}
		}
	}
	return "folder"
}
