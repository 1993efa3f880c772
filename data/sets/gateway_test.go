package sets_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"contralens/data/sets"
	"contralens/data/store"
	"contralens/data/store/remote"
	"contralens/data/store/storetest"
	"contralens/world"
)

// fetched counts the requests for shards, by name.
func fetched(t *testing.T, g *storetest.Gateway) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, name := range g.Fetched(t) {
		if shard, ok := strings.CutPrefix(name, "set/train/"); ok {
			n[shard]++
		}
	}
	return n
}

// Shards in a real gateway give the batches that the folder gives, with streams to worlds of any
// size and one request for each shard; also when the gateway is killed in the middle of an epoch
// for as long as CONTRALENS_OUTAGE says (20 s), and when reading resumes there. A changed object
// is an error that names it.
func TestGateway(t *testing.T) {
	g := storetest.NewGateway(t)
	folder, server := packImages(t)
	server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": "http://" + g.Address, "AWS_SECRET_ACCESS_KEY": "long secret"} {
		t.Setenv(name, value)
	}
	g.Upload(t, folder, "set")
	shards, err := filepath.Glob(filepath.Join(folder, "train", "*.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, streams := range []int{0, 4} {
		want, err := epoch(t, opened(t, folder, remote.Options{}), world.World{}, streams, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, kept := range []int64{0, -1} {
			o := remote.Options{CacheDir: t.TempDir(), CacheBytes: kept}
			got, err := epoch(t, opened(t, bucket, o), world.World{}, streams, 0, nil)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d streams, %d bytes kept: other batches, %v", streams, kept, err)
			}
		}
	}
	for _, size := range []int{1, 2, 4} {
		before, dir := fetched(t, g), t.TempDir()
		for rank := range size {
			o := remote.Options{CacheDir: dir}
			if _, err := epoch(t, opened(t, bucket, o), world.World{Rank: rank, Size: size}, 4, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		after := fetched(t, g)
		for _, s := range shards {
			if n := after[filepath.Base(s)] - before[filepath.Base(s)]; n != 1 {
				t.Errorf("%d processes: %d requests for %s, want one", size, n, filepath.Base(s))
			}
		}
	}
	outage(t, g, folder)
	name := shards[2]
	o := remote.Options{CacheBytes: -1}
	d := opened(t, bucket, o)
	other := filepath.Join(t.TempDir(), filepath.Base(name))
	b, _ := os.ReadFile(name)
	b[len(b)/2]++
	if err := os.WriteFile(other, b, 0o644); err != nil {
		t.Fatal(err)
	}
	g.Upload(t, filepath.Dir(other), "set/train")
	_, err = epoch(t, d, world.World{}, 0, 0, nil)
	if f := store.Failed(err); f == nil || !strings.HasPrefix(f.Error(), bucket+"/train/"+filepath.Base(name)+": want the") {
		t.Errorf("a changed object: %v", err)
	}
	d = opened(t, bucket, remote.Options{CacheDir: t.TempDir()})
	if _, err = epoch(t, d, world.World{}, 2, 0, nil); err == nil || !strings.Contains(err.Error(), filepath.Base(name)+": want the shard that") {
		t.Errorf("an object that changed before: %v", err)
	}
	for env, want := range map[string]string{"AWS_ACCESS_KEY_ID": "access key", "AWS_SECRET_ACCESS_KEY": "does not accept the secret key"} {
		t.Run(env, func(t *testing.T) {
			t.Setenv(env, "wrong")
			_, err := sets.Open(t.Context(), sets.Options{Folder: bucket, Remote: remote.Options{CacheDir: t.TempDir()}})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// outage kills the gateway in the middle of an epoch and starts it again.
func outage(t *testing.T, g *storetest.Gateway, folder string) {
	t.Helper()
	want, err := epoch(t, opened(t, folder, remote.Options{}), world.World{}, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	lasts, err := time.ParseDuration(os.Getenv("CONTRALENS_OUTAGE"))
	if err != nil {
		lasts = 20 * time.Second
	}
	var mu sync.Mutex
	var notes []string
	d := opened(t, bucket, remote.Options{CacheBytes: -1, Note: func(n string) {
		mu.Lock()
		defer mu.Unlock()
		notes = append(notes, n)
	}})
	var back sync.WaitGroup
	got, err := epoch(t, d, world.World{}, 0, 0, func(batch int) {
		if batch == 1 {
			g.Stop()
			back.Go(func() {
				time.Sleep(lasts)
				g.Start(t)
			})
		}
	})
	back.Wait()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("killed for %v: other batches, %v", lasts, err)
	}
	mu.Lock()
	defer mu.Unlock()
	said := strings.Join(notes, "\n")
	t.Log(said)
	if lasts >= 15*time.Second && (!strings.Contains(said, "trying again") || !strings.Contains(said, "answers again after")) {
		t.Errorf("notes of an outage: %q", said)
	}
	got, err = epoch(t, opened(t, bucket, remote.Options{CacheBytes: -1}), world.World{}, 0, 3, nil)
	if err != nil || !slices.Equal(got, want[3:]) {
		t.Errorf("resumed with other batches, %v", err)
	}
}
