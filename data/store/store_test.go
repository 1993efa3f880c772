package store

import (
	"context"
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

// stores are stores with the same files, and the folder of these files.
func stores(t *testing.T, files map[string]string) map[string]struct {
	Store
	root string
} {
	t.Helper()
	dir, memory := t.TempDir(), Memory{}
	for name, content := range files {
		memory["root/"+name] = []byte(content)
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]struct {
		Store
		root string
	}{"disk": {Disk{}, dir}, "memory": {memory, "root"}}
}

// All stores give the same answers.
func TestStores(t *testing.T) {
	ctx := context.Background()
	for kind, s := range stores(t, map[string]string{"b.txt": "hello", "a/x/1": "1", "a/2": "22", "empty": ""}) {
		t.Run(kind, func(t *testing.T) {
			at := func(name string) string { return filepath.Join(s.root, name) }
			if e, err := s.List(ctx, s.root); err != nil || fmt.Sprint(e) != "[{a true} {b.txt false} {empty false}]" {
				t.Errorf("List of the root: %v, %v", e, err)
			}
			if e, err := s.List(ctx, at("a")); err != nil || fmt.Sprint(e) != "[{2 false} {x true}]" {
				t.Errorf("List of a: %v, %v", e, err)
			}
			if i, err := s.Stat(ctx, at("b.txt")); err != nil || i.Folder || i.Size != 5 {
				t.Errorf("Stat of a file: %+v, %v", i, err)
			}
			if i, err := s.Stat(ctx, at("a")); err != nil || !i.Folder {
				t.Errorf("Stat of a folder: %+v, %v", i, err)
			}
			buf := make([]byte, 0, 16)
			for _, tc := range []struct {
				offset, size int64
				want         string
			}{{0, -1, "hello"}, {1, 3, "ell"}, {2, -1, "llo"}, {5, -1, ""}, {5, 0, ""}} {
				b, err := s.ReadAt(ctx, at("b.txt"), buf, tc.offset, tc.size)
				if err != nil || string(b) != tc.want || (len(b) > 0 && &b[0] != &buf[:1][0]) {
					t.Errorf("ReadAt %d, %d: %q, %v, want %q in the given memory", tc.offset, tc.size, b, err, tc.want)
				}
			}
			if _, err := s.ReadAt(ctx, at("b.txt"), nil, 3, 4); err == nil ||
				!strings.Contains(err.Error(), "ends after 2 of 4 bytes") {
				t.Errorf("ReadAt beyond the end: %v", err)
			}
			if _, err := s.ReadAt(ctx, at("a"), nil, 0, 4); err == nil || strings.Contains(err.Error(), "ends after") {
				t.Errorf("ReadAt of a folder: %v, want an error about the folder", err)
			}
			if b, err := ReadFile(ctx, s, at("empty")); err != nil || len(b) != 0 {
				t.Errorf("an empty file: %q, %v", b, err)
			}
			f, err := s.Open(ctx, at("b.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seek(2, io.SeekStart); err != nil {
				t.Error(err)
			}
			if b, err := io.ReadAll(f); err != nil || string(b) != "llo" || f.Close() != nil {
				t.Errorf("Open, Seek and read: %q, %v", b, err)
			}
			if _, err := s.Open(ctx, at("a")); err == nil || !strings.Contains(err.Error(), "folder") {
				t.Errorf("Open of a folder: %v", err)
			}
			if Exists(ctx, s, at("c")) || !Exists(ctx, s, at("b.txt")) || IsFolder(ctx, s, at("b.txt")) ||
				!IsFolder(ctx, s, at("a/x")) {
				t.Error("Exists or IsFolder is wrong")
			}
			missing := map[string]error{}
			_, missing["Open"] = s.Open(ctx, at("c"))
			_, missing["ReadAt"] = s.ReadAt(ctx, at("c"), nil, 0, -1)
			_, missing["List"] = s.List(ctx, at("c"))
			_, missing["Stat"] = s.Stat(ctx, at("c"))
			for call, err := range missing {
				if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), s.root) {
					t.Errorf("%s of a missing file: %v, want fs.ErrNotExist without the name", call, err)
				}
			}
		})
	}
}

// After the context has ended, nothing is read, not even from an open stream.
func TestStop(t *testing.T) {
	for kind, s := range stores(t, map[string]string{"a/b": "hello"}) {
		ctx, stop := context.WithCancel(context.Background())
		name := filepath.Join(s.root, "a/b")
		f, err := s.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		stopped := map[string]error{}
		_, stopped["Read"] = f.Read(make([]byte, 1))
		_, stopped["Open"] = s.Open(ctx, name)
		_, stopped["ReadAt"] = s.ReadAt(ctx, name, nil, 0, -1)
		_, stopped["List"] = s.List(ctx, filepath.Dir(name))
		_, stopped["Stat"] = s.Stat(ctx, name)
		for call, err := range stopped {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %s after a stop: %v", kind, call, err)
			}
		}
	}
}

// On disk, links are followed, a folder has one ID under all its names, and pipes do
// not block.
func TestDisk(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Mkdir(at("real"), 0o755), os.Symlink("real", at("link")),
		os.Symlink("nowhere", at("dangling")), syscall.Mkfifo(at("pipe"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := (Disk{}).List(ctx, dir); err != nil ||
		fmt.Sprint(e) != "[{dangling false} {link true} {pipe false} {real true}]" {
		t.Errorf("List: %v, %v", e, err)
	}
	file, err1 := Disk{}.Stat(ctx, at("real"))
	link, err2 := Disk{}.Stat(ctx, at("link"))
	parent, err3 := Disk{}.Stat(ctx, dir)
	if err := errors.Join(err1, err2, err3); err != nil || file.ID != link.ID || file.ID == "" || file.ID == parent.ID {
		t.Errorf("IDs %q, %q and the parent's %q: %v", file.ID, link.ID, parent.ID, err)
	}
	if _, err := (Disk{}).ReadAt(ctx, at("pipe"), nil, 0, -1); err == nil ||
		!strings.Contains(err.Error(), "it is a pipe") {
		t.Errorf("a pipe: %v", err)
	}
	pipe, err := os.OpenFile(at("pipe"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := io.WriteString(pipe, "lines"); err != nil {
		t.Fatal(err)
	}
	stream, err := Disk{}.Open(ctx, at("pipe"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(stream, b); err != nil || string(b) != "lines" {
		t.Errorf("what was written to a pipe: %q, %v", b, err)
	}
	var w Writer = Disk{}
	if err := w.Write(ctx, at("new"), func(w io.Writer) error {
		_, err := io.WriteString(w,
			"x")
		return err
	}); err != nil {
		t.Error(err)
	}
	if b, err := ReadFile(ctx, w, at("new")); err != nil || string(b) != "x" {
		t.Errorf("what was written: %q, %v", b, err)
	}
}
