// Package remote reads datasets from object stores and web servers: s3://, gs:// and
// https://. Files that are used are kept in a folder on the disk, up to a number of bytes,
// which all processes of a machine share. What fails for a while is tried again, with a
// note; what has changed since it was opened is an error.
package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"contralens/data/store"
	"contralens/internal/humanize"
)

// Options say what a Store keeps, and how patient it is.
type Options struct {
	CacheDir   string // folder of kept files; "": in the user's cache
	CacheBytes int64  // limit of the folder; 0: half of the disk's free space; negative: nothing is kept
	// Note receives sentences, from any goroutine; it may be nil.
	Note func(string)
	// Patience is how long a store may fail before it is given up, NoteEvery how often a
	// note says so. 0: five minutes and ten seconds.
	Patience, NoteEvery time.Duration
}

// object is what a store tells about a file.
type object struct {
	size     int64
	etag     string    // without quotes; empty if the store has none
	modified time.Time // zero if the store does not say
}

// same reports whether two descriptions can be of the same content.
func (o object) same(p object) bool {
	return o.size == p.size && (o.etag == "" || p.etag == "" || o.etag == p.etag) &&
		(o.modified.IsZero() || p.modified.IsZero() || o.modified.Unix() == p.modified.Unix())
}

// entry is a file or folder in a listing.
type entry struct {
	name   string
	folder bool
	object *object // nil if the listing does not tell
}

// backend is a kind of store. Keys are paths below the root, without a slash at either end.
// The errors of missing files satisfy errors.Is(err, fs.ErrNotExist).
type backend interface {
	list(ctx context.Context, key string) ([]entry, error)
	stat(ctx context.Context, key string) (object, error)
	// get returns bytes from to from+size-1, which exist. want is what the file must be.
	get(ctx context.Context, key string, from, size int64, want object) (io.ReadCloser, object, error)
	// complete reports that what is not in a listing does not exist.
	complete() bool
	// explain words an error: what came, and what to do.
	explain(err error) error
}

// Store reads files of a bucket or a web server by their URLs.
type Store struct {
	backend
	o     Options
	ctx   context.Context // of what is fetched beside
	root  string          // scheme and host
	cache *cache          // nil: nothing is kept

	outage  outage
	mu      sync.Mutex
	folders map[string]*folder
	files   map[string]object // as they were when they were first described
	sums    map[string]string // SHA-256 that files must have
	fetch   map[string]*fetching
	wanted  map[string]bool // shards that Fetch has announced and that have not come yet
	single  map[string]bool // shards of which single images were read
	total   int64           // their bytes
	slots   chan struct{}   // one for each file that is fetched
	once    sync.Map        // notes that are given once
}

// folder is a listing, or why there is none.
type folder struct {
	entries []entry
	err     error
}

// fetches is the number of files that are fetched at a time.
const fetches = 4

// Open returns the store that a URL is in. What it fetches beside stops when ctx ends. It
// asks the network nothing yet. Its errors do not repeat the URL.
func Open(ctx context.Context, name string, o Options) (*Store, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return nil, errors.New("want a URL such as s3://bucket/folder or https://host/folder")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("want the URL of a folder, without a user and without ? and #")
	}
	o.Patience, o.NoteEvery = cmp.Or(o.Patience, 5*time.Minute), cmp.Or(o.NoteEvery, 10*time.Second)
	s := &Store{
		o: o, ctx: ctx, root: u.Scheme + "://" + u.Host, folders: map[string]*folder{}, files: map[string]object{},
		sums: map[string]string{}, fetch: map[string]*fetching{},
		wanted: map[string]bool{}, single: map[string]bool{}, slots: make(chan struct{}, fetches),
	}
	switch u.Scheme {
	case "s3":
		s.backend, err = openS3(u.Host)
	case "gs":
		s.backend, err = openGS(ctx, u.Host)
	case "http", "https":
		s.backend = openHTTP(u)
	default:
		err = errors.New("want a path, or a URL that begins with s3://, gs://, https:// or http://")
	}
	if err != nil {
		return nil, err
	}
	if o.CacheBytes >= 0 {
		s.cache, err = openCache(o.CacheDir, o.CacheBytes)
	}
	return s, err
}

