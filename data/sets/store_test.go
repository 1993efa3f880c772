package sets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/store"
	"contralens/data/store/storetest"
	"contralens/views"
)

// everyKind writes a dataset of each kind into folders, which are named after the
// kinds.
func everyKind(t *testing.T) map[string]string {
	t.Helper()
	folders := map[string]string{}
	for name, write := range datatest.Formats {
		folders[name] = t.TempDir()
		write(t, folders[name])
	}
	folders["folder"] = t.TempDir()
	datatest.Write(t, folders["folder"], "train/a/1.jpg", "train/b/2.png", "val/b/3.jpg")
	jpg, err := os.ReadFile(filepath.Join(folders["folder"], "train/a/1.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	folders["imagenet"] = t.TempDir() // in shards
	datatest.Put(t, folders["imagenet"], "train/0.tar", datatest.Tar(t,
		"0.jpg", string(jpg), "0.cls", "0", "1.jpg", string(jpg), "1.cls", "1"))
	datatest.Put(t, folders["imagenet"], "train/classes.txt", []byte("n1\nn2\n"))
	folders["inat18"] = inat(t, inatTrain, "")
	datatest.Put(t, folders["inat18"], "train_val2018/Plantae/2/a.jpg", jpg)
	datatest.Put(t, folders["inat18"], "train_val2018/Aves/7/c.jpg", jpg)
	return folders
}

// content is everything that a dataset says about its images, and their pixels.
func content(t *testing.T, p data.Splits) []string {
	t.Helper()
	var all []string
	for _, d := range []data.Dataset{p.Train, p.Test, p.Unlabeled} {
		if d == nil {
			all = append(all, "no such split")
			continue
		}
		all = append(all, d.Name(), strings.Join(d.Classes(), ","))
		var m views.Image
		for i := range d.Len() {
			if err := d.Image(t.Context(), i, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, d.Path(i), string(rune('0'+d.Label(i))), string(m.Pix))
		}
	}
	return all
}

// Every dataset is the same when it is read from memory, without files on disk.
func TestEveryStore(t *testing.T) {
	for name, folder := range everyKind(t) {
		p, err := Open(t.Context(), Options{Name: name, Folder: folder, CacheBytes: -1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, memory := content(t, p), store.Memory{}
		err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(path, indexName) {
				memory[path], err = os.ReadFile(path)
			}
			return err
		})
		if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
			t.Fatal(err)
		}
		p, err = Open(t.Context(), Options{Name: name, Folder: folder, Store: memory, CacheBytes: -1})
		if err != nil {
			t.Errorf("%s from memory: %v", name, err)
			continue
		}
		if got := content(t, p); !slices.Equal(got, want) {
			t.Errorf("%s is another dataset from memory", name)
		}
	}
}

// The end of the context ends the opening of a dataset and the reading of an image,
// while they wait for the store.
func TestStopEndsReading(t *testing.T) {
	for name, folder := range everyKind(t) {
		p, err := Open(t.Context(), Options{Name: name, Folder: folder, Store: &storetest.Store{Store: store.Disk{}},
			CacheBytes: -1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		slow := &storetest.Store{Store: store.Disk{}, Delay: time.Hour}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer stop()
		done := make(chan error, 1)
		go func() {
			_, err := Open(ctx, Options{Name: name, Folder: folder, Store: slow, CacheBytes: -1})
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: error %v after a stop", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is still being opened 10 s after a stop", name)
		}
		var m views.Image
		if _, raw := p.Train.(*idx); raw {
			continue // in memory since it was opened
		}
		if err := p.Train.Image(ctx, 0, &m); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: reading after a stop: %v", name, err)
		}
	}
}

// Reading an image takes one call of the store, for its file.
func TestCallsOfAStore(t *testing.T) {
	folder := everyKind(t)["folder"]
	counting := &storetest.Store{Store: store.Disk{}}
	p, err := Open(t.Context(), Options{Folder: folder, Store: counting})
	if err != nil {
		t.Fatal(err)
	}
	opened := counting.Calls.Load()
	var m views.Image
	for range 3 { // in the cache after the first time
		if err := p.Train.Image(t.Context(), 0, &m); err != nil {
			t.Fatal(err)
		}
	}
	size, err := os.Stat(p.Train.Path(0))
	if err != nil || counting.Calls.Load() != opened+1 || counting.Bytes.Load() != size.Size() {
		t.Errorf("%v: %d calls and %d bytes, want one of %d", err, counting.Calls.Load()-opened, counting.Bytes.Load(),
			size.Size())
	}
}

// If a store fails, an image is unreadable, and the error is the store's.
func TestFailingStore(t *testing.T) {
	folder := everyKind(t)["folder"]
	failing := &storetest.Store{Store: store.Disk{}, Fail: func(name string) error {
		if strings.HasSuffix(name, "2.png") {
			return errors.New("the server is tired")
		}
		return nil
	}}
	p, err := Open(t.Context(), Options{Folder: folder, Store: failing})
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 1, &m); err == nil ||
		!strings.Contains(err.Error(), "2.png: want a JPEG, PNG, BMP, WebP, GIF, TIFF or Netpbm file, but the server is tired") {
		t.Errorf("error %v", err)
	}
}

