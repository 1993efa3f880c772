package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"contralens/internal/durable"
)

// Disk is the file system. When its context ends, a read stops between two system
// calls, not within one. Each read opens its file anew. That takes microseconds where
// decoding takes milliseconds, and the number of open files stays small.
type Disk struct{}

// Open opens a file for reading from its beginning. It may be a pipe, which can be read
// but not sought in.
func (Disk) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	f, err := open(ctx, name)
	if err != nil {
		return nil, err
	}
	if _, err := stat(f); err != nil {
		f.Close()
		return nil, err
	}
	return reader{f, ctx}, nil
}

// ReadAt reads part of a file.
func (Disk) ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error) {
	f, err := open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size < 0 {
		if size, err = length(f); err != nil {
			return nil, err
		}
		size = max(0, size-offset)
	}
	buf = resize(buf, size)
	n, err := f.ReadAt(buf, offset)
	switch {
	case int64(n) == size:
		return buf, nil
	case err == io.EOF:
		return nil, ends(int64(n), size)
	}
	return nil, Cause(err)
}

func open(ctx context.Context, name string) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Without O_NONBLOCK, opening a pipe without a writer blocks forever.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	return f, Cause(err)
}

// stat describes an open file. A folder is an error.
func stat(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, Cause(err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	return info, nil
}

// length returns the size of a file in bytes. A folder, pipe or device is an error.
func length(f *os.File) (int64, error) {
	info, err := stat(f)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.New("it is a pipe or a device")
	}
	return info.Size(), nil
}

// List lists a folder.
func (Disk) List(ctx context.Context, name string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := os.ReadDir(name) // sorted by name
	if err != nil {
		return nil, Cause(err)
	}
	entries := make([]Entry, len(all))
	for i, e := range all {
		entries[i] = Entry{Name: e.Name(), Folder: e.IsDir()}
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(name, e.Name()))
			entries[i].Folder = err == nil && info.IsDir()
		}
	}
	return entries, nil
}

// Stat describes a file or folder.
func (Disk) Stat(ctx context.Context, name string) (Info, error) {
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, Cause(err)
	}
	i := Info{Folder: info.IsDir(), Size: info.Size(), Modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		i.ID = fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	}
	return i, nil
}

// Write creates or replaces a file.
func (Disk) Write(ctx context.Context, name string, write func(io.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return Cause(durable.Write(name, write))
}

// resize returns a slice of size bytes, in buf if they fit.
func resize(buf []byte, size int64) []byte {
	if int64(cap(buf)) < size {
		return make([]byte, size)
	}
	return buf[:size]
}

func ends(got, want int64) error { return fmt.Errorf("it ends after %d of %d bytes", got, want) }
