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

	"contralens/data/store"
)

// indexName is the file beside shards that records where their images are.
const indexName = ".contralens-index"

// indexMagic is the first line of an index. A line of JSON with the shards, the entries
// in little-endian order, and the CRC-32 of all before it follow.
const indexMagic = "contralens index 2\n"

// maxClasses limits the number of a class, and so the memory for class names.
const maxClasses = 1 << 20

// index records where the images of a folder's shards are.
type index struct {
	Shards  []shard
	Notes   []string // problems of all shards together
	Classes []string // names of the classes, if the shards have names instead of numbers
	Entries int
	entries []entry
}

// shard is the state of a tar file when it was indexed.
type shard struct {
	Name     string
	Size     int64
	Modified int64    // nanoseconds
	SHA256   string   `json:",omitempty"` // hexadecimal; empty if it was not made with the shard
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
	var err error
	for _, name := range shardNames(ctx, o, dir) {
		info, err := o.Store.Stat(ctx, store.Join(dir, name))
		if err != nil {
			return nil, unreadableShard(dir, name, err)
		}
		now = append(now, shard{Name: name, Size: info.Size, Modified: info.Modified.UnixNano()})
	}
	x := readIndex(ctx, o.Store, store.Join(dir, indexName))
	sums, remote := o.Store.(expecting)
	if x == nil || !sameShards(x.Shards, now, remote) {
		if x, err = scanShards(ctx, o.Store, dir, now); err != nil {
			return nil, err
		}
		if err := x.write(ctx, o.Store, store.Join(dir, indexName)); err != nil {
			o.note("the index of %s is rebuilt each time, because it cannot be saved: %v", dir, err)
		}
	}
	for _, s := range x.Shards {
		if remote && s.SHA256 != "" {
			sums.Expect(store.Join(dir, s.Name), s.SHA256)
		}
	}
	for _, s := range x.Shards {
		for _, n := range s.Notes {
			o.note("shard %s: %s", store.Join(dir, s.Name), n)
		}
	}
	for _, n := range x.Notes {
		o.note("shards in %s: %s", dir, n)
	}
	return x, nil
}

// expecting is a store that checks what it fetches. Copies there have other times.
type expecting interface {
	Expect(name, sha256 string)
}

// sameShards reports whether shards are those of an index. copied allows other times for those
// whose content is checked.
func sameShards(index, now []shard, copied bool) bool {
	if len(index) != len(now) {
		return false
	}
	for i, x := range index {
		timed := x.Modified == now[i].Modified || copied && x.SHA256 != ""
		if x.Name != now[i].Name || x.Size != now[i].Size || !timed {
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
			(len(x.Classes) > 0 && int(e.Label) >= len(x.Classes)) ||
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

func unreadableShard(dir, name string, err error) error {
	return fmt.Errorf("%s: want a tar file that can be read, but %w", store.Join(dir, name), err)
}

func (s *shard) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

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
// later does not have to. sums, which may be nil, are the SHA-256 of the shards by their
// names, as hexadecimal digits. It uses o.Store and o.Note only.
func IndexShards(ctx context.Context, o Options, dir string, sums map[string]string) error {
	if o.Store == nil {
		o.Store = store.Disk{}
	}
	x, err := openIndex(ctx, o, dir)
	if err != nil || len(sums) == 0 {
		return err
	}
	for i := range x.Shards {
		x.Shards[i].SHA256 = sums[x.Shards[i].Name]
	}
	return x.write(ctx, o.Store, store.Join(dir, indexName))
}