// A dataset from outside is opened by its name or recognized by a file. Open treats it
// like all others.
func TestRegister(t *testing.T) {
	before := registered
	defer func() { registered = before }()
	Register("mine", func(_ context.Context, o Options) (data.Splits, error) {
		d, err := FromFiles(o.Store, o.Name, []string{"x.jpg", "y.jpg", "z.jpg"}, []int{0, 0, 1}, []string{"a", "b"})
		return data.Splits{Train: d}, err
	}, "mine.txt")
	memory := store.Memory{"photos/mine.txt": nil}
	for _, name := range []string{"mine", ""} {
		p, err := Open(t.Context(), Options{Name: name, Folder: "photos", Store: memory, Limit: 2})
		if err != nil || p.Train.Name() != "mine" || p.Train.Len() != 2 || p.Train.Path(1) != "z.jpg" {
			t.Errorf("%q: %v, %v", name, p.Train, err)
		}
	}
	if _, err := Open(t.Context(), Options{Name: "other"}); err == nil ||
		!strings.Contains(err.Error(), "voc, mine, got") {
		t.Errorf("error %v, want one that names the dataset from outside", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name was registered twice")
		}
	}()
	Register("folder", nil)
}

func TestFromFiles(t *testing.T) {
	for _, tc := range []struct {
		labels  []int
		classes []string
		want    string // "" for none
	}{
		{nil, nil, ""}, {[]int{-1, -1}, nil, ""}, {[]int{0, 1}, []string{"a", "b"}, ""},
		{[]int{0}, []string{"a"}, "a label for each of 2 images, got 1"},
		{[]int{0, 1}, []string{"a"}, "image y: want a label from -1 to 0, got 1"},
		{nil, []string{"a"}, "a label for each of 2 images, got 0"},
	} {
		d, err := FromFiles(store.Memory{}, "mine", []string{"x", "y"}, tc.labels, tc.classes)
		if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%v of %v: error %v, want %q", tc.labels, tc.classes, err, tc.want)
		}
		if err == nil && (d.Len() != 2 || (tc.labels == nil && d.Label(1) != -1)) {
			t.Errorf("%v of %v: %d images, label %d", tc.labels, tc.classes, d.Len(), d.Label(1))
		}
	}
}

// The error about an option can name the option as on the command line.
func TestOptionError(t *testing.T) {
	_, err := Open(t.Context(), Options{Name: "folder", Folder: "nowhere"})
	var wrong *OptionError
	if !errors.As(err, &wrong) || wrong.Option != Folder ||
		err.Error() != "folder nowhere: want a folder with images, but there is no such folder" {
		t.Fatalf("error %v", err)
	}
	want := "--data_folder nowhere: want a folder with images, but there is no such folder"
	if got := wrong.Named("--data_folder"); got != want {
		t.Errorf("named %q", got)
	}
	wrong = &OptionError{Option: Imbalance, Err: errors.New("want x")}
	if got := wrong.Error(); got != "imbalance: want x" {
		t.Errorf("an option without a value: %q", got)
	}
}
