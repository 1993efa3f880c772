package sets

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"contralens/data/codec"
	"contralens/data/store"
)

// scanner makes the index of a folder's shards. WebDataset's rule groups members into
// samples: the key of a member is its name up to the first dot of the last element, and
// the rest is its extension; neighbors with the same key are a sample.
type scanner struct {
	index  *index
	labels labels
	// What is left out, or needs a word.
	several         int    // samples with more than one image
	severalExample  string // their extensions
	links, tooLarge int
	others          others // members that may be images of other formats
}

// sample is the sample that is being read.
type sample struct {
	key    string
	first  int // its first entry in the index
	exts   []string
	labels [labelSources]int32 // of each source, or -1
}

// otherImages are extensions of images and arrays that are not read.
var otherImages = []string{"jp2", "heic", "avif", "jxl", "npy", "npz", "pth", "pyd", "pickle", "mp4"}

// scanShards indexes the shards of a folder.
func scanShards(ctx context.Context, st store.Store, dir string, all []shard) (*index, error) {
	s := &scanner{index: &index{Shards: all}}
	for i := range all {
		if err := s.scan(ctx, st, dir, i); err != nil {
			return nil, err
		}
	}
	s.notes()
	s.labels.settle(s.index)
	return s.index, nil
}

// scan adds a shard's images. Of a truncated shard it adds those before its end.
func (s *scanner) scan(ctx context.Context, st store.Store, dir string, number int) error {
	shard := &s.index.Shards[number]
	f, err := st.Open(ctx, store.Join(dir, shard.Name))
	if err != nil {
		return unreadableShard(dir, shard.Name, err)
	}
	defer f.Close()
	start, unpaired, end := len(s.index.entries), 0, int64(0)
	now := sample{first: start, labels: noLabels}
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if ctx.Err() != nil {
			return unreadableShard(dir, shard.Name, ctx.Err())
		}
		if err != nil {
			if cut := err != io.EOF || end+1024 > shard.Size; cut {
				shard.note("it ends early or is damaged (%s): only the %d images before that are used",
					plain(err), len(s.index.entries)-start)
			}
			break
		}
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		end = offset + (h.Size+511)/512*512
		if offset+h.Size > shard.Size {
			continue // the next header is missing, and is reported there
		}
		name := path.Base(h.Name)
		if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader || strings.HasPrefix(name, ".") {
			continue
		}
		base, ext, _ := strings.Cut(name, ".")
		if key := path.Join(path.Dir(h.Name), base); key != now.key {
			unpaired += s.finish(&now)
			now = sample{key: key, first: len(s.index.entries), labels: noLabels}
		}
		if err := s.member(&now, h, strings.ToLower(ext), entry{Offset: offset, Shard: int32(number)}, r); err != nil {
			return unreadableShard(dir, shard.Name, err)
		}
		if ctx.Err() != nil {
			return unreadableShard(dir, shard.Name, ctx.Err())
		}
	}
	unpaired += s.finish(&now)
	if unpaired > 0 {
		shard.note("%d class files (key.cls) have no image", unpaired)
	}
	return nil
}

// member adds a member of a shard to its sample.
func (s *scanner) member(now *sample, h *tar.Header, ext string, e entry, r io.Reader) error {
	last := ext[strings.LastIndex(ext, ".")+1:]
	source, isLabel := sourceOf(ext)
	switch {
	case h.Typeflag != tar.TypeReg:
		s.links++
	case codec.IsImage("x." + last):
		if h.Size > 1<<32-1 {
			s.tooLarge++
			break
		}
		e.Size, e.Label = uint32(h.Size), -1
		s.index.entries = append(s.index.entries, e)
		now.exts = append(now.exts, ext)
	case isLabel && now.labels[source] < 0:
		b, err := io.ReadAll(io.LimitReader(r, maxLabelBytes+1))
		if err != nil && err != io.ErrUnexpectedEOF {
			return err
		}
		now.labels[source] = s.labels.read(source, h.Name, b)
	case slices.Contains(otherImages, last):
		s.others.add("x." + last)
	}
	return nil
}

// finish gives the images of a sample its labels. It returns 1 if the sample has a class
// but no image.
func (s *scanner) finish(now *sample) (unpaired int) {
	n := len(s.index.entries) - now.first
	if n == 0 {
		if now.labels[clsLabel] >= 0 {
			return 1
		}
		return 0
	}
	if n > 1 {
		if s.several++; s.several == 1 {
			s.severalExample = "key." + strings.Join(now.exts[:min(n, 4)], ", key.")
		}
	}
	for range n {
		s.labels.of = append(s.labels.of, now.labels)
	}
	return 0
}

// notes says what was left out, and what was taken that may not be wanted.
func (s *scanner) notes() {
	note := func(format string, args ...any) { s.index.Notes = append(s.index.Notes, fmt.Sprintf(format, args...)) }
	if s.several > 0 {
		note("%d samples have several images (such as %s); each image counts, with the class of its sample",
			s.several, s.severalExample)
	}
	if s.links > 0 {
		note("%d members that are links are left out", s.links)
	}
	if s.tooLarge > 0 {
		note("%d images of more than 4 GiB are left out", s.tooLarge)
	}
	if s.others.count > 0 {
		note("%d members are left out, because they are not %s: %s", s.others.count,
			strings.Join(codec.Extensions, ", "), s.others.kinds())
	}
}
