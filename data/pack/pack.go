// Package pack writes datasets as tar shards (Write) and reports what is in a dataset
// (Measure).
package pack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"contralens/data"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/internal/machine"
)

// Options are the options of Write.
type Options struct {
	Short      int     // limit of an image's shorter side in pixels; 0: none
	Quality    int     // of newly encoded JPEG files, 1 to 100
	ShardBytes int64   // size at which a shard ends
	Workers    int     // goroutines; 0: one per processor
	MaxBad     float64 // share of images that may be unreadable
	Note       func(string)
	Progress   func(split string, done, total int)
}

// Packed describes what Write wrote of a split.
type Packed struct {
	Split  string `json:"part"`
	Images int    `json:"images"`
	Shards int    `json:"shards"`
	Kept   int    `json:"kept"` // files copied byte for byte
	Bad    int    `json:"bad"`
	Bytes  int64  `json:"bytes"`
	sums   map[string]string
}

// Write writes the splits of a dataset as tar files in WebDataset's layout, one folder
// per split: key.jpg and, with classes, key.cls, in the dataset's order.
//
// JPEG and PNG files that are small enough are copied. Larger ones are resized
// (bilinear with antialiasing, so that each pixel averages the area that it covers)
// and, like other formats, encoded as JPEG. Images that are not files are encoded as
// PNG. Unreadable images are named, counted and left out. dst appears when everything
// is written.
func Write(ctx context.Context, dst string, p data.Splits, o Options) ([]Packed, error) {
	if info, err := os.Stat(dst); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: want a folder that is new or empty, but it is a file; choose another name", dst)
	}
	dst = filepath.Clean(dst)
	temporary, err := unfinishedPack(dst)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(temporary); err != nil { // left by a killed process
		return nil, err
	}
	defer os.RemoveAll(temporary)
	var all []Packed
	for _, split := range []struct {
		name string
		d    data.Dataset
	}{{"train", p.Train}, {"val", p.Test}, {"unlabeled", p.Unlabeled}} {
		if split.d == nil {
			continue
		}
		result, err := packSplit(ctx, filepath.Join(temporary, split.name), split.name, split.d, o)
		if err != nil {
			return nil, err
		}
		all = append(all, result)
	}
	if filepath.Dir(temporary) != dst {
		if err := os.Rename(temporary, dst); err != nil {
			return nil, fmt.Errorf("%s: %w", dst, store.Cause(err))
		}
	} else {
		for _, r := range all {
			if err := os.Rename(filepath.Join(temporary, r.Split), filepath.Join(dst, r.Split)); err != nil {
				return nil, fmt.Errorf("%s: %w", dst, store.Cause(err))
			}
		}
	}
	for _, r := range all {
		if err := sets.IndexShards(ctx, sets.Options{Note: o.Note}, filepath.Join(dst, r.Split), r.sums); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// unfinishedPack returns the folder that splits are written to until all are complete.
// It is beside dst, or within dst if that exists, because dst may be a mount point or
// someone's current folder.
func unfinishedPack(dst string) (string, error) {
	const name = ".partial"
	entries, err := os.ReadDir(dst)
	if err == nil {
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
		if len(entries) > 0 {
			return "", fmt.Errorf("%s: want a folder that is new or empty, but it has %d files; "+
				"choose another one or remove it", dst, len(entries))
		}
		return filepath.Join(dst, name), nil
	}
	if _, there := os.Lstat(dst); there == nil {
		return "", fmt.Errorf("%s: want a folder that is new or empty, but %w; choose another one", dst, store.Cause(err))
	}
	return filepath.Join(filepath.Dir(dst), "."+filepath.Base(dst)+name), nil
}

// sample is an image on its way through the workers.
type sample struct {
	index int
	done  chan struct{}
	file  []byte
	ext   string
	kept  bool
	err   error
}

func packSplit(ctx context.Context, dir, split string, d data.Dataset, o Options) (r Packed, err error) {
	r.Split = split
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, fmt.Errorf("%s: %w", dir, store.Cause(err))
	}
	ctx, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	w := shardWriter{dir: dir, limit: o.ShardBytes}
	defer func() {
		if e := w.close(); err == nil {
			err = e
		}
		r.Shards, r.Bytes, r.sums = w.shards, w.total, w.sums
	}()
	limit := data.Allowed(o.MaxBad, d.Len())
	for s := range samples(ctx, d, o, &wait) {
		<-s.done
		if o.Progress != nil {
			o.Progress(split, s.index+1, d.Len())
		}
		if ctx.Err() != nil {
			break
		}
		if failed := store.Failed(s.err); failed != nil {
			return r, failed
		}
		if s.err != nil {
			if r.Bad++; r.Bad > limit {
				return r, &data.TooManyUnreadable{Unreadable: r.Bad, Images: d.Len(), Share: o.MaxBad, Last: s.err}
			}
			if o.Note != nil {
				o.Note("left out: " + s.err.Error())
			}
			continue
		}
		if err := w.add(fmt.Sprintf("%08d", s.index), s.ext, s.file, d.Label(s.index)); err != nil {
			return r, err
		}
		r.Images++
		if s.kept {
			r.Kept++
		}
	}
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("packing was stopped, and its files were removed: %w", err)
	}
	if len(d.Classes()) == 0 {
		return r, nil
	}
	return r, os.WriteFile(filepath.Join(dir, "classes.txt"), []byte(strings.Join(d.Classes(), "\n")+"\n"), 0o644)
}

// samples starts workers that make the files of d's images. It returns the images in
// order; done is closed when an image's file is ready. wait counts the goroutines,
// which end after the last image or when ctx ends.
func samples(ctx context.Context, d data.Dataset, o Options, wait *sync.WaitGroup) <-chan *sample {
	if o.Workers <= 0 {
		o.Workers = machine.Processors()
	}
	// Samples enter both channels in order. Workers finish them in any order, and the
	// writer waits for each. The lengths of the channels bound the memory.
	work, ordered := make(chan *sample), make(chan *sample, 4*o.Workers)
	wait.Add(1 + o.Workers)
	go func() {
		defer wait.Done()
		defer close(work)
		defer close(ordered)
		for i := range d.Len() {
			s := &sample{index: i, done: make(chan struct{})}
			for _, c := range []chan *sample{work, ordered} {
				select {
				case c <- s:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	for range o.Workers {
		go func() {
			defer wait.Done()
			var p packer
			for s := range work {
				s.file, s.ext, s.kept, s.err = p.pack(ctx, d, s.index, o)
				close(s.done)
			}
		}()
	}
	return ordered
}
