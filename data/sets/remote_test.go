package sets_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/data/store/remote"
	"contralens/data/store/storetest"
	"contralens/views"
	"contralens/world"
)

// packImages packs 90 images of three classes into shards, and serves them as s3://bucket/set.
func packImages(t *testing.T) (folder string, server *storetest.Server) {
	t.Helper()
	src, folder := t.TempDir(), filepath.Join(t.TempDir(), "set")
	var names []string
	for i := range 90 {
		names = append(names, fmt.Sprintf("%c/%02d.png", 'a'+i%3, i))
	}
	datatest.Write(t, src, names...)
	p, err := sets.Open(t.Context(), sets.Options{Name: "folder", Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Write(t.Context(), folder, p, pack.Options{ShardBytes: 16 << 10, Workers: 1}); err != nil {
		t.Fatal(err)
	}
	return folder, storetest.NewServer(t, "bucket", filepath.Dir(folder))
}

const bucket = "s3://bucket/set"

// opened opens the training images in a folder or store.
func opened(t *testing.T, where string, o remote.Options) data.Dataset {
	t.Helper()
	p, err := sets.Open(t.Context(), sets.Options{Folder: where, Remote: o, Note: o.Note, MaxBad: 1, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	return p.Train
}

// epoch loads batches of an epoch, from one on, and returns all that is in them as text. each is
// called before each.
func epoch(t *testing.T, d data.Dataset, w world.World, streams, first int, each func(batch int)) (all []string, err error) {
	t.Helper()
	spec, err := views.Preset("A", 8, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	l := loader.NewViews(t.Context(), loader.ViewOptions{
		Dataset: d, Views: []views.Spec{spec}, BatchSize: 16, Workers: 2, Seed: 1, Epoch: 2, Shuffle: true,
		Streams: loader.Streams{Count: streams, Window: 8}, FirstBatch: first, World: w,
	})
	defer l.Close()
	for i := first; ; i++ {
		if each != nil {
			each(i)
		}
		b, err := l.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, fmt.Sprint(b.Indices, b.Samples.Labels, b.Samples.Values[0]))
		l.Recycle(b)
	}
}

// quick is a store that loses no time between attempts.
func quick(o remote.Options) remote.Options {
	o.Patience, o.NoteEvery = time.Minute, 20*time.Millisecond
	return o
}

// Batches from a store are those from the folder, also if the store fails in the middle of the
// epoch, and if reading resumes there. Opening reads the index alone.
func TestRemoteBatches(t *testing.T) {
	folder, server := packImages(t)
	for _, streams := range []int{0, 3} {
		want, err := epoch(t, opened(t, folder, remote.Options{}), world.World{}, streams, 0, nil)
		if err != nil || len(want) != 6 {
			t.Fatalf("%d batches, %v", len(want), err)
		}
		for _, kept := range []int64{0, -1} {
			var mu sync.Mutex
			var notes []string
			o := quick(remote.Options{CacheDir: t.TempDir(), CacheBytes: kept, Note: func(n string) {
				mu.Lock()
				defer mu.Unlock()
				notes = append(notes, n)
			}})
			before := len(server.Requests(".tar"))
			d := opened(t, bucket, o)
			if n := len(server.Requests(".tar")); n != before {
				t.Errorf("opening made %d requests for shards, want none: the index was packed", n-before)
			}
			got, err := epoch(t, d, world.World{}, streams, 0, func(batch int) {
				if batch == 1 && kept < 0 {
					server.Fail(http.StatusServiceUnavailable, 0)
					time.AfterFunc(300*time.Millisecond, func() { server.Fail(0, 0) })
				}
			})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d streams, %d bytes kept: other batches, %v", streams, kept, err)
			}
			mu.Lock()
			if kept < 0 && !strings.Contains(strings.Join(notes, "\n"), "trying again") {
				t.Errorf("notes of an outage: %q", notes)
			}
			mu.Unlock()
			got, err = epoch(t, opened(t, bucket, o), world.World{}, streams, 3, nil)
			if err != nil || !slices.Equal(got, want[3:]) {
				t.Errorf("%d streams, %d bytes kept: resumed with other batches, %v", streams, kept, err)
			}
		}
	}
	page, err := epoch(t, opened(t, server.URL+"/web/bucket/set", remote.Options{CacheDir: t.TempDir()}), world.World{}, 0, 0, nil)
	want, _ := epoch(t, opened(t, folder, remote.Options{}), world.World{}, 0, 0, nil)
	if err != nil || !slices.Equal(page, want) {
		t.Errorf("a web server: other batches, %v", err)
	}
}

// Streams give the same batches to 1, 2 and 4 processes, and each shard is fetched once.
func TestStreamsOfWorlds(t *testing.T) {
	folder, server := packImages(t)
	whole, err := epoch(t, opened(t, folder, remote.Options{}), world.World{}, 4, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 4} {
		dir, before := t.TempDir(), len(server.Requests("GET /bucket/set/train/0"))
		var indices []string
		for rank := range size {
			o := remote.Options{CacheDir: dir}
			part, err := epoch(t, opened(t, bucket, o), world.World{Rank: rank, Size: size}, 4, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			indices = append(indices, part...)
		}
		if size == 1 && !slices.Equal(indices, whole) {
			t.Error("one process: other batches than from the folder")
		}
		shards, err := filepath.Glob(filepath.Join(folder, "train", "*.tar"))
		if n := len(server.Requests("GET /bucket/set/train/0")) - before; err != nil || n != len(shards) || n < 8 {
			t.Errorf("%d processes: %d requests for %d shards, want one each", size, n, len(shards))
		}
	}
}

// An index is made where there is none, and kept.
func TestRemoteIndex(t *testing.T) {
	_, server := packImages(t)
	server.Remove("bucket/set/train/.contralens-index")
	o := remote.Options{CacheDir: t.TempDir(), CacheBytes: 1 << 14} // no more than a shard or two
	want := opened(t, bucket, o).Len()
	before := len(server.Requests(".tar"))
	if d := opened(t, bucket, o); d.Len() != want || d.Len() != 90 || len(server.Requests(".tar")) != before {
		t.Errorf("%d images, then %d, with %d more requests for shards", want, d.Len(), len(server.Requests(".tar"))-before)
	}
	if d := opened(t, bucket, remote.Options{CacheBytes: -1}); d.Len() != 90 {
		t.Errorf("%d images with nothing kept", d.Len())
	}
}

// A shard that is replaced, before or after the set is opened, is an error that names it, however
// many unreadable images are allowed. So is one that breaks off.
func TestRemoteChanges(t *testing.T) {
	folder, server := packImages(t)
	names, _ := filepath.Glob(filepath.Join(folder, "train", "*.tar"))
	size := func(i int) int {
		b, _ := os.ReadFile(names[i])
		return len(b)
	}
	shard := "set/train/" + filepath.Base(names[1])
	for _, whole := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			if early && !whole {
				continue // single images have no sum
			}
			content, _ := os.ReadFile(names[1])
			server.Put("bucket/"+shard, content)
			replace := func() { server.Put("bucket/"+shard, make([]byte, size(1))) }
			if early {
				replace()
			}
			d := opened(t, bucket, quick(remote.Options{CacheDir: t.TempDir(), CacheBytes: map[bool]int64{false: -1}[whole]}))
			if !early {
				replace()
			}
			_, err := epoch(t, d, world.World{}, map[bool]int{false: 0, true: 1}[whole], 0, nil)
			if f := store.Failed(err); f == nil || !strings.HasPrefix(f.Error(), "s3://bucket/"+shard+": want the") {
				t.Errorf("whole %v, early %v: %v", whole, early, err)
			}
		}
	}
}

// What is no shard is said where the set is opened.
func TestNoShards(t *testing.T) {
	server := storetest.NewServer(t, "bucket", t.TempDir())
	server.Put("bucket/set/0.tar", []byte("<html>not found</html>"+strings.Repeat(" ", 2000)))
	_, err := sets.Open(t.Context(), sets.Options{Folder: bucket, Remote: remote.Options{CacheDir: t.TempDir()}})
	if err == nil || !strings.Contains(err.Error(), "folder "+bucket+": want tar files with images") {
		t.Errorf("no tar file: %v", err)
	}
	_, err = sets.Open(t.Context(), sets.Options{Folder: "s3://bucket/sett", Remote: remote.Options{CacheDir: t.TempDir()}})
	if err == nil || !strings.Contains(err.Error(), "folder s3://bucket/sett: want a folder with images, but there is no such folder") {
		t.Errorf("a mistyped folder: %v", err)
	}
}

// Two processes that read at once fetch each shard once, into one folder.
func TestTwoProcesses(t *testing.T) {
	if dir := os.Getenv("CONTRALENS_TEST_CACHE"); dir != "" { // the second and third process
		d := opened(t, bucket, remote.Options{CacheDir: dir})
		if _, err := epoch(t, d, world.World{}, 2, 0, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	folder, server := packImages(t)
	dir := t.TempDir()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	var wait sync.WaitGroup
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestTwoProcesses$")
			c.Env = append(os.Environ(), "CONTRALENS_TEST_CACHE="+dir)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}()
	}
	wait.Wait()
	for _, name := range func() []string { n, _ := filepath.Glob(filepath.Join(folder, "train", "*.tar")); return n }() {
		if n := len(server.Requests("GET /bucket/set/train/" + filepath.Base(name))); n != 1 {
			t.Errorf("%s was fetched %d times, want once", filepath.Base(name), n)
		}
	}
}
