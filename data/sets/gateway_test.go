package sets_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"contralens/data/sets"
	"contralens/data/store"
	"contralens/data/store/remote"
	"contralens/world"
)

// gateway is a real S3 gateway, versitygw, over a folder.
type gateway struct {
	address, folder string
	program         *exec.Cmd
	log             string
}

// newGateway starts the program that CONTRALENS_VERSITYGW names, and points the environment to
// it. Without one, the test is skipped.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	if os.Getenv("CONTRALENS_VERSITYGW") == "" {
		t.Skip("CONTRALENS_VERSITYGW names no versitygw: make check-long SECTIONS=data builds one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{address: l.Addr().String(), folder: t.TempDir(), log: filepath.Join(t.TempDir(), "log")}
	l.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": "http://" + g.address, "AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "long secret",
		"AWS_REGION": "us-east-1",
	} {
		t.Setenv(name, value)
	}
	if err := os.Mkdir(filepath.Join(g.folder, "bucket"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.start(t)
	t.Cleanup(g.stop)
	return g
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	g.program = exec.Command(os.Getenv("CONTRALENS_VERSITYGW"), "--port", g.address, "--access-log", g.log, "posix", g.folder)
	g.program.Env = append(os.Environ(), "ROOT_ACCESS_KEY=tester", "ROOT_SECRET_KEY=long secret")
	if err := g.program.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if c, err := net.Dial("tcp", g.address); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the gateway does not listen")
}

func (g *gateway) stop() {
	_ = g.program.Process.Kill() // it may have ended
	_ = g.program.Wait()
}

// upload puts the files of a folder, or one file, into the bucket.
func (g *gateway) upload(t *testing.T, folder, below string) {
	t.Helper()
	c, err := minio.New(g.address, &minio.Options{Creds: credentials.NewStaticV4("tester", "long secret", ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		_, err = c.FPutObject(t.Context(), "bucket", filepath.ToSlash(filepath.Join(below, name)), path, minio.PutObjectOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fetched counts the requests for shards in the gateway's log, by name.
func (g *gateway) fetched(t *testing.T) map[string]int {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // it writes the log beside
	b, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for line := range strings.Lines(string(b)) {
		if _, rest, ok := strings.Cut(line, "s3_GetObject set/train/"); ok {
			n[strings.Fields(rest)[0]]++
		}
	}
	return n
}

// Shards in a real gateway give the batches that the folder gives, with streams to worlds of any
// size and one request for each shard; also when the gateway is killed in the middle of an epoch
// for as long as CONTRALENS_OUTAGE says (20 s), and when reading resumes there. A changed object
// is an error that names it.
func TestGateway(t *testing.T) {
	g := newGateway(t)
	folder, server := packImages(t)
	server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": "http://" + g.address, "AWS_SECRET_ACCESS_KEY": "long secret"} {
		t.Setenv(name, value)
	}
	g.upload(t, folder, "set")
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
		before, dir := g.fetched(t), t.TempDir()
		for rank := range size {
			o := remote.Options{CacheDir: dir}
			if _, err := epoch(t, opened(t, bucket, o), world.World{Rank: rank, Size: size}, 4, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		after := g.fetched(t)
		for _, s := range shards {
			if n := after[filepath.Base(s)] - before[filepath.Base(s)]; n != 1 {
				t.Errorf("%d processes: %d requests for %s, want one", size, n, filepath.Base(s))
			}
		}
	}
	g.outage(t, folder)
	name := shards[2]
	o := remote.Options{CacheBytes: -1}
	d := opened(t, bucket, o)
	other := filepath.Join(t.TempDir(), filepath.Base(name))
	b, _ := os.ReadFile(name)
	b[len(b)/2]++
	if err := os.WriteFile(other, b, 0o644); err != nil {
		t.Fatal(err)
	}
	g.upload(t, filepath.Dir(other), "set/train")
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
func (g *gateway) outage(t *testing.T, folder string) {
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
			g.stop()
			back.Go(func() {
				time.Sleep(lasts)
				g.start(t)
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
