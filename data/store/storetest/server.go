package storetest

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// AccessKey is the access key that a Server knows.
const AccessKey = "tester"

// Stranger is an access key that a Server answers with status 404, as versitygw does unknown
// ones.
const Stranger = "stranger"

// Closes is the status of a Server that closes connections without an answer.
const Closes = -1

// Server answers as S3 does, with path-style addresses and signed requests, and as a web
// server that lists folders, below /web/.
type Server struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]file // by bucket/key
	down  int             // status of all answers; 0: it answers, Closes: connections close
	cut   int64           // bytes after which bodies break off; 0: they do not
	Log   []string        // requests: method, path and range
	Plain bool            // below /web/ folders are not listed
}

type file struct {
	content  []byte
	modified time.Time
}

// NewServer starts a server with the files of a folder in a bucket, and points the
// environment of programs for S3 to it. A test runs it until its end.
func NewServer(t testing.TB, bucket, folder string) *Server {
	t.Helper()
	s := &Server{files: map[string]file{}}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		s.Put(bucket+"/"+filepath.ToSlash(name), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": s.URL, "AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
	}
	return s
}

// Put creates or replaces a file, by bucket/key.
func (s *Server) Put(name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = file{content, time.Now().Truncate(time.Second)}
}

// Remove removes a file.
func (s *Server) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
}

// Fail makes all answers have a status, or breaks bodies off after some bytes. Zeros end
// that.
func (s *Server) Fail(status int, cut int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.cut = status, cut
}

// Requests returns the requests whose line contains a text.
func (s *Server) Requests(text string) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.Log {
		if strings.Contains(l, text) {
			lines = append(lines, l)
		}
	}
	return lines
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.Log = append(s.Log, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
	down, cut := s.down, s.cut
	name, web := strings.CutPrefix(r.URL.Path, "/web/")
	name = strings.TrimPrefix(name, "/")
	f, found := s.files[name]
	s.mu.Unlock()
	bucket, _, _ := strings.Cut(name, "/")
	switch {
	case down == Closes:
		panic(http.ErrAbortHandler)
	case down != 0:
		w.WriteHeader(down)
	case web && !found:
		s.page(w, r, name)
	case !web && strings.Contains(r.Header.Get("Authorization"), "Credential="+Stranger+"/"):
		refuse(w, 404, "NoSuchUser")
	case !web && !strings.Contains(r.Header.Get("Authorization"), "Credential="+AccessKey+"/"):
		refuse(w, 403, "AccessDenied")
	case !web && !s.has(bucket):
		refuse(w, 404, "NoSuchBucket")
	case !web && r.URL.Query().Get("list-type") == "2":
		s.list(w, bucket, r.URL.Query().Get("prefix"))
	case !found:
		refuse(w, 404, "NoSuchKey")
	default:
		sum := md5.Sum(f.content)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		if cut > 0 {
			w = &short{w, cut}
		}
		http.ServeContent(w, r, "file.bin", f.modified, bytes.NewReader(f.content))
	}
}

// short breaks a body off.
type short struct {
	http.ResponseWriter
	left int64
}

func (s *short) Write(b []byte) (int, error) {
	if int64(len(b)) > s.left {
		_, _ = s.ResponseWriter.Write(b[:s.left])
		panic(http.ErrAbortHandler)
	}
	s.left -= int64(len(b))
	return s.ResponseWriter.Write(b)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func (s *Server) has(bucket string) bool { return len(s.below(bucket+"/")) > 0 }

// below lists what lies in a folder, folders with a slash at the end.
func (s *Server) below(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]bool{}
	for name := range s.files {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			first, _, folder := strings.Cut(rest, "/")
			if folder {
				first += "/"
			}
			names[first] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (s *Server) page(w http.ResponseWriter, r *http.Request, name string) {
	names := s.below(strings.TrimSuffix(name, "/") + "/")
	switch {
	case len(names) == 0 || s.Plain:
		http.NotFound(w, r)
	case !strings.HasSuffix(name, "/"):
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
	default:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<a href="../">..</a>`)
		for _, n := range names {
			if !strings.HasPrefix(n, ".") {
				fmt.Fprintf(w, "<a href=\"%s\">%s</a>\n", n, n)
			}
		}
	}
}

func (s *Server) list(w http.ResponseWriter, bucket, prefix string) {
	type content struct {
		Key, LastModified, ETag string
		Size                    int
	}
	type common struct{ Prefix string }
	answer := struct {
		XMLName        xml.Name `xml:"ListBucketResult"`
		Name, Prefix   string
		Contents       []content
		CommonPrefixes []common
	}{Name: bucket, Prefix: prefix}
	for _, n := range s.below(bucket + "/" + prefix) {
		if strings.HasSuffix(n, "/") {
			answer.CommonPrefixes = append(answer.CommonPrefixes, common{prefix + n})
			continue
		}
		s.mu.Lock()
		f := s.files[bucket+"/"+prefix+n]
		s.mu.Unlock()
		sum := md5.Sum(f.content)
		answer.Contents = append(answer.Contents, content{
			Key: prefix + n, LastModified: f.modified.UTC().Format(time.RFC3339), ETag: `"` + hex.EncodeToString(sum[:]) + `"`,
			Size: len(f.content),
		})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}
