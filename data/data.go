// Package data defines Dataset, a list of images, and derives datasets from each other:
// subsets, long tails, caches, replacements of broken images.
//
// Its subpackages open datasets (sets, which reads from a store and decodes with
// codec), write them as shards (pack) and load them in batches (loader).
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
	// Image decodes image i into dst. If ctx ends first, it returns ctx's error.
	Image(ctx context.Context, i int, dst *views.Image) error
	Label(i int) int // index into Classes, or -1 without classes
	Classes() []string
	Path(i int) string // where image i comes from, for messages
}

// Files is implemented by datasets of image files, so that a loader can decode only the
// region that it needs. If a file is broken, Dataset.Image with the same index counts
// it and returns its replacement.
type Files interface {
	// File reads the file of image i into buf, if it fits. It returns no bytes and no
	// error if Image has the decoded image at hand.
	File(ctx context.Context, i int, buf []byte) ([]byte, error)
	// Decoder returns how the files are decoded.
	Decoder() *codec.Decoder
}

// Sharded is implemented by datasets whose images lie in larger files, one after the other,
// so that a loader can go through these.
type Sharded interface {
	Shard(i int) int // number of the file that image i is in
	// Fetch begins to bring the file of image i near, for a read that comes soon. It does
	// not wait.
	Fetch(i int)
}

// shardsOf returns how the images of d lie in larger files, or nil.
func shardsOf(d Dataset) Sharded {
	if f, ok := d.(withFiles); ok {
		return f.shards
	}
	s, _ := d.(Sharded)
	return s
}

// Shards returns how the images of a dataset lie in larger files. ok is false if they do not.
func Shards(d Dataset) (s Sharded, ok bool) {
	s = shardsOf(d)
	return s, s != nil
}

// Splits are the splits of a dataset.
type Splits struct {
	Train     Dataset
	Test      Dataset // nil if there is none
	Unlabeled Dataset // for pre-training; nil if the dataset has no such split
}

// withFiles adds Files to a dataset that wraps another one.
type withFiles struct {
	Dataset
	file    func(ctx context.Context, i int, buf []byte) ([]byte, error)
	decoder *codec.Decoder
	shards  Sharded // nil if the files are not in larger ones
}

func (w withFiles) File(ctx context.Context, i int, buf []byte) ([]byte, error) {
	return w.file(ctx, i, buf)
}

func (w withFiles) Decoder() *codec.Decoder { return w.decoder }

// wrap adds the files of inner, if it has any, to d, which wraps inner.
func wrap(d, inner Dataset) Dataset {
	if f, ok := inner.(Files); ok {
		return withFiles{d, f.File, f.Decoder(), shardsOf(inner)}
	}
	return d
}

// Decode decodes image i of a dataset into dst. It returns the image's file, in buf if
// it fits, or nil if the image is not a file or is cached.
func Decode(ctx context.Context, d Dataset, i int, buf []byte, dst *views.Image) (file []byte, err error) {
	f, ok := d.(Files)
	if !ok {
		return nil, d.Image(ctx, i, dst)
	}
	if file, err = f.File(ctx, i, buf); err != nil {
		return nil, err
	}
	if len(file) == 0 {
		return nil, d.Image(ctx, i, dst)
	}
	return file, f.Decoder().Decode(file, dst, func() string { return d.Path(i) })
}
