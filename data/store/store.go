// Package store provides the bytes of datasets. Datasets read all their files, folders,
// lists and annotations through a Store, so they can be on disk, in memory, or in an
// object store.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// Store reads named files. Names are paths with slashes. A method may be called from
// several goroutines at once, and returns ctx's error soon after ctx ends. Errors don't
// repeat the name; that of a missing file is fs.ErrNotExist to errors.Is.
type Store interface {
	// Open opens a file to be read as a stream.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// ReadAt reads size bytes from offset on, or with size < 0 all to the end, into
	// buf's memory if they fit. A file that ends before is an error.
	ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error)
	// List lists what is directly in a folder, sorted by name.
	List(ctx context.Context, name string) ([]Entry, error)
	// Stat describes a file or folder.
	Stat(ctx context.Context, name string) (Info, error)
}

// Writer is a Store that files can be added to.
type Writer interface {
	Store
	// Write makes or replaces a file with what write writes, all or nothing.
	Write(ctx context.Context, name string, write func(io.Writer) error) error
}

// Entry is something in a folder.
type Entry struct {
	Name   string // without the folder's
	Folder bool   // also of a link to a folder
}

// Info describes a file or folder.
type Info struct {
	Folder   bool
	Size     int64     // bytes of a file
	Modified time.Time // zero where a store doesn't know
	// ID is the same for all names of a folder, which links can give it several of;
	// empty where a store has no links.
	ID string
}

// ReadFile reads a whole file.
func ReadFile(ctx context.Context, s Store, name string) ([]byte, error) {
	return s.ReadAt(ctx, name, nil, 0, -1)
}

// IsFolder reports whether there is a folder of that name.
func IsFolder(ctx context.Context, s Store, name string) bool {
	info, err := s.Stat(ctx, name)
	return err == nil && info.Folder
}

// Exists reports whether there is a file or folder of that name. A store whose calls
// can fail for a while tries again itself: a failure is taken for a missing file.
func Exists(ctx context.Context, s Store, name string) bool {
	_, err := s.Stat(ctx, name)
	return err == nil
}

// Cause is a file system's error without the operation and the path, for messages
// that name the path already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// reader ends the reading of a stream with a context.
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
