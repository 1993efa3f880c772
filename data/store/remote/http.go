package remote

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// transport is used for all stores.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	t.ResponseHeaderTimeout = stall
	t.DisableCompression = true // parts of files are asked for
	return t
}

// web is a web server. A folder is listed by the page that the server makes of it, or else by
// the index of shards in it.
type web struct {
	root   string
	client *http.Client
}

func openHTTP(u *url.URL) *web {
	return &web{u.Scheme + "://" + u.Host + "/", &http.Client{Transport: transport()}}
}

func (w *web) complete() bool { return false }

func (w *web) do(ctx context.Context, method, key string, set func(http.Header)) (*http.Response, error) {
	u := w.root + (&url.URL{Path: key}).EscapedPath()
	r, err := http.NewRequestWithContext(ctx, method, u, nil)
	if err != nil {
		return nil, err
	}
	if set != nil {
		set(r.Header)
	}
	a, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	if err := answered(a); err != nil {
		a.Body.Close()
		return nil, err
	}
	return a, nil
}

// answered returns an error for an answer that is no file.
func answered(a *http.Response) error {
	switch {
	case a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusGone:
		return fs.ErrNotExist
	case a.StatusCode == http.StatusPreconditionFailed || a.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	case a.StatusCode >= 300:
		return &statusError{a.StatusCode, http.StatusText(a.StatusCode)}
	}
	return nil
}

// described reads what an answer says about a file of the given size.
func described(h http.Header, size int64) object {
	modified, _ := time.Parse(http.TimeFormat, h.Get("Last-Modified"))
	etag := strings.Trim(h.Get("ETag"), `"`)
	if strings.HasPrefix(etag, "W/") {
		etag = ""
	}
	return object{size: size, etag: etag, modified: modified}
}

func (w *web) stat(ctx context.Context, key string) (object, error) {
	a, err := w.do(ctx, http.MethodHead, key, nil)
	if err != nil {
		return object{}, err
	}
	a.Body.Close()
	if strings.HasSuffix(a.Request.URL.Path, "/") {
		return object{}, fs.ErrNotExist // it is a folder
	}
	if a.ContentLength < 0 {
		return object{}, errors.New("the server does not say how long it is")
	}
	return described(a.Header, a.ContentLength), nil
}

func (w *web) get(ctx context.Context, key string, from, size int64, want object) (io.ReadCloser, object, error) {
	a, err := w.do(ctx, http.MethodGet, key, func(h http.Header) {
		if from > 0 || size < want.size {
			h.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+size-1))
		}
		if want.etag != "" {
			h.Set("If-Match", `"`+want.etag+`"`)
		}
	})
	if err != nil {
		return nil, object{}, err
	}
	whole := a.ContentLength
	if a.StatusCode == http.StatusPartialContent {
		whole = -1
		if _, total, ok := strings.Cut(a.Header.Get("Content-Range"), "/"); ok {
			if _, err := fmt.Sscan(total, &whole); err != nil {
				whole = -1
			}
		}
	} else if from > 0 { // a server without ranges
		if _, err := io.CopyN(io.Discard, a.Body, from); err != nil {
			a.Body.Close()
			return nil, object{}, err
		}
	}
	if whole < 0 {
		whole = want.size
	}
	return a.Body, described(a.Header, whole), nil
}

// links are those of a page that lists a folder.
var links = regexp.MustCompile(`(?i)<a\s[^>]*href\s*=\s*["']([^"'?#]+)["']`)

// mostPage limits the pages that are read.
const mostPage = 64 << 20

