package sets

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"contralens/data/datatest"
)

// utf16LE is text as Windows writes it.
func utf16LE(text string) string {
	b := []byte("\xFF\xFE")
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// Lists of other programs are read: the separator is the one by which images exist.
func TestListsOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		list   string
		images string // paths with their labels
		note   string
	}{
		"tab":              {"im/1.jpg\tcat\nim/2.jpg\tdog\n", "im/1.jpg:0 im/2.jpg:1", ""},
		"tab, more":        {"im/1.jpg\tcat\t0\t9\nim/2.jpg\tdog\t3\t4\n", "im/1.jpg:0 im/2.jpg:1", ""},
		"byte order mark":  {"\uFEFFim/1.jpg\tcat\r\nim/2.jpg\tdog\r\n", "im/1.jpg:0 im/2.jpg:1", ""},
		"UTF-16":           {utf16LE("im/1.jpg\tcat\r\nim/ü.jpg\tdog\r\n"), "im/1.jpg:0 im/ü.jpg:1", ""},
		"blank":            {"im/1.jpg 10\nim/2.jpg 9\n", "im/1.jpg:1 im/2.jpg:0", ""},
		"blanks in paths":  {"im/a b 3.jpg 1\nim/1.jpg   0\n", "im/a b 3.jpg:1 im/1.jpg:0", ""},
		"blanks, no label": {"im/a b 3.jpg\nim/1.jpg\n", "im/a b 3.jpg:-1 im/1.jpg:-1", ""},
		"blank at the end": {"im/a b 3.jpg \t 1 \nim/1.jpg\t0\t\n", "im/a b 3.jpg:1 im/1.jpg:0", ""},
		"comma":            {"im/1.jpg,cat\nim/2.jpg, dog\n", "im/1.jpg:0 im/2.jpg:1", ""},
		"commas in paths":  {"\"im/x, y.jpg\",cat\nim/2.jpg,\"dog, small\"\n", "im/x, y.jpg:0 im/2.jpg:1", ""},
		"comma, no label":  {"im/x, y.jpg\nim/1.jpg\n", "im/x, y.jpg:-1 im/1.jpg:-1", ""},
		"semicolon":        {"im/1.jpg;cat\nim/2.jpg;dog\n", "im/1.jpg:0 im/2.jpg:1", ""},
		"header":           {"filename,label\nim/1.jpg,cat\nim/2.jpg,dog\n", "im/1.jpg:0 im/2.jpg:1", "names of columns"},
		"other columns": {"id,Class,split,Image_Path\n0,cat,a,im/1.jpg\n1,dog,b,im/2.jpg\n", "im/1.jpg:0 im/2.jpg:1",
			"images are in column 4, classes in column 2"},
		"quoted header":  {"\"path\"\t\"x\"\n\"im/1.jpg\"\t1\nim/2.jpg\t2\n", "im/1.jpg:-1 im/2.jpg:-1", "no classes"},
		"backslashes":    {"im\\1.jpg 1\nim\\2.jpg 0\n", "im/1.jpg:1 im/2.jpg:0", ""},
		"one is missing": {"im/1.jpg 0\nim/9.jpg 1\nim/2.jpg 1\n", "im/1.jpg:0 im/9.jpg:1 im/2.jpg:1", ""},
		"below images":   {"im2/4.jpg 0\n", "images/im2/4.jpg:0", "relative to"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Write(t, dir, "im/1.jpg", "im/2.jpg", "im/a b 3.jpg", "im/x, y.jpg", "im/ü.jpg", "images/im2/4.jpg")
			datatest.Put(t, dir, "some.txt", []byte(tc.list))
			var notes []string
			train, _, err := opened(t, Options{
				Folder: filepath.Join(dir, "some.txt"), Note: func(s string) { notes = append(notes, s) },
			})
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
			if (tc.note == "") != (len(notes) == 0) || !strings.Contains(fmt.Sprint(notes), tc.note) {
				t.Errorf("notes %q, want %q", notes, tc.note)
			}
		})
	}
}

// A list may lie in a folder beside the one with the images, and be of any split's name.
func TestListElsewhere(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "train/a/1.jpg", "val/2.jpg")
	datatest.Put(t, dir, "meta/train.txt", []byte("a/1.jpg 0\n"))
	datatest.Put(t, dir, "meta/valid.csv", []byte("../val/2.jpg,0\n"))
	for _, folder := range []string{"meta", "meta/train.txt"} {
		train, test, err := opened(t, Options{Name: "list", Folder: filepath.Join(dir, folder)})
		if err != nil || train.Path(0) != filepath.Join(dir, "train/a/1.jpg") || test == nil || test.Len() != 1 {
			t.Errorf("%s: %v, test %v", folder, err, test)
		}
	}
}

// What is no list, and a list of images that are not there, are named at once.
func TestNoList(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "1.jpg", "2.png")
	datatest.Put(t, dir, "x.tar", datatest.Tar(t, "1.jpg", "x"))
	datatest.Put(t, dir, "x.zip", []byte("PK\x03\x04"))
	datatest.Put(t, dir, "x.txt.gz", []byte("\x1F\x8B\x08"))
	datatest.Put(t, dir, "gone.txt", []byte("a b.jpg 3\nc.jpg 4\n"))
	datatest.Put(t, dir, "one.txt", []byte("a b.jpg\tx\n"))
	datatest.Put(t, dir, "mixed.txt", []byte("1.jpg 3\n2.png\n"))
	datatest.Put(t, dir, "two/training.txt", []byte("x"))
	datatest.Put(t, dir, "two/train_list.csv", []byte("x"))
	for name, want := range map[string]string{
		"1.jpg":     "it is a JPEG image; name the folder that it is in",
		"2.png":     "it is a PNG image",
		"x.tar":     "it is a tar file",
		"x.zip":     "a zip file, which must be unpacked",
		"x.txt.gz":  "a gzip file",
		"gone.txt":  `none of the first 2 images is there, beginning with "a b.jpg"`,
		"one.txt":   `there is no such image "a b.jpg"`,
		"mixed.txt": "line 2: want a label on every line, or on none, as path<blank>label",
	} {
		if _, _, err := opened(t, Options{Folder: filepath.Join(dir, name)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	if _, _, err := opened(t, Options{Name: "list", Folder: filepath.Join(dir, "two")}); err == nil ||
		!strings.Contains(err.Error(), `got "train_list.csv", "training.txt"`) {
		t.Errorf("two lists: %v", err)
	}
}
