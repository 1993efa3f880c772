package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"contralens/data/store"
	"contralens/data/store/remote"
	"contralens/data/store/storetest"
)

// serve makes a server with a few files, one of them a shard of 100 kB.
func serve(t *testing.T) (s *storetest.Server, shard []byte) {
	t.Helper()
	shard = make([]byte, 100_000)
	for i := range shard {
		shard[i] = byte(rand.Uint32())
	}
	s = storetest.NewServer(t, "bucket", t.TempDir())
	s.Put("bucket/a/0.tar", shard)
	s.Put("bucket/a/b.txt", []byte("hello"))
	s.Put("bucket/empty", nil)
	return s, shard
}

// notes collects notes.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

func open(t *testing.T, url string, o remote.Options) *remote.Store {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	s, err := remote.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every kind of store, with and without kept files, gives the answers that a folder gives.
func TestStores(t *testing.T) {
	server, shard := serve(t)
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	for kind, c := range map[string]struct {
		root string
		o    remote.Options
	}{
		"s3": {"s3://bucket", remote.Options{}}, "s3, nothing kept": {"s3://bucket", remote.Options{CacheBytes: -1}},
		"http":          {server.URL + "/web/bucket", remote.Options{}},
		"http, nothing": {server.URL + "/web/bucket", remote.Options{CacheBytes: -1}},
	} {
		t.Run(kind, func(t *testing.T) {
			ctx, s := t.Context(), open(t, c.root, c.o)
			at := func(name string) string { return store.Join(c.root, name) }
			if e, err := s.List(ctx, c.root); err != nil || fmt.Sprint(e) != "[{a true} {empty false}]" {
				t.Errorf("List of the root: %v, %v", e, err)
			}
			if i, err := s.Stat(ctx, at("a/b.txt")); err != nil || i.Folder || i.Size != 5 || i.Modified.IsZero() {
				t.Errorf("Stat of a file: %+v, %v", i, err)
			}
			for _, folder := range []string{"", "a"} {
				if i, err := s.Stat(ctx, at(folder)); err != nil || !i.Folder {
					t.Errorf("Stat of folder %q: %+v, %v", folder, i, err)
				}
			}
			for range 2 { // from the network, and what was kept
				for _, p := range []struct{ from, n int64 }{{0, -1}, {10, 20}, {99_990, 10}, {50_000, -1}, {100_000, 0}} {
					b, err := s.ReadAt(ctx, at("a/0.tar"), make([]byte, 0, 64), p.from, p.n)
					want := shard[p.from:]
					if p.n >= 0 {
						want = want[:p.n]
					}
					if err != nil || !bytes.Equal(b, want) {
						t.Errorf("ReadAt %d, %d: %d bytes, %v", p.from, p.n, len(b), err)
					}
				}
			}
			if _, err := s.ReadAt(ctx, at("a/b.txt"), nil, 3, 4); err == nil || !strings.Contains(err.Error(), "ends after 2 of 4 bytes") {
				t.Errorf("ReadAt beyond the end: %v", err)
			}
			if b, err := store.ReadFile(ctx, s, at("empty")); err != nil || len(b) != 0 {
				t.Errorf("an empty file: %q, %v", b, err)
			}
			f, err := s.Open(ctx, at("a/0.tar"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seek(77, io.SeekStart); err != nil {
				t.Error(err)
			}
			if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, shard[77:]) || f.Close() != nil {
				t.Errorf("Open and Seek: %d bytes, %v", len(b), err)
			}
			missing := map[string]error{}
			_, missing["Open"] = s.Open(ctx, at("c"))
			_, missing["ReadAt"] = s.ReadAt(ctx, at("c/d"), nil, 0, -1)
			_, missing["List"] = s.List(ctx, at("c"))
			_, missing["Stat"] = s.Stat(ctx, at("a/c"))
			for call, err := range missing {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s of a missing file: %v, want fs.ErrNotExist", call, err)
				}
			}
			stopped, stop := context.WithCancel(ctx)
			stop()
			if _, err := s.ReadAt(stopped, at("a/0.tar"), nil, 0, 5); !errors.Is(err, context.Canceled) {
				t.Errorf("after a stop: %v", err)
			}
		})
	}
}

// A folder without a listing is read by the index in it.
func TestIndexLists(t *testing.T) {
	server, _ := serve(t)
	server.Plain = true
	root := server.URL + "/web/bucket"
	server.Put("bucket/train/.contralens-index", []byte("contralens index 2\n{\"Shards\":[{\"Name\":\"7.tar\"}]}\nrest"))
	s := open(t, root, remote.Options{})
	if e, err := s.List(t.Context(), root); err != nil || fmt.Sprint(e) != "[{train true}]" {
		t.Errorf("List of the root: %v, %v", e, err)
	}
	if e, err := s.List(t.Context(), root+"/train"); err != nil || fmt.Sprint(e) != "[{7.tar false} {classes.txt false}]" {
		t.Errorf("List of the folder: %v, %v", e, err)
	}
}

// A store that fails for a while is tried again, with notes, and goes on where it was. One that
// fails for longer is given up, for all readers.
func TestOutage(t *testing.T) {
	server, shard := serve(t)
	for _, kind := range []string{"status", "closes", "cut"} {
		var said notes
		s := open(t, "s3://bucket", remote.Options{Note: said.add, Patience: time.Minute, NoteEvery: 50 * time.Millisecond})
		if _, err := s.List(t.Context(), "s3://bucket/a"); err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "status":
			server.Fail(http.StatusServiceUnavailable, 0)
		case "closes":
			server.Fail(storetest.Closes, 0)
		default:
			server.Fail(0, 60_000)
		}
		s.Fetch("s3://bucket/a/0.tar")
		go func() {
			for !strings.Contains(said.String(), "trying again") {
				time.Sleep(5 * time.Millisecond)
			}
			server.Fail(0, 0)
		}()
		b, err := store.ReadFile(t.Context(), s, "s3://bucket/a/0.tar")
		if err != nil || !bytes.Equal(b, shard) {
			t.Errorf("%s: %d bytes, %v", kind, len(b), err)
		}
		want := map[string]string{"status": "s3://bucket/a/0.tar: the server answers 503", "closes": "the connection breaks off",
			"cut": "the connection breaks off"}[kind]
		if got := said.String(); !strings.Contains(got, want) || !strings.Contains(got, "answers again") {
			t.Errorf("%s: notes %q", kind, got)
		}
	}
	s := open(t, "s3://bucket", remote.Options{Patience: 20 * time.Millisecond, NoteEvery: 10 * time.Millisecond})
	if _, err := s.List(t.Context(), "s3://bucket/a"); err != nil {
		t.Fatal(err)
	}
	server.Fail(http.StatusInternalServerError, 0)
	for range 2 {
		_, err := s.ReadAt(t.Context(), "s3://bucket/a/0.tar", nil, 5, 5)
		if f := store.Failed(err); f == nil || !strings.Contains(f.Error(), "s3://bucket/a/0.tar: want an answer within 0 s, but the server answers 500") {
			t.Errorf("an outage without end: %v", err)
		}
		server.Fail(0, 0) // too late
	}
}

