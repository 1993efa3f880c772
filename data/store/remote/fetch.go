package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"contralens/data/store"
	"contralens/internal/humanize"
)

// fetching is a file on its way to the disk.
type fetching struct {
	done chan struct{}
	err  error
}

// Expect says which SHA-256, as hexadecimal digits, a file must have when it is fetched.
func (s *Store) Expect(name, sum string) {
	key, _ := s.key(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums[key] = sum
}

// Fetch begins to bring a shard to the disk, for a reader that goes through its images. It does
// not wait; reads of the shard do. Of shards that are not announced, single images are read.
func (s *Store) Fetch(name string) {
	key, full := s.key(name)
	if s.cache == nil {
		return
	}
	s.mu.Lock()
	s.wanted[key] = true
	o, known := s.files[key]
	s.mu.Unlock()
	if known { // in the order of the calls
		s.begin(key, full, o)
		return
	}
	go func() {
		o, folder, err := s.describe(s.ctx, key, full)
		if err != nil || folder {
			s.came(key)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.wanted[key] { // else a reader was faster: the shard has come, and may be evicted again
			s.beginLocked(key, full, o)
		}
	}()
}

// came ends the wait for a shard.
func (s *Store) came(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.wanted, key)
}

// beside fetches a shard while single images of it are read, if all shards of which images are
// read fit.
func (s *Store) beside(key, full string, o object) {
	s.mu.Lock()
	again := s.single[key]
	if !again {
		s.single[key] = true
		s.total += o.size
	}
	fits := s.total <= s.cache.limit
	s.mu.Unlock()
	switch {
	case again:
	case fits:
		s.begin(key, full, o)
	default:
		s.noteOnce("the shards of %s are more than the %s that are kept on the disk, so every image is a request of its "+
			"own: reading shards as streams, or keeping more, is faster", s.root, humanize.Bytes(s.cache.limit))
	}
}

// begin fetches a file, unless that has begun, or is done and the file still kept.
func (s *Store) begin(key, full string, o object) *fetching {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beginLocked(key, full, o)
}

// beginLocked is begin for callers that hold the lock.
func (s *Store) beginLocked(key, full string, o object) *fetching {
	f := s.fetch[key]
	if f != nil && !f.evicted(s.cache.path(full, o)) {
		return f
	}
	f = &fetching{done: make(chan struct{})}
	s.fetch[key] = f
	go func() {
		select {
		case s.slots <- struct{}{}:
			f.err = s.keep(s.ctx, key, full, o)
			<-s.slots
		case <-s.ctx.Done():
			f.err = s.ctx.Err()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wanted, key) // with the end, so that no reader sees one without the other
		close(f.done)
	}()
	return f
}

// evicted reports whether a file was fetched and is not kept any more.
func (f *fetching) evicted(path string) bool {
	select {
	case <-f.done:
		_, err := os.Stat(path)
		return f.err == nil && err != nil
	default:
		return false
	}
}

// failed reports whether a file was fetched, and something is wrong with it.
func (f *fetching) failed() bool {
	if f == nil {
		return false
	}
	select {
	case <-f.done:
		return f.err != nil
	default:
		return false
	}
}

// fetchNow waits until a file is kept, or cannot be.
func (s *Store) fetchNow(ctx context.Context, key, full string, o object) error {
	f := s.begin(key, full, o)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep brings a file to the disk, or waits for another process that does. If there is no room
// it does nothing, and a note says so.
func (s *Store) keep(ctx context.Context, key, full string, o object) error {
	final := s.cache.path(full, o)
	unfinished := final + partial
	f, err := locked(ctx, unfinished)
	if err != nil {
		return s.unkept(ctx, err)
	}
	defer f.Close()
	kept := false
	defer func() {
		if !kept {
			_ = os.Remove(unfinished) // or room removes it, when it is locked no more
		}
	}()
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	room, err := s.cache.room(ctx, o.size, func() error { return f.Truncate(o.size) })
	if err != nil {
		return s.unkept(ctx, err)
	}
	if !room {
		s.noteOnce("the folder of kept files holds %s, which is too little for what is read at a time from %s: "+
			"more is read from the store again", humanize.Bytes(s.cache.limit), s.root)
		return nil
	}
	err = s.retry(ctx, full, func(ctx context.Context) error { return s.download(ctx, f, key, full, o) })
	if err == nil {
		err = os.Rename(unfinished, final)
		kept = err == nil
	}
	return s.unkept(ctx, err)
}

// unkept notes that a file cannot be written, after which it is read from the store alone.
func (s *Store) unkept(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || store.Failed(err) != nil {
		return err
	}
	s.noteOnce("files cannot be kept in %s, so they are read from the store each time: %v", s.cache.dir, cause(err))
	return nil
}

// diskError is a failure to write, which is not the store's.
type diskError struct{ error }

// diskWriter writes to a kept file.
type diskWriter struct{ *os.File }

func (d diskWriter) Write(b []byte) (int, error) {
	n, err := d.File.Write(b)
	if err != nil {
		err = diskError{cause(err)}
	}
	return n, err
}

// download writes a file and checks its SHA-256, if that is known.
func (s *Store) download(ctx context.Context, f *os.File, key, full string, o object) error {
	r, err := s.open(ctx, key, full, 0, o.size, o)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(diskWriter{f}, h), r)
	if err == nil && n < o.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	want := s.sums[key]
	s.mu.Unlock()
	if got := hex.EncodeToString(h.Sum(nil)); want != "" && got != want {
		return &store.Failure{Name: full, Err: fmt.Errorf("want the shard that the index was made with (SHA-256 %.12s…), "+
			"but it is another one (%.12s…): put the old one back, or pack the shards anew", want, got)}
	}
	return nil
}
