// Package data defines image datasets and derives them from each other: subsets, long
// tails, caches, fallbacks for broken images. The packages below it open datasets (sets,
// which reads from a store and decodes with codec), write them (pack) and load them in
// batches (loader).
package data

import (
	"context"

	"contralens/data/codec"
	"contralens/views"
)

// Dataset is a list of images. Its methods may be called from several goroutines at
// once.
type Dataset interface {
	Name() string
	Len() int
	// Image decodes image i into dst. It returns ctx's error when ctx ends before.
	Image(ctx context.Context, i int, dst *views.Image) error
	Label(i int) int // index into Classes, or -1 without classes
	Classes() []string
	Path(i int) string // where image i comes from, for messages
}

// Files is implemented by datasets of image files, so that a loader can decode only the
// region that it needs. When a file turns out to be broken, Dataset.Image of the same
// index counts it and returns its replacement.
type Files interface {
	// File reads the file of image i, into buf's memory if it fits. It returns no bytes
	// and no error when Image has the decoded image at hand.
	File(ctx context.Context, i int, buf []byte) ([]byte, error)
}

// Splits are the splits of a dataset.
type Splits struct {
	Train     Dataset
	Test      Dataset // nil when there is none
	Unlabeled Dataset // for pre-training, where a dataset has such a split; else nil
}

// withFiles adds Files to a dataset that wraps another one.
type withFiles struct {
	Dataset
	file func(ctx context.Context, i int, buf []byte) ([]byte, error)
}

func (w withFiles) File(ctx context.Context, i int, buf []byte) ([]byte, error) {
	return w.file(ctx, i, buf)
}

// wrap is d, with the files of inner, which d wraps, if that has any.
func wrap(d, inner Dataset) Dataset {
	if f, ok := inner.(Files); ok {
		return withFiles{d, f.File}
	}
	return d
}

// Decode decodes image i of a dataset and returns its file, in buf's memory if it fits,
// or nil if the image is not a file.
func Decode(ctx context.Context, d Dataset, i int, buf []byte, dst *views.Image) (file []byte, err error) {
	f, ok := d.(Files)
	if !ok {
		return nil, d.Image(ctx, i, dst)
	}
	if file, err = f.File(ctx, i, buf); err != nil {
		return nil, err
	}
	if err := codec.Decode(file, dst); err != nil {
		return file, codec.NotAnImage(d.Path(i), err)
	}
	return file, nil
}
