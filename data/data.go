// Package data is the vocabulary of image datasets: what a Dataset is, and how one is
// made of others. The packages below it read datasets (sets, from a store, with a
// codec), write them (pack) and turn them into batches (loader).
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

// Files is what a dataset of image files has beside Dataset's methods, so that a
// loader can decode only what it needs of a file. When a file turns out to be broken,
// Dataset.Image of the same index counts it and gives its fallback.
type Files interface {
	// File reads image i's file, into buf's memory where it fits. No bytes and no
	// error: Image has the decoded image at hand.
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

// Decode decodes image i of a dataset and gives its file, in buf's memory where that
// fits; nil for images that are no files.
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
