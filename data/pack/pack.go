// Package pack writes datasets as tar shards and measures what is in a dataset.
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

// Options say how Write writes shards.
type Options struct {
	Short      int     // an image's shorter side is at most this many pixels; 0: as it is
	Quality    int     // of JPEG files that are written anew, 1 to 100
	ShardBytes int64   // a shard ends when it is as large
	Workers    int     // goroutines; 0: one per processor
	MaxBad     float64 // share of images that may be unreadable
	Note       func(string)
	Progress   func(split string, done, total int)
}

// Packed is what Write wrote of a split.
type Packed struct {
	Split  string `json:"part"`
	Images int    `json:"images"`
	Shards int    `json:"shards"`
	Kept   int    `json:"kept"` // files taken over byte for byte
	Bad    int    `json:"bad"`
	Bytes  int64  `json:"bytes"`
}

// Write writes the splits of a dataset as tar files in WebDataset's layout, one folder
// per split: key.jpg and, with classes, key.cls, in the dataset's order.
// JPEG and PNG files that are small enough stay as they are; larger ones are
// resized (bilinear with antialiasing, so that each pixel averages the area that
// it covers) and, like other formats, written as JPEG; images that are no files
// as PNG. Images that cannot be read are named, counted and left out. dst appears
// when all is done.
func Write(ctx context.Context, dst string, p data.Splits, o Options) ([]Packed, error) {
	if info, err := os.Stat(dst); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: want a folder that is new or empty, but it is a file; choose another name", dst)
	}
	dst = filepath.Clean(dst)
	temporary, err := unfinishedPack(dst)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(temporary); err != nil { // of a killed process
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
		if err := sets.IndexShards(ctx, sets.Options{Note: o.Note}, filepath.Join(dst, r.Split)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// unfinishedPack is the folder that splits are written to until all are whole:
// beside dst, or within it when it is there, since a disk may be mounted on it or
// somebody work in it.
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
		r.Shards, r.Bytes = w.shards, w.total
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
		return r, fmt.Errorf("packing was stopped, nothing is left of it: %w", err)
	}
	if len(d.Classes()) == 0 {
		return r, nil
	}
	return r, os.WriteFile(filepath.Join(dir, "classes.txt"), []byte(strings.Join(d.Classes(), "\n")+"\n"), 0o644)
}

// samples starts workers that make the files of d's images, and gives the images
// in order: done is closed when a file is there. wait counts the goroutines,
// which end with the images or with ctx.
func samples(ctx context.Context, d data.Dataset, o Options, wait *sync.WaitGroup) <-chan *sample {
	if o.Workers <= 0 {
		o.Workers = machine.Processors()
	}
	// Samples enter both channels in order; workers finish them in any order, the
	// writer waits for each. The channels' lengths bound the memory.
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
