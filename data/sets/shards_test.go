package sets

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/data/datatest"
	"contralens/views"
)

// A shard that is truncated at any byte gives the images before that, and reports it.
// Shards made by other programs are read.
func TestDamagedAndForeignShards(t *testing.T) {
	member := func(w *tar.Writer, name, content string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	jpg, err := os.ReadFile("../codec/testdata/formats/rgb.jpg")
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	w := tar.NewWriter(&whole)
	for i := range 3 {
		member(w, fmt.Sprintf("dir/%d.a.jpg", i), string(jpg)) // key "0", extension "a.jpg"
		member(w, fmt.Sprintf("dir/%d.cls", i), fmt.Sprint(i, "\n"))
		member(w, fmt.Sprintf("dir/%d.json", i), "{}")
	}
	w.Close()
	dir := t.TempDir()
	open := func(content []byte) (int, []string, error) {
		datatest.Put(t, dir, "x.tar", content)
		os.Remove(filepath.Join(dir, indexName))
		var notes []string
		p, err := Open(t.Context(), Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
		if err != nil {
			return 0, notes, err
		}
		var m views.Image
		for i := range p.Train.Len() {
			if err := p.Train.Image(t.Context(), i, &m); err != nil || (p.Train.Label(i) != i && p.Train.Len() > 1) ||
				m.W != 23 {
				t.Errorf("image %d: %v, label %d", i, err, p.Train.Label(i))
			}
		}
		return p.Train.Len(), notes, nil
	}
	if n, notes, err := open(whole.Bytes()); n != 3 || len(notes) > 0 || err != nil {
		t.Errorf("%d images, notes %q, %v", n, notes, err)
	}
	sample := (whole.Len() - 1024) / 3
	for cut := 1; cut < whole.Len()-1; cut += 257 {
		n, notes, err := open(whole.Bytes()[:cut])
		least := cut / sample
		if cut < 512+len(jpg) {
			if err == nil {
				t.Errorf("cut to %d bytes: %d images", cut, n)
			}
			continue
		}
		if err != nil || n < max(least, 1) || n > least+1 || !strings.Contains(strings.Join(notes, "; "), "ends early") {
			t.Errorf("cut to %d bytes: %v, %d images, want %d; notes %q", cut, err, n, least, notes)
		}
	}

	var odd bytes.Buffer
	w = tar.NewWriter(&odd)
	member(w, "a.cls", "0")
	member(w, "a.jpg", string(jpg)) // the class may come first
	member(w, "b.cls", "1")         // no image
	member(w, "c.jpg", string(jpg)) // not the number of a class
	member(w, "c.cls", "2000000000")
	member(w, "d.jpg", string(jpg))
	member(w, "d.cls", "dog")
	member(w, "e.png", string(jpg))
	member(w, "e.cls", "1")
	member(w, "f.jpg", "no image")
	member(w, "f.cls", "1")
	w.Close()
	datatest.Put(t, dir, "x.tar", odd.Bytes())
	os.Remove(filepath.Join(dir, indexName))
	var notes []string
	p, err := Open(t.Context(), Options{Folder: dir, MaxBad: 0.01, Note: func(s string) { notes = append(notes, s) }})
	if err != nil || p.Train.Len() != 3 || p.Train.Label(1) != 1 {
		t.Fatalf("%v, %d images; notes %q", err, p.Train.Len(), notes)
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 2, &m); err != nil {
		t.Error(err)
	}
	for i, want := range []string{"1 class files (key.cls) have no image",
		`want the number of a class, 0 to 1048575, as most images have, but 2 images have other texts; ` +
			`the first is "2000000000" in member c.cls`,
		"2 images without a class", "x.tar#f.jpg"} {
		if len(notes) != 4 || !strings.Contains(notes[i], want) {
			t.Fatalf("notes %q, want %q", notes, want)
		}
	}
	for _, text := range []string{"", "no tar file at all"} {
		if _, _, err := open([]byte(text)); err == nil || !strings.Contains(err.Error(), "WebDataset") {
			t.Errorf("%q as a shard: error %v", text, err)
		}
	}
}

// A tar file beside images or class folders is someone's backup, not a shard.
func TestTarBesideImages(t *testing.T) {
	for _, name := range []string{"a/1.jpg", "1.jpg"} {
		dir := t.TempDir()
		datatest.Write(t, dir, name)
		datatest.Put(t, dir, "backup.tar", []byte("x"))
		if train, _, err := opened(t, Options{Folder: dir}); err != nil || train.Len() != 1 {
			t.Errorf("%s and backup.tar: %v", name, err)
		}
	}
}

func FuzzShards(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range []struct{ name, content string }{{"a.jpg", "no image"}, {"a.cls", "3"}, {"b/c.d.png", ""},
		{"b/c.cls", "0"}, {"b/d.json", `{"label": "x"}`}, {"b/d.1.gif", ""}, {"e.jpg", ""}, {"e.txt", "cat"}} {
		w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644})
		w.Write([]byte(m.content))
	}
	w.Close()
	f.Add(b.Bytes(), []byte(indexMagic))
	f.Add(b.Bytes()[:2048], []byte(indexMagic+`{"Shards":[],"Entries":0,"Classes":["a"]}`+"\n1234"))
	f.Fuzz(func(t *testing.T, shard, index []byte) {
		dir := t.TempDir()
		datatest.Put(t, dir, "x.tar", shard)
		datatest.Put(t, dir, indexName, index)
		p, err := Open(t.Context(), Options{Folder: dir})
		if err != nil {
			return
		}
		var m views.Image
		for i := range min(10, p.Train.Len()) {
			_ = p.Train.Image(t.Context(), i, &m)
			if l := p.Train.Label(i); l >= len(p.Train.Classes()) || p.Train.Path(i) == "" {
				t.Errorf("image %d: label %d of %d classes", i, l, len(p.Train.Classes()))
			}
		}
	})
}

