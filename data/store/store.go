// Package store provides the bytes of datasets. Datasets read all their files, folders,
// lists and annotations through a Store, so they can be on disk (Disk), in memory
// (Memory), or in an object store.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// Store reads named files. Names are paths with slashes. Methods may be called from
// several goroutines at once, and return ctx's error soon after ctx ends. Errors do not
// repeat the name. The error of a missing file satisfies errors.Is(err,
// fs.ErrNotExist).
type Store interface {
	// Open opens a file to be read as a stream.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// ReadAt reads size bytes from offset, or if size < 0 everything to the end, into
	// buf if they fit. A file that ends before that is an error.
	ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error)
	// List lists the direct contents of a folder, sorted by name.
	List(ctx context.Context, name string) ([]Entry, error)
	// Stat describes a file or folder.
	Stat(ctx context.Context, name string) (Info, error)
}

// Writer is a Store that can be written to.
type Writer interface {
	Store
	// Write creates or replaces a file with what write writes. If it fails, nothing
	// changes.
	Write(ctx context.Context, name string, write func(io.Writer) error) error
}

// Entry is a file or folder in a folder.
type Entry struct {
	Name   string // without the path of the folder
	Folder bool   // true for a link to a folder too
}

// Info describes a file or folder.
type Info struct {
	Folder   bool
	Size     int64     // bytes of a file
	Modified time.Time // zero if the store does not know
	// ID identifies a folder that has several names because of links. It is empty if
	// the store has no links.
	ID string
}

// ReadFile reads a whole file.
func ReadFile(ctx context.Context, s Store, name string) ([]byte, error) {
	return s.ReadAt(ctx, name, nil, 0, -1)
}

// IsFolder reports whether a folder with that name exists.
func IsFolder(ctx context.Context, s Store, name string) bool {
	info, err := s.Stat(ctx, name)
	return err == nil && info.Folder
}

// Exists reports whether a file or folder with that name exists. Any error counts as a
// missing file, so a store whose calls can fail temporarily must retry them itself.
func Exists(ctx context.Context, s Store, name string) bool {
	_, err := s.Stat(ctx, name)
	return err == nil
}

// Cause returns a file system's error without its operation and path, for messages that
// name the path anyway.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
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
