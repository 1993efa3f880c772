// Package durable replaces files atomically: whatever happens, a path has either the old
// or the new content, never a part of it.
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// suffix ends the names of temporary files; see Clean.
const suffix = ".partial"

// Write makes or replaces the file path with what write writes. It writes to a temporary
// file in the same folder, syncs it, then renames it. If anything fails, path is unchanged
// and the temporary file is removed. Only a killed process leaves it, for Clean to remove.
// A link keeps pointing where it points. What is no file, such as /dev/null or a pipe, is
// written to as it is: nothing may be put in its place.
func Write(path string, write func(io.Writer) error) (err error) {
	if target, e := filepath.EvalSymlinks(path); e == nil {
		path = target
	}
	info, statErr := os.Stat(path)
	if statErr == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return through(path, write)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+suffix)
	if err != nil {
		return Explain(noFolder(path, err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = Explain(err)
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	if err = write(b); err != nil {
		return err
	}
	if err = b.Flush(); err != nil {
		return err
	}
	if statErr == nil && info.IsDir() {
		return fmt.Errorf("want the name of a file, but %s is a folder", path)
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	// The new name is durable once the folder is synced, where the system supports that.
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err = d.Sync(); errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return err
}

// through writes to the device or pipe path.
func through(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return Explain(err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	return Explain(errors.Join(err, f.Close()))
}

// Possible returns the error that Write would meet because of where path is. It is for
// commands that work for long before they write.
func Possible(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s: want the name of a file, but it is a folder", path)
	} else if err == nil && !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+suffix)
	if err != nil {
		return fmt.Errorf("%s: %w", path, Explain(noFolder(path, err)))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// noFolder names the missing folder, if that is why path cannot be made.
func noFolder(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("there is no folder %s to write %s in: create it, or choose another one", filepath.Dir(path),
			filepath.Base(path))
	}
	return err
}

// Explain adds advice to write errors that a user can fix.
func Explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk is full; existing files are unchanged: free some space and continue (%w)", err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the folder is not writable: make it writable or choose another one (%w)", err)
	}
	return err
}

// Clean removes temporary files that killed processes left in dir. No other process may be
// writing there.
func Clean(dir string) error {
	paths, err := filepath.Glob(filepath.Join(glob(dir), ".*"+suffix))
	for _, p := range paths {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}

// glob escapes the characters of dir that are special in patterns.
func glob(dir string) string {
	var b []rune
	for _, r := range dir {
		switch r {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}