// Samples follow WebDataset's rule, and their classes may be numbers or names in files of
// several kinds. Nothing is lost without a note.
func TestShardsOfOthers(t *testing.T) {
	jpg, err := os.ReadFile("../codec/testdata/formats/rgb.jpg")
	if err != nil {
		t.Fatal(err)
	}
	const image = "\x00" // stands for jpg
	for name, tc := range map[string]struct {
		members []string // names and contents, alternating
		classes string   // names of the classes
		labels  string   // of each image
		note    string
	}{
		"dots in names": {[]string{"0.00.png", image, "0.01.png", image, "1.00.png", image}, "", "-1 -1 -1",
			"1 samples have several images (such as key.00.png, key.01.png)"},
		"left and right": {[]string{"a.left.png", image, "a.right.png", image, "a.cls", "1", "b.png", image, "b.cls", "0"},
			"0 1", "1 1 0", "1 samples have several images"},
		"names":               {[]string{"a.cls", "dog\n", "a.jpg", image, "b.jpg", image, "b.cls", "cat"}, "cat dog", "1 0", ""},
		"JSON, numbers":       {[]string{"a.jpg", image, "a.json", `{"id": 7, "label": 1}`, "b.jpg", image, "b.json", `{"label": 0.0}`}, "0 1", "1 0", "classes are read from key.json"},
		"JSON, names":         {[]string{"a.jpg", image, "a.json", `{"class_name": "ü"}`, "b.jpg", image, "b.json", `{"class_name": "a"}`}, "a ü", "1 0", "key.json"},
		"JSON in cls":         {[]string{"a.jpg", image, "a.cls.json", `{"label": "x"}`, "b.jpg", image, "b.cls.json", `{"label": "y"}`}, "x y", "0 1", ""},
		"JSON without":        {[]string{"a.jpg", image, "a.json", `{"caption": "a cat"}`}, "", "-1", "1 files key.json have none of label"},
		"text, numbers":       {[]string{"a.jpg", image, "a.txt", "3", "b.jpg", image, "b.txt", "0"}, "0 1 2 3", "3 0", "key.txt"},
		"text, names":         {[]string{"a.jpg", image, "a.txt", "x", "b.jpg", image, "b.txt", "x"}, "x", "0 0", "key.txt"},
		"captions":            {[]string{"a.jpg", image, "a.txt", "a cat sits", "b.jpg", image, "b.txt", "two dogs"}, "", "-1 -1", "differ from image to image"},
		"cls before the rest": {[]string{"a.jpg", image, "a.json", `{"label": 9}`, "a.cls", "0", "a.txt", "text"}, "0", "0", ""},
		"upper case":          {[]string{"a.JPG", image, "a.CLS", "0"}, "0", "0", ""},
		"folders":             {[]string{"x/a.jpg", image, "x/a.cls", "0", "y/a.jpg", image, "y/a.cls", "1"}, "0 1", "0 1", ""},
		"other formats": {[]string{"a.jpg", image, "b.jp2", "x", "c.npy", "y"}, "", "-1",
			"2 members are left out, because they are not"},
		"GIF and TIFF": {[]string{"a.gif", image, "b.tiff", image}, "", "-1 -1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			members := slices.Clone(tc.members)
			for i := range members {
				if members[i] == image {
					members[i] = string(jpg)
				}
			}
			datatest.Put(t, dir, "x.tar", datatest.Tar(t, members...))
			for range 2 { // the second time with the index
				var notes []string
				train, _, err := opened(t, Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
				if err != nil {
					t.Fatal(err)
				}
				var labels []string
				for i := range train.Len() {
					labels = append(labels, fmt.Sprint(train.Label(i)))
				}
				if c, l := strings.Join(train.Classes(), " "), strings.Join(labels, " "); c != tc.classes || l != tc.labels {
					t.Errorf("classes %q, labels %q; want %q, %q", c, l, tc.classes, tc.labels)
				}
				if (tc.note == "") != (len(notes) == 0) || !strings.Contains(fmt.Sprint(notes), tc.note) {
					t.Errorf("notes %q, want %q", notes, tc.note)
				}
			}
		})
	}
}

