package sets

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"contralens/data/codec"
	"contralens/data/store"
)

// indexName is the file beside shards that records where their images are.
const indexName = ".contralens-index"

// indexMagic is the first line of an index. A line of JSON with the shards, the entries
// in little-endian order, and the CRC-32 of all before it follow.
const indexMagic = "contralens index 1\n"

// maxClasses limits the number of a class, and so the memory for class names.
const maxClasses = 1 << 20

// index records where the images of a folder's shards are.
type index struct {
	Shards  []shard
	Entries int
	entries []entry
}

// shard is the state of a tar file when it was indexed.
type shard struct {
	Name     string
	Size     int64
	Modified int64    // nanoseconds
	Notes    []string // problems of the shard
}

// entry locates an image.
type entry struct {
	Offset int64
	Size   uint32
	Shard  int32
	Label  int32 // -1 without a class
}

// openIndex reads the index of a folder if it matches the files there. Otherwise it
// makes a new one, and saves it if the store can be written to.
func openIndex(ctx context.Context, o Options, dir string) (*index, error) {
	var now []shard
	for _, name := range shardNames(ctx, o, dir) {
		info, err := o.Store.Stat(ctx, path.Join(dir, name))
		if err != nil {
			return nil, unreadableShard(dir, name, err)
		}
		now = append(now, shard{Name: name, Size: info.Size, Modified: info.Modified.UnixNano()})
	}
	x := readIndex(ctx, o.Store, path.Join(dir, indexName))
	if x == nil || !sameShards(x.Shards, now) {
		x = &index{Shards: now}
		for i := range x.Shards {
			if err := x.scan(ctx, o.Store, dir, i); err != nil {
				return nil, err
			}
		}
		x.dropUnlabeled()
		if err := x.write(ctx, o.Store, path.Join(dir, indexName)); err != nil {
			o.note("the index of %s is rebuilt each time, because it cannot be saved: %v", dir, err)
		}
	}
	for _, s := range x.Shards {
		for _, n := range s.Notes {
			o.note("shard %s: %s", path.Join(dir, s.Name), n)
		}
	}
	return x, nil
}

func sameShards(a, b []shard) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Size != b[i].Size || a[i].Modified != b[i].Modified {
			return false
		}
	}
	return true
}

// readIndex returns nil if there is no valid index.
func readIndex(ctx context.Context, s store.Store, name string) *index {
	b, err := store.ReadFile(ctx, s, name)
	if err != nil || len(b) < 4 || !bytes.HasPrefix(b, []byte(indexMagic)) {
		return nil
	}
	body := b[:len(b)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil
	}
	head, rest, _ := bytes.Cut(body[len(indexMagic):], []byte("\n"))
	x := &index{}
	if json.Unmarshal(head, x) != nil || x.Entries < 0 || x.Entries > len(rest) ||
		len(rest) != x.Entries*binary.Size(entry{}) {
		return nil
	}
	x.entries = make([]entry, x.Entries)
	if _, err := binary.Decode(rest, binary.LittleEndian, x.entries); err != nil {
		return nil
	}
	for _, e := range x.entries {
		if e.Shard < 0 || int(e.Shard) >= len(x.Shards) || e.Label < -1 || e.Label >= maxClasses ||
			e.Offset < 0 || e.Offset > x.Shards[e.Shard].Size-int64(e.Size) {
			return nil
		}
	}
	return x
}

