package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Memory is a store of files in memory, by name. Folders exist through the names of
// files in them.
type Memory map[string][]byte

func (m Memory) file(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b, ok := m[path.Clean(name)]; ok {
		return b, nil
	}
	if m.folder(name) {
		return nil, errors.New("it is a folder")
	}
	return nil, fs.ErrNotExist
}

// below returns the prefix of the names of files in a folder.
func below(folder string) string {
	if folder = path.Clean(folder); folder == "." || folder == "/" {
		return strings.TrimPrefix(folder, ".")
	}
	return folder + "/"
}

func (m Memory) folder(name string) bool {
	for file := range m {
		if strings.HasPrefix(file, below(name)) {
			return true
		}
	}
	return false
}

// Open opens a file for reading from its beginning.
func (m Memory) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	b, err := m.file(ctx, name)
	if err != nil {
		return nil, err
	}
	return reader{nopCloser{bytes.NewReader(b)}, ctx}, nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// ReadAt reads part of a file.
func (m Memory) ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error) {
	b, err := m.file(ctx, name)
	if err != nil {
		return nil, err
	}
	b = b[min(offset, int64(len(b))):]
	if size < 0 {
		size = int64(len(b))
	}
	if int64(len(b)) < size {
		return nil, ends(int64(len(b)), size)
	}
	buf = resize(buf, size)
	copy(buf, b)
	return buf, nil
}

// List lists a folder.
func (m Memory) List(ctx context.Context, name string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for file := range m {
		if rest, ok := strings.CutPrefix(file, below(name)); ok {
			first, _, folder := strings.Cut(rest, "/")
			found[first] = folder
		}
	}
	if len(found) == 0 {
		return nil, fs.ErrNotExist
	}
	var entries []Entry
	for _, n := range slices.Sorted(maps.Keys(found)) {
		entries = append(entries, Entry{Name: n, Folder: found[n]})
	}
	return entries, nil
}

// Stat describes a file or folder.
func (m Memory) Stat(ctx context.Context, name string) (Info, error) {
	if ctx.Err() == nil && m.folder(name) {
		return Info{Folder: true}, nil
	}
	b, err := m.file(ctx, name)
	return Info{Size: int64(len(b))}, err
}