// Five thousand class files that cannot be understood give one note.
func TestShardNotesAreFew(t *testing.T) {
	var members []string
	for i := range 300 {
		members = append(members, fmt.Sprint(i, ".jpg"), "x", fmt.Sprint(i, ".cls"), strings.Repeat("long ", i*100))
	}
	dir := t.TempDir()
	datatest.Put(t, dir, "x.tar", datatest.Tar(t, members...))
	var notes []string
	train, _, err := opened(t, Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
	if err != nil || train.Len() != 300 || len(notes) > 2 {
		t.Errorf("%v, %d notes, the first %q", err, len(notes), notes[0])
	}
}

// Splits are folders of any of their names, or in the names of the shards. Classes of the
// tests are those of the training by their names.
func TestShardSplits(t *testing.T) {
	jpg, err := os.ReadFile("../codec/testdata/formats/rgb.jpg")
	if err != nil {
		t.Fatal(err)
	}
	shard := func(classes ...string) []byte {
		var members []string
		for i, c := range classes {
			members = append(members, fmt.Sprint(i, ".jpg"), string(jpg), fmt.Sprint(i, ".cls"), c)
		}
		return datatest.Tar(t, members...)
	}
	for name, files := range map[string]map[string][]byte{
		"folders":        {"Training/0.tar": shard("ant", "bee", "cat"), "valid/0.tar": shard("cat", "ant")},
		"names":          {"in-train-000.tar": shard("ant", "bee", "cat"), "in-val-000.tar": shard("cat", "ant")},
		"val, not test":  {"t_0.tar": shard("ant", "bee", "cat"), "val_0.tar": shard("cat", "ant"), "test_0.tar": shard("bee")},
		"with a list":    {"train/0.tar": shard("ant", "bee", "cat"), "train/classes.txt": []byte("ant\nbee\ncat\n"), "test/0.tar": shard("cat", "ant")},
		"numbers, named": {"train/0.tar": shard("0", "1", "2"), "train/classes.txt": []byte("ant\r\nbee\r\ncat\r\n"), "test/0.tar": shard("1", "0"), "test/classes.txt": []byte("ant\ncat\n")},
	} {
		dir := t.TempDir()
		for name, b := range files {
			datatest.Put(t, dir, name, b)
		}
		train, test, err := opened(t, Options{Folder: dir})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if train.Len() != 3 || test == nil || test.Len() != 2 || len(train.Classes()) != 3 {
			t.Errorf("%s: %d images of %q, test %v", name, train.Len(), train.Classes(), test)
			continue
		}
		if test.Label(0) != 2 || test.Label(1) != 0 || !slices.Equal(test.Classes(), train.Classes()) {
			t.Errorf("%s: labels %d and %d of %q", name, test.Label(0), test.Label(1), test.Classes())
		}
	}
	dir := t.TempDir()
	datatest.Put(t, dir, "train/0.tar", shard("ant"))
	datatest.Put(t, dir, "val/0.tar", shard("dog"))
	if _, _, err := opened(t, Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), `no training image of class "dog"`) {
		t.Errorf("another class: %v", err)
	}
	datatest.Put(t, dir, "train/classes.txt", []byte("bee\n"))
	if _, _, err := opened(t, Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), `"ant" of`) {
		t.Errorf("a name that classes.txt lacks: %v", err)
	}
}
