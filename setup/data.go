package setup

import (
	"context"
	"fmt"

	"contralens/config"
	"contralens/data"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store/remote"
	"contralens/internal/option"
)

// Datasets opens the training and test images that the options describe; test is nil if
// there are none. n says how images are decoded. note, which may be nil, receives a sentence
// about every image that is left out or replaced, from any goroutine.
func Datasets(
	ctx context.Context, d config.Data, n config.Net, note func(string),
) (train, test data.Dataset, err error) {
	p, err := sets.Open(ctx, dataOptions(d, n, note))
	if err == nil {
		p, err = chosenSplit(p, d.Split)
	}
	return p.Train, p.Test, err
}

// validation is the value of the option split with which test images are not touched.
const validation = "validation"

// chosenSplit makes the validation images the test images, if they are asked for. Those that
// would be tests are left out. Neither they nor the validation images are trained on.
func chosenSplit(p data.Splits, split string) (data.Splits, error) {
	if split != validation {
		return p, nil
	}
	train := p.Train
	if p.Test == nil {
		train, _ = data.HoldOut(train)
	}
	if err := labeled(train); err != nil {
		return p, err
	}
	if p.Train, p.Test = data.Validation(train); p.Test == nil {
		return p, &option.Error{Name: "split", Want: "classes of at least two training images, to validate on some"}
	}
	return p, nil
}

// labeled returns an error if the validation images of a dataset would have no classes.
func labeled(d data.Dataset) error {
	known := len(d.Classes()) > 1
	for i := range d.Len() {
		known = known && d.Label(i) >= 0
	}
	if !known {
		return &option.Error{Name: "split", Want: "training images with classes, to validate on some"}
	}
	return nil
}

// Splits opens all splits of the dataset that the options of a pre-training describe. Test
// images that do not fit the training images do not stop it: nothing is trained on them.
func Splits(ctx context.Context, c config.Contrast, note func(string)) (data.Splits, error) {
	return splits(ctx, c, note, sets.TestIfSound)
}

// TestedSplits is Splits for a pre-training that is evaluated: test images that do not fit the training images are an
// error.
func TestedSplits(ctx context.Context, c config.Contrast, note func(string)) (data.Splits, error) {
	return splits(ctx, c, note, sets.TestWanted)
}

func splits(ctx context.Context, c config.Contrast, note func(string), test sets.TestSplit) (data.Splits, error) {
	o := dataOptions(c.Data, c.Net, note)
	o.Test = test
	if c.KNNEvery == 0 && c.Probe == 0 && c.Split != validation {
		o.Test = sets.TestUnread
	}
	p, err := sets.Open(ctx, o)
	if err != nil {
		return p, err
	}
	if p, err = chosenSplit(p, c.Split); err != nil {
		return p, err
	}
	if _, sharded := data.Shards(Pretraining(p)); c.Streams > 0 && !sharded {
		return p, &option.Error{Name: "streams", Want: "images in shards, as contralens data pack makes them",
			Got: fmt.Sprintf("%d for %s", c.Streams, c.DataFolder)}
	}
	return p, nil
}

// Pretraining returns the images that a pre-training sees: the unlabeled ones if there are any.
func Pretraining(p data.Splits) data.Dataset {
	if p.Unlabeled != nil {
		return p.Unlabeled
	}
	return p.Train
}

// HoldOut returns the images to learn labels from and those to test on. If a dataset has no
// test split, a tenth of its training images is held out (see data.HoldOut), and said is a
// sentence about it. It is not for datasets without labels: they are returned as they are.
func HoldOut(train, test data.Dataset) (learn, judge data.Dataset, said string) {
	if test != nil || len(train.Classes()) < 2 {
		return train, test, ""
	}
	for i := range train.Len() {
		if train.Label(i) < 0 {
			return train, nil, ""
		}
	}
	learn, judge = data.HoldOut(train)
	if judge == nil {
		return train, nil, ""
	}
	return learn, judge, fmt.Sprintf("there is no val/ or test/ folder: a tenth of every class is held out to test on, "+
		"%d of %d images, the same ones every time", judge.Len(), train.Len())
}

// Remote returns how files from object stores and web servers are kept.
func Remote(k config.Keeping) remote.Options {
	limit, err := k.Limit()
	if err != nil { // k was not checked
		limit = 0
	}
	return remote.Options{CacheDir: k.CacheDir, CacheBytes: limit}
}

func dataOptions(d config.Data, n config.Net, note func(string)) sets.Options {
	return sets.Options{
		Remote: Remote(d.Keeping),
		Name:   d.Dataset, Folder: d.DataFolder, Imagenet100Path: d.Imagenet100Path, Limit: d.Limit,
		Imbalance: d.Imbalance, ImbalanceSeed: d.ImbalanceSeed, MaxBad: d.MaxBad, Note: note,
		Strict: d.DecodeStrict, Gray16: codec.Gray16(n.Gray16),
	}
}