// A file that changes or disappears while it is read is an error that names it.
func TestChanged(t *testing.T) {
	for _, root := range []string{"s3://bucket", "/web/bucket"} {
		for what, change := range map[string]func(*storetest.Server){
			"content": func(s *storetest.Server) { s.Put("bucket/a/0.tar", make([]byte, 100_000)) },
			"size":    func(s *storetest.Server) { s.Put("bucket/a/0.tar", make([]byte, 99_000)) },
			"removed": func(s *storetest.Server) { s.Remove("bucket/a/0.tar") },
		} {
			server, _ := serve(t)
			root := root
			if strings.HasPrefix(root, "/") {
				root = server.URL + root
			}
			s := open(t, root, remote.Options{CacheBytes: -1})
			if _, err := s.ReadAt(t.Context(), root+"/a/0.tar", nil, 5, 5); err != nil {
				t.Fatal(err)
			}
			change(server)
			_, err := s.ReadAt(t.Context(), root+"/a/0.tar", nil, 5, 5)
			if f := store.Failed(err); f == nil || !strings.Contains(f.Error(), root+"/a/0.tar: want the") {
				t.Errorf("%s: %s: %v", root, what, err)
			}
		}
	}
	serve(t)
	s := open(t, "s3://bucket", remote.Options{})
	s.Expect("s3://bucket/a/0.tar", strings.Repeat("0", 64))
	s.Fetch("s3://bucket/a/0.tar")
	if _, err := s.ReadAt(t.Context(), "s3://bucket/a/0.tar", nil, 5, 5); store.Failed(err) == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another SHA-256: %v", err)
	}
}

