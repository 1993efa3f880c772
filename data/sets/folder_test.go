package sets

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"contralens/data/datatest"
)

// Odd folder trees are read as far as possible, and what is left out is reported.
func TestFolderOddities(t *testing.T) {
	for _, tc := range []struct {
		name        string
		files       []string
		dirs, links []string // links as "new -> old"
		images      string   // paths of the training images with their labels
		test        int
		notes       []string
	}{
		{
			name: "empty class", files: []string{"train/a/1.jpg", "train/c/1.jpg", "val/c/1.jpg"}, dirs: []string{"train/b"},
			images: "train/a/1.jpg:0 train/c/1.jpg:1", test: 1, notes: []string{"train/b has no images"},
		},
		{
			name: "names", files: []string{"Kühe & Schafe/ein Bild.PNG", "犬/一 二.jpg", "犬/.hidden/x.jpg"},
			images: "Kühe & Schafe/ein Bild.PNG:0 犬/一 二.jpg:1",
		},
		{
			name: "nested", files: []string{"a/deep/er/1.jpg", "a/2.bmp.jpg", "b/1.jpg"},
			images: "a/2.bmp.jpg:0 a/deep/er/1.jpg:0 b/1.jpg:1",
		},
		{
			name: "links", files: []string{"real/1.jpg", "other/2.jpg"},
			links:  []string{"linked -> real", "real/again -> ../real", "other/up -> .."},
			images: "linked/1.jpg:0 other/2.jpg:1 real/1.jpg:2",
			notes:  []string{"linked/again links back", "other/up links back", "real/again links back"},
		},
		{
			name: "flat training, classes to test", files: []string{"train/1.jpg", "train/2.jpg", "val/a/1.jpg"},
			images: "train/1.jpg:-1 train/2.jpg:-1", notes: []string{"val is left out"},
		},
		{
			name: "loose images", files: []string{"a/1.jpg", "x.jpg", "y.webp"}, images: "a/1.jpg:0",
			notes: []string{"2 images beside"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Write(t, dir, tc.files...)
			for _, d := range tc.dirs {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, l := range tc.links {
				from, to, _ := strings.Cut(l, " -> ")
				if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
					t.Fatal(err)
				}
			}
			var notes []string
			train, test, err := opened(t, Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
			if err != nil {
				t.Fatal(err)
			}
			var images []string
			for i := range train.Len() {
				rel, _ := filepath.Rel(dir, train.Path(i))
				images = append(images, fmt.Sprint(rel, ":", train.Label(i)))
			}
			if got := strings.Join(images, " "); got != tc.images {
				t.Errorf("got  %s\nwant %s", got, tc.images)
			}
			if n := 0; test != nil {
				if n = test.Len(); n != tc.test || test.Label(0) != 1 {
					t.Errorf("%d test images of class %d, want %d of class 1", n, test.Label(0), tc.test)
				}
			} else if tc.test > 0 {
				t.Error("no test images")
			}
			if len(notes) != len(tc.notes) {
				t.Fatalf("notes %q, want %q", notes, tc.notes)
			}
			for i, n := range notes {
				if !strings.Contains(n, tc.notes[i]) {
					t.Errorf("note %q, want %q", n, tc.notes[i])
				}
			}
		})
	}
}

// A folder that cannot be read is an error that names it, because labels would shift
// without it. Root can read everything, so the test changes its user.
func TestFolderWithoutPermission(t *testing.T) {
	if dir := os.Getenv("CLOSED_FOLDER"); dir != "" {
		_, _, err := opened(t, Options{Folder: dir})
		fmt.Println("result:", err)
		return
	}
	dir, err := os.MkdirTemp("/tmp", "closed")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	datatest.Write(t, dir, "a/1.jpg", "b/1.jpg")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "b")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(closed, 0o755) // or it could not be removed
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "test")
	if err := os.WriteFile(self, program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=TestFolderWithoutPermission$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CLOSED_FOLDER="+dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), closed+": want a folder that can be read, but permission denied") {
		t.Errorf("%v: %s", err, out)
	}
}