func (s *Store) note(format string, args ...any) {
	if s.o.Note != nil {
		s.o.Note(humanize.Text(fmt.Sprintf(format, args...)))
	}
}

// noteOnce gives a note the first time.
func (s *Store) noteOnce(format string, args ...any) {
	if _, said := s.once.LoadOrStore(format, true); !said {
		s.note(format, args...)
	}
}

// key returns the part of a name below the root, and the name as people write it.
func (s *Store) key(name string) (key, full string) {
	full = store.Join(name)
	key, below := strings.CutPrefix(full, s.root)
	if !below {
		return "", full
	}
	return strings.Trim(key, "/"), full
}

// List lists a folder. It asks the store once.
func (s *Store) List(ctx context.Context, name string) ([]store.Entry, error) {
	f, err := s.list(ctx, name)
	if err != nil {
		return nil, err
	}
	entries := make([]store.Entry, len(f))
	for i, e := range f {
		entries[i] = store.Entry{Name: e.name, Folder: e.folder}
	}
	return entries, nil
}

func (s *Store) list(ctx context.Context, name string) ([]entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, full := s.key(name)
	s.mu.Lock()
	f := s.folders[key]
	s.mu.Unlock()
	if f != nil {
		return f.entries, f.err
	}
	f = &folder{}
	f.err = s.retry(ctx, full, func(ctx context.Context) (err error) {
		f.entries, err = s.backend.list(ctx, key)
		return err
	})
	if f.err != nil && !errors.Is(f.err, fs.ErrNotExist) && store.Failed(f.err) == nil {
		return nil, f.err // ctx has ended
	}
	slices.SortFunc(f.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.folders[key]; first != nil { // someone else was faster
		return first.entries, first.err
	}
	s.folders[key] = f
	for _, e := range f.entries {
		if e.object != nil {
			s.files[strings.Trim(key+"/"+e.name, "/")] = *e.object
		}
	}
	return f.entries, f.err
}

// Stat describes a file or folder, by the listing of the folder that it is in.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	key, full := s.key(name)
	if key == "" {
		_, err := s.list(ctx, full)
		return store.Info{Folder: err == nil}, err
	}
	o, folder, err := s.describe(ctx, key, full)
	return store.Info{Folder: folder, Size: o.size, Modified: o.modified}, err
}

// describe returns what a file was when it was first described. folder reports that the key
// is that of a folder.
func (s *Store) describe(ctx context.Context, key, full string) (o object, folder bool, err error) {
	if err := ctx.Err(); err != nil {
		return o, false, err
	}
	s.mu.Lock()
	o, known := s.files[key]
	s.mu.Unlock()
	if known {
		return o, false, nil
	}
	entries, listErr := s.list(ctx, store.Dir(full))
	at := slices.IndexFunc(entries, func(e entry) bool { return e.name == full[strings.LastIndex(full, "/")+1:] })
	switch {
	case at >= 0 && entries[at].folder:
		return o, true, nil
	case at >= 0 && entries[at].object != nil:
		return *entries[at].object, false, nil
	case at < 0 && listErr == nil && s.complete():
		return o, false, fs.ErrNotExist
	case s.complete() && errors.Is(listErr, fs.ErrNotExist):
		return o, false, fs.ErrNotExist
	case store.Failed(listErr) != nil: // one may be allowed to list a folder, and not that above
		if _, err := s.list(ctx, full); err != nil {
			return o, false, listErr
		}
		return o, true, nil
	}
	err = s.retry(ctx, full, func(ctx context.Context) (err error) {
		o, err = s.backend.stat(ctx, key)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := s.list(ctx, full); e == nil {
			return o, true, nil
		}
	}
	if err != nil {
		return o, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[key] = o
	return o, false, nil
}
