package remote_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"contralens/data/store"
	"contralens/data/store/remote"
)

// A listing that is answered late changes nothing for a shard that a reader fetched meanwhile.
func TestLateListing(t *testing.T) {
	server, shard := serve(t)
	for i := range 3 {
		server.Put(fmt.Sprintf("bucket/s/%d.tar", i), shard)
	}
	asked, answer, answered := make(chan bool), make(chan bool), make(chan bool)
	var listings atomic.Int32
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late := r.URL.Query().Get("list-type") == "2" && listings.Add(1) == 1
		if late {
			asked <- true
			<-answer
		}
		server.ServeHTTP(w, r)
		if late {
			close(answered)
		}
	})
	s := open(t, "s3://bucket", remote.Options{CacheDir: t.TempDir(), CacheBytes: 250_000})
	s.Fetch("s3://bucket/s/0.tar")
	<-asked
	for i := range 3 {
		name := fmt.Sprintf("s3://bucket/s/%d.tar", i)
		s.Fetch(name)
		if _, err := s.ReadAt(t.Context(), name, nil, 0, 2); err != nil {
			t.Fatal(err)
		}
	}
	close(answer)
	<-answered
	time.Sleep(100 * time.Millisecond)
	if n := len(server.Requests("GET /bucket/s/0.tar")); n != 1 {
		t.Errorf("the shard was fetched %d times, want once", n)
	}
}

// The folder of kept files keeps to its limit, drops what was used longest ago, and is cleaned
// of what killed processes left.
func TestLimit(t *testing.T) {
	server, shard := serve(t)
	for i := range 5 {
		server.Put(fmt.Sprintf("bucket/s/%d.tar", i), append([]byte{byte(i)}, shard...))
	}
	dir := t.TempDir()
	read := func(s *remote.Store, i int) {
		t.Helper()
		name := fmt.Sprintf("s3://bucket/s/%d.tar", i)
		s.Fetch(name)
		b, err := s.ReadAt(t.Context(), name, nil, 0, 2)
		if err != nil || b[0] != byte(i) {
			t.Fatalf("shard %d: %v, %v", i, b, err)
		}
	}
	s := open(t, "s3://bucket", remote.Options{CacheDir: dir, CacheBytes: 350_000})
	left := filepath.Join(dir, "files", "left.part")
	if err := os.WriteFile(left, make([]byte, 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2} {
		read(s, i)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "files", "*"))
	for i, f := range files { // their order of use
		at := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(f, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) != 3 {
		t.Fatalf("kept: %v, want three shards and nothing unfinished", files)
	}
	for _, i := range []int{3, 4, 3} {
		read(s, i)
	}
	size, now := int64(0), map[string]bool{}
	entries, _ := os.ReadDir(filepath.Join(dir, "files"))
	for _, e := range entries {
		info, _ := e.Info()
		size += info.Size()
		now[filepath.Join(dir, "files", e.Name())] = true
	}
	if size > 350_000 || len(now) != 3 || now[files[0]] || now[files[1]] || !now[files[2]] {
		t.Errorf("kept: %d bytes in %v, want the newest three of %v", size, now, files)
	}
	if n := len(server.Requests("GET /bucket/s/3.tar")); n != 1 {
		t.Errorf("the shard was fetched %d times, want once", n)
	}
	var said notes
	small := open(t, "s3://bucket", remote.Options{CacheBytes: 50_000, Note: said.add})
	read(small, 1)
	read(small, 2)
	if got := said.String(); strings.Count(got, "too little") != 1 {
		t.Errorf("notes of a limit below a shard: %q", got)
	}
}

// A folder in which nothing can be written costs a note and requests, not the training.
func TestUnwritable(t *testing.T) {
	_, shard := serve(t)
	var said notes
	dir := t.TempDir()
	s := open(t, "s3://bucket", remote.Options{CacheDir: dir, Note: said.add})
	if err := os.RemoveAll(filepath.Join(dir, "files")); err != nil {
		t.Fatal(err)
	}
	s.Fetch("s3://bucket/a/0.tar")
	b, err := store.ReadFile(t.Context(), s, "s3://bucket/a/0.tar")
	if err != nil || !bytes.Equal(b, shard) || !strings.Contains(said.String(), "cannot be kept in "+dir) {
		t.Errorf("%d bytes, %v, notes %q", len(b), err, said.String())
	}
}
