package storetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Gateway is a real S3 gateway, versitygw, over a folder. It has a bucket named bucket.
type Gateway struct {
	Address string // host:port
	folder  string
	program *exec.Cmd
	log     string
}

// NewGateway starts the program that CONTRALENS_VERSITYGW names, and points the environment to
// it. Without one, the test is skipped.
func NewGateway(t testing.TB) *Gateway {
	t.Helper()
	if os.Getenv("CONTRALENS_VERSITYGW") == "" {
		t.Skip("CONTRALENS_VERSITYGW names no versitygw: make check-long SECTIONS=data builds one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{Address: l.Addr().String(), folder: t.TempDir(), log: filepath.Join(t.TempDir(), "log")}
	l.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": "http://" + g.Address, "AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "long secret",
		"AWS_REGION": "us-east-1",
	} {
		t.Setenv(name, value)
	}
	if err := os.Mkdir(filepath.Join(g.folder, "bucket"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	t.Cleanup(g.Stop)
	return g
}

// Start starts the gateway again.
func (g *Gateway) Start(t testing.TB) {
	t.Helper()
	g.program = exec.Command(os.Getenv("CONTRALENS_VERSITYGW"), "--port", g.Address, "--access-log", g.log,
		"posix", g.folder)
	g.program.Env = append(os.Environ(), "ROOT_ACCESS_KEY=tester", "ROOT_SECRET_KEY=long secret")
	if err := g.program.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if c, err := net.Dial("tcp", g.Address); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the gateway does not listen")
}

// Stop kills the gateway.
func (g *Gateway) Stop() {
	_ = g.program.Process.Kill() // it may have ended
	_ = g.program.Wait()
}

// Upload puts the files of a folder, or one file, into the bucket.
func (g *Gateway) Upload(t testing.TB, folder, below string) {
	t.Helper()
	c, err := minio.New(g.Address, &minio.Options{
		Creds: credentials.NewStaticV4("tester", "long secret", ""), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		key := filepath.ToSlash(filepath.Join(below, name))
		_, err = c.FPutObject(t.Context(), "bucket", key, path, minio.PutObjectOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Fetched returns the names of the objects that were asked for, from the gateway's log.
func (g *Gateway) Fetched(t testing.TB) (names []string) {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // it writes the log beside
	b, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, rest, ok := strings.Cut(line, "s3_GetObject "); ok {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	return names
}