// write saves the index, if the store is a store.Writer.
func (x *index) write(ctx context.Context, s store.Store, name string) error {
	w, ok := s.(store.Writer)
	if !ok {
		return errors.New("nothing can be written there")
	}
	x.Entries = len(x.entries)
	head, err := json.Marshal(x)
	if err != nil {
		return err
	}
	b := append([]byte(indexMagic), head...)
	b = append(b, '\n')
	if b, err = binary.Append(b, binary.LittleEndian, x.entries); err != nil {
		return err
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return w.Write(ctx, name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// scan adds a shard's images. Of a truncated shard it adds those before its end.
func (x *index) scan(ctx context.Context, st store.Store, dir string, number int) error {
	s := &x.Shards[number]
	f, err := st.Open(ctx, path.Join(dir, s.Name))
	if err != nil {
		return unreadableShard(dir, s.Name, err)
	}
	defer f.Close()
	start, unpaired, end := len(x.entries), 0, int64(0)
	var key, open string // key of the current sample; key of a class without an image so far
	image := -1          // index of the current sample's entry
	label := int32(-1)
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if ctx.Err() != nil {
			return unreadableShard(dir, s.Name, ctx.Err())
		}
		if err != nil {
			if cut := err != io.EOF || end+1024 > s.Size; cut {
				s.note("it ends early or is damaged (%s): only the %d images before that are used",
					plain(err), len(x.entries)-start)
			}
			break
		}
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		end = offset + (h.Size+511)/512*512
		if offset+h.Size > s.Size {
			continue // the next header is missing, and is reported there
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(name, ".") {
			continue
		}
		base, ext, _ := strings.Cut(name, ".")
		if k := path.Join(path.Dir(h.Name), base); k != key {
			if open != "" {
				unpaired++
			}
			key, open, image, label = k, "", -1, -1
		}
		switch {
		case codec.IsImage("x."+lastExt(ext)) && image < 0 && h.Size <= 1<<32-1:
			image, open = len(x.entries), ""
			x.entries = append(x.entries, entry{Offset: offset, Size: uint32(h.Size), Shard: int32(number), Label: label})
		case ext == "cls":
			b, err := io.ReadAll(io.LimitReader(r, 20))
			if ctx.Err() != nil {
				return unreadableShard(dir, s.Name, ctx.Err())
			}
			n, e := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 32)
			if err = errors.Join(err, e); err != nil || n < 0 || n >= maxClasses {
				s.note("member %s: want the number of a class, 0 to %d, got %q", h.Name, maxClasses-1, b)
				break
			}
			if label = int32(n); image >= 0 {
				x.entries[image].Label = label
			} else {
				open = key
			}
		}
	}
	if open != "" {
		unpaired++
	}
	if unpaired > 0 {
		s.note("%d class files (key.cls) have no image", unpaired)
	}
	return nil
}

// dropUnlabeled drops the images without a class, unless no image has one.
func (x *index) dropUnlabeled() {
	without := make([]int, len(x.Shards))
	for _, e := range x.entries {
		if e.Label < 0 {
			without[e.Shard]++
		}
	}
	kept := slices.DeleteFunc(slices.Clone(x.entries), func(e entry) bool { return e.Label < 0 })
	if len(kept) == 0 {
		return // all are without a class, for pre-training
	}
	x.entries = kept
	for i, n := range without {
		if n > 0 {
			x.Shards[i].note("%d images without a class (key.cls) are left out", n)
		}
	}
}

func unreadableShard(dir, name string, err error) error {
	return fmt.Errorf("%s: want a tar file that can be read, but %w", path.Join(dir, name), err)
}

func (s *shard) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// lastExt returns what follows the last dot.
func lastExt(ext string) string { return ext[strings.LastIndex(ext, ".")+1:] }

// plain describes a tar error for a user.
func plain(err error) string {
	switch {
	case err == io.EOF:
		return "the end marker of the tar file is missing"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the last member is cut off"
	case errors.Is(err, tar.ErrHeader):
		return "a member's header is missing or damaged"
	}
	return err.Error()
}

// IndexShards makes or checks the index of a folder's shards, so that opening them
// later does not have to. It uses o.Store and o.Note only.
func IndexShards(ctx context.Context, o Options, dir string) error {
	if o.Store == nil {
		o.Store = store.Disk{}
	}
	_, err := openIndex(ctx, o, dir)
	return err
}