// What is wrong with an address, a bucket or credentials is said in one sentence.
func TestMistakes(t *testing.T) {
	server, _ := serve(t)
	unknown := httptest.NewTLSServer(http.NotFoundHandler()) // signed by nobody
	defer unknown.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))}}
	old.StartTLS()
	defer old.Close()
	for _, s := range []*httptest.Server{unknown, old} {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
	}
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	for name, c := range map[string]struct {
		url  string
		env  [2]string
		want string
	}{
		"scheme":         {"ftp://host/a", [2]string{}, "want a path, or a URL that begins with s3://"},
		"no host":        {"s3:///a", [2]string{}, "want a URL such as s3://bucket/folder"},
		"question":       {"https://host/a?b=c", [2]string{}, "without ? and #"},
		"bucket":         {"s3://other/a", [2]string{}, `there is no bucket "other"`},
		"credentials":    {"s3://bucket/a", [2]string{"AWS_ACCESS_KEY_ID", ""}, "wants credentials, and none were found in AWS_ACCESS_KEY_ID"},
		"denied":         {"s3://bucket/a", [2]string{"AWS_ACCESS_KEY_ID", "unknown"}, "denies access to the credentials from"},
		"stranger":       {"s3://bucket/a", [2]string{"AWS_ACCESS_KEY_ID", storetest.Stranger}, "answers 404 (NoSuchUser)"},
		"endpoint":       {"s3://bucket/a", [2]string{"AWS_ENDPOINT_URL_S3", "localhost"}, "AWS_ENDPOINT_URL: want an address"},
		"nobody":         {"http://" + dead.Addr().String() + "/a", [2]string{}, "nothing answers at that address"},
		"no https":       {strings.Replace(server.URL, "http:", "https:", 1) + "/a", [2]string{}, "is http:// meant?"},
		"expired":        {old.URL + "/a", [2]string{}, "is valid from 2001-01-01 to 2001-02-01"},
		"certificate":    {unknown.URL + "/a", [2]string{}, "signed by an authority that is not known"},
		"no such host":   {"http://contralens.invalid/a", [2]string{}, ""},
		"Google's file":  {"gs://bucket/a", [2]string{"GOOGLE_APPLICATION_CREDENTIALS", "/nowhere"}, "want a file with Google's credentials"},
		"Google's place": {"gs://bucket/a", [2]string{"STORAGE_EMULATOR_HOST", ":::"}, "STORAGE_EMULATOR_HOST: want an address"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env[0] != "" {
				t.Setenv(c.env[0], c.env[1])
			}
			s, err := remote.Open(t.Context(), c.url, remote.Options{
				CacheDir: t.TempDir(), Patience: 50 * time.Millisecond, NoteEvery: 20 * time.Millisecond,
			})
			if err == nil {
				_, err = s.List(t.Context(), c.url)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// certificate makes a certificate that is valid for a month.
func certificate(t *testing.T, from time.Time) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: from.AddDate(0, 1, 0)}
	der, err := x509.CreateCertificate(crand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// A bucket of Google is read with the token of its credentials.
func TestGoogle(t *testing.T) {
	server, shard := serve(t)
	var tokens []string
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"secret","token_type":"Bearer","expires_in":3600}`)
			return
		}
		tokens = append(tokens, r.Header.Get("Authorization"))
		r.Header.Set("Authorization", "Credential="+storetest.AccessKey+"/")
		server.ServeHTTP(w, r)
	}))
	defer google.Close()
	file := filepath.Join(t.TempDir(), "credentials.json")
	key, err := rsa.GenerateKey(crand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account, _ := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "a@b.c", "token_uri": google.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	t.Setenv("STORAGE_EMULATOR_HOST", google.URL)
	s := open(t, "gs://bucket", remote.Options{CacheBytes: -1})
	b, err := s.ReadAt(t.Context(), "gs://bucket/a/0.tar", nil, 5, 5)
	if err != nil || !bytes.Equal(b, shard[5:10]) || len(tokens) < 2 || tokens[0] != "Bearer secret" {
		t.Errorf("%v, %v, tokens %q", b, err, tokens)
	}
}
