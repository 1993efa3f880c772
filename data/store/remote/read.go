package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"contralens/data/store"
)

// isShard reports whether a file is one of those that are fetched as a whole, although
// parts of it are read.
func isShard(name string) bool { return strings.HasSuffix(name, ".tar") }

// ReadAt reads part of a file: from the disk if it is kept there, else from the store.
func (s *Store) ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error) {
	key, full := s.key(name)
	o, folder, err := s.describe(ctx, key, full)
	if folder {
		return nil, errors.New("it is a folder")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s.readMade(ctx, full, buf, offset, size)
	}
	if err != nil {
		return nil, err
	}
	if size < 0 {
		size = max(0, o.size-offset)
	}
	if end := offset + size; end > o.size {
		return nil, fmt.Errorf("it ends after %d of %d bytes", max(0, o.size-offset), size)
	}
	if s.cache != nil && o.size > 0 {
		if b, err := s.cached(ctx, key, full, o, buf, offset, size); b != nil || err != nil {
			return b, err
		}
	}
	return s.direct(ctx, key, full, o, buf, offset, size)
}

// direct reads part of a file from the store.
func (s *Store) direct(
	ctx context.Context, key, full string, o object, buf []byte, offset, size int64,
) ([]byte, error) {
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if size == 0 {
		return buf, nil
	}
	return buf, s.retry(ctx, full, func(ctx context.Context) error {
		r, err := s.open(ctx, key, full, offset, size, o)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.ReadFull(r, buf)
		return err
	})
}

// cached reads from the disk what is kept there. It returns nil if the store is to be asked.
func (s *Store) cached(
	ctx context.Context, key, full string, o object, buf []byte, offset, size int64,
) ([]byte, error) {
	read := func() []byte {
		b, err := store.Disk{}.ReadAt(ctx, s.cache.path(full, o), buf, offset, size)
		if err != nil {
			return nil // not kept, or evicted
		}
		if b == nil {
			b = []byte{}
		}
		s.cache.use(s.cache.path(full, o))
		return b
	}
	if b := read(); b != nil || ctx.Err() != nil {
		return b, ctx.Err()
	}
	s.mu.Lock()
	whole := !isShard(full) || s.wanted[key] || s.fetch[key].failed()
	s.mu.Unlock()
	if !whole {
		if b := read(); b != nil || ctx.Err() != nil { // it came since the first look
			return b, ctx.Err()
		}
		s.beside(key, full, o)
		return nil, nil
	}
	if err := s.fetchNow(ctx, key, full, o); err != nil {
		return nil, err
	}
	return read(), ctx.Err()
}

// open begins to read a part of a file that must be what it was.
func (s *Store) open(
	ctx context.Context, key, full string, offset, size int64, want object,
) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	r, got, err := s.backend.get(ctx, key, offset, size, want)
	if err == nil && !want.same(got) {
		r.Close()
		err = changed(full, want, got)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = &store.Failure{Name: full, Err: errors.New(
			"want the file that was there when reading began, but it was removed")}
	}
	if errors.Is(err, errChanged) {
		now, e := s.backend.stat(ctx, key)
		if e != nil {
			now = object{}
		}
		err = changed(full, want, now)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &body{ReadCloser: r, stop: cancel, timer: time.AfterFunc(stall, cancel)}, nil
}

// errChanged says that a file is not what was asked for.
var errChanged = errors.New("it has changed")

func changed(name string, want, got object) error {
	what := fmt.Sprintf("the %d bytes", want.size)
	if !want.modified.IsZero() {
		what += " of " + want.modified.UTC().Format(time.DateTime)
	}
	now := fmt.Sprintf("%d bytes", got.size)
	if !got.modified.IsZero() {
		now += " of " + got.modified.UTC().Format(time.DateTime)
	}
	return &store.Failure{Name: name, Err: fmt.Errorf(
		"want %s that were there when reading began, but it has changed (now %s): put the old file back, "+
			"or start anew", what, now)}
}

// stall is how long a body may send nothing.
const stall = 30 * time.Second

// body is what a store sends. It fails when nothing comes for a while.
type body struct {
	io.ReadCloser
	stop  context.CancelFunc
	timer *time.Timer
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(stall)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	defer b.stop()
	return b.ReadCloser.Close()
}

// block is how much of a file that is not kept is read at a time.
const block = 8 << 20

// Open opens a file to be read as a stream: from the disk, after it was fetched, or in
// blocks if nothing is kept.
func (s *Store) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	key, full := s.key(name)
	o, folder, err := s.describe(ctx, key, full)
	if folder {
		return nil, errors.New("it is a folder")
	}
	if err != nil {
		return nil, err
	}
	if s.cache != nil && o.size > 0 {
		if err := s.fetchNow(ctx, key, full, o); err != nil {
			return nil, err
		}
		if f, err := os.Open(s.cache.path(full, o)); err == nil {
			return reader{f, ctx}, nil
		}
	}
	return reader{nopCloser{io.NewSectionReader(&blocks{read: func(buf []byte, from, size int64) ([]byte, error) {
		return s.direct(ctx, key, full, o, buf, from, size)
	}, size: o.size}, 0, o.size)}, ctx}, nil
}

// reader is a stream that fails when its context ends.
type reader struct {
	io.ReadSeekCloser
	ctx context.Context
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadSeekCloser.Read(b)
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// blocks reads a file block by block.
type blocks struct {
	read  func(buf []byte, from, size int64) ([]byte, error)
	size  int64
	start int64
	block []byte
}

// ReadAt reads at most to the end of a block.
func (b *blocks) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && at+int64(n) < b.size {
		from := at + int64(n)
		if from < b.start || from >= b.start+int64(len(b.block)) {
			if b.block, err = b.read(b.block, from, min(block, b.size-from)); err != nil {
				return n, err
			}
			b.start = from
		}
		n += copy(p[n:], b.block[from-b.start:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write keeps a small file, which belongs into a folder of the store, on the disk instead:
// the store is only read. A file of that name in the store comes first.
func (s *Store) Write(ctx context.Context, name string, write func(io.Writer) error) error {
	if s.cache == nil {
		return errors.New("nothing is kept on the disk")
	}
	_, full := s.key(name)
	return store.Disk{}.Write(ctx, s.cache.made(full), write)
}

func (s *Store) readMade(ctx context.Context, full string, buf []byte, offset, size int64) ([]byte, error) {
	if s.cache == nil {
		return nil, fs.ErrNotExist
	}
	file, err := store.ReadFile(ctx, store.Disk{}, s.cache.made(full))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return store.Memory{"made": file}.ReadAt(ctx, "made", buf, offset, size)
}
