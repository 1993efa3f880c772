package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func put(path, text string) error {
	return Write(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// want checks that path is the only file in dir and has the given content.
func want(t *testing.T, path, text string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("%s holds %.40q, %v; want %.40q", path, b, err, text)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("want one file, found %v, %v", files, err)
	}
}

func TestWriteReplacesOrLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a[1]*", "file")
	if err := put(path, "x"); err == nil {
		t.Error("a file in a folder that is not there was written")
	}
	if err := put(path, "x"); err == nil || !strings.Contains(err.Error(), "there is no folder "+filepath.Dir(path)) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"old", "new"} {
		if err := put(path, text); err != nil {
			t.Fatal(err)
		}
		want(t, path, text)
	}
	if err := put(filepath.Dir(path), "x"); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("onto a folder: %v", err)
	}
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("part", 1<<20))
		return fmt.Errorf("write: %w", syscall.ENOSPC)
	})
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("a full disk: %v", err)
	}
	want(t, path, "new")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), ".file.123"+suffix), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Clean(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new")
}

// A pipe, a device and a link stay what they are.
func TestWriteReplacesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	pipe, file, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "sub", "file"), filepath.Join(dir, "link")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Mkdir(filepath.Dir(file), 0o700), put(file, "old"),
		os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		b, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- string(b)
	}()
	if err := errors.Join(Possible(pipe), put(pipe, "text")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "text" {
		t.Errorf("the pipe's reader sees %q", got)
	}
	if err := put(link, "new"); err != nil {
		t.Fatal(err)
	}
	want(t, file, "new")
	for path, kind := range map[string]fs.FileMode{pipe: fs.ModeNamedPipe, link: fs.ModeSymlink} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != kind {
			t.Errorf("%s is %v now, %v", path, info, err)
		}
	}
}

// A real full disk and a real read-only folder, if this process may mount.
func TestFullAndReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("not tested on a real disk, only by injection above: mounting is not allowed here (%v)", err)
		return
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "file")
	if err := put(path, "old"); err != nil {
		t.Fatal(err)
	}
	if err := put(path, strings.Repeat("x", 3<<20)); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("a full disk: %v", err)
	}
	want(t, path, "old")
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := put(path, "new"); err == nil || !strings.Contains(err.Error(), "is not writable") {
		t.Errorf("a read-only folder: %v", err)
	}
	want(t, path, "old")
}

// Possible finds what would stop Write, and leaves nothing behind.
func TestPossible(t *testing.T) {
	dir := t.TempDir()
	if err := Possible(filepath.Join(dir, "x.html")); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "it is a folder", filepath.Join(dir, "none", "x"): "no folder", filepath.Join(dir, "file", "x"): "no folder"} {
		if err := Possible(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