func (w *web) list(ctx context.Context, key string) ([]entry, error) {
	folder := strings.Trim(key, "/") + "/"
	if key == "" {
		folder = ""
	}
	a, err := w.do(ctx, http.MethodGet, folder, nil)
	if err == nil {
		defer a.Body.Close()
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			page, err := io.ReadAll(io.LimitReader(a.Body, mostPage))
			if entries := linked(page); len(entries) > 0 || err != nil {
				return entries, err
			}
		}
	}
	var status *statusError
	if err != nil && !errors.Is(err, fs.ErrNotExist) && (!errors.As(err, &status) || temporary(err)) {
		return nil, err
	}
	entries, found := w.indexed(ctx, folder)
	switch {
	case found != nil:
		return nil, found
	case len(entries) > 0:
		return entries, nil
	case err != nil:
		return nil, err
	}
	return nil, fs.ErrNotExist
}

// linked returns the files and folders that a page links to, if they lie in it.
func linked(page []byte) (entries []entry) {
	seen := map[string]bool{}
	for _, m := range links.FindAllSubmatch(page, -1) {
		name, err := url.PathUnescape(strings.TrimPrefix(html.UnescapeString(string(m[1])), "./"))
		bare := strings.TrimSuffix(name, "/")
		if err != nil || bare == "" || bare == ".." || strings.ContainsAny(bare, "/:") || seen[bare] {
			continue
		}
		seen[bare] = true
		entries = append(entries, entry{name: bare, folder: bare != name})
	}
	return entries
}

// indexed lists a folder by the index of its shards, or the folder above those of splits.
func (w *web) indexed(ctx context.Context, folder string) (entries []entry, err error) {
	names, err := w.shards(ctx, folder)
	for _, n := range names {
		entries = append(entries, entry{name: n})
	}
	if err != nil || len(entries) > 0 {
		return entries, err
	}
	for _, split := range []string{"train", "val", "unlabeled"} {
		names, err := w.shards(ctx, folder+split+"/")
		if err != nil {
			return nil, err
		}
		if len(names) > 0 {
			entries = append(entries, entry{name: split, folder: true})
		}
	}
	return entries, nil
}

// shards returns the names of the files that the index in a folder is of.
func (w *web) shards(ctx context.Context, folder string) (names []string, err error) {
	a, err := w.do(ctx, http.MethodGet, path.Join(folder, ".contralens-index"), nil)
	var status *statusError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &status) && !temporary(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitN(b, []byte("\n"), 3)
	var head struct{ Shards []struct{ Name string } }
	if len(lines) < 3 || !bytes.HasPrefix(b, []byte("contralens index ")) || json.Unmarshal(lines[1], &head) != nil {
		return nil, nil
	}
	for _, s := range head.Shards {
		names = append(names, s.Name)
	}
	if len(names) > 0 {
		names = append(names, "classes.txt")
	}
	return names, nil
}

func (w *web) explain(err error) error {
	var status *statusError
	if errors.As(err, &status) && (status.status == 401 || status.status == 403) {
		return fmt.Errorf("%w: it wants another address, or permission", err)
	}
	return explainNetwork(err)
}

// explainNetwork words what goes wrong below HTTP.
func explainNetwork(err error) error {
	var dns *net.DNSError
	var certificate x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var status *statusError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &status):
		return status
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("there is no host %q: is the address right?", dns.Name)
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return fmt.Errorf("the server's certificate is valid from %s to %s, and it is %s now: "+
			"it has expired, or the clock is wrong",
			certificate.Cert.NotBefore.UTC().Format(time.DateOnly), certificate.Cert.NotAfter.UTC().Format(time.DateOnly),
			time.Now().UTC().Format(time.DateOnly))
	case errors.As(err, &unknown):
		return errors.New("the server's certificate is signed by an authority that is not known here; " +
			"SSL_CERT_FILE names a file with one more")
	case errors.As(err, &host):
		return fmt.Errorf("the server's certificate is for another host: %w", err)
	case speaksHTTP(err):
		return errors.New("the server does not speak HTTPS: is http:// meant?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nothing answers at that address")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET),
		strings.Contains(err.Error(), "Connection closed by foreign host"): // minio-go
		return errors.New("the connection breaks off")
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.Canceled):
		return errors.New("nothing comes")
	}
	return err
}
