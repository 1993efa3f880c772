// Package dashboard serves a web page that follows training runs: it finds the runs
// below a directory and shows their scores while they are written. The page and
// everything it needs are in the binary. The server opens only files below its directory.
// It changes none of them, except the notes that people write on this machine, and the layouts of probe
// sets, which can be made again.
//
//	files → runs (discovery.go) → answers (api.go, events.go) → page (web/)
//
// New makes a Server, whose Handler answers requests; Serve also listens and prints the
// address.
package dashboard

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

//go:embed web
var web embed.FS

// Options are the options of a Server.
type Options struct {
	Dir   string        // runs are searched for here and below
	Token string        // required from every visitor; empty: none
	Hosts []string      // names of this machine, besides localhost and IP addresses
	Poll  time.Duration // interval between two checks of the files; 0: 500 ms
	// LastWords is what open pages say when the server ends, such as how to start another
	// one. Without it they say that the server has ended.
	LastWords string
	// Replay opens the images that a run was trained on, given its options. Without it, there are no
	// crops behind the scores.
	Replay func(ctx context.Context, options map[string]string) (Replayer, error)
}

// Server serves the runs below a directory.
type Server struct {
	Options
	root    *os.Root // of Dir; nothing outside of it can be opened
	path    string   // absolute path of Dir
	started time.Time
	saving  bool // a page is saved, which waits for everything

	mu   sync.Mutex // guards runs, studies, note, walked
	runs map[string]*run
	// studies are the folders with the report of a study.
	studies []string
	note    string // about the search for runs
	// walked is the time at which the search ended, and walk its duration.
	walked time.Time
	walk   time.Duration

	events events

	ended   context.Context // is done when the server closes
	end     context.CancelFunc
	working sync.WaitGroup // what computes beside the answers
}

// New opens the directory. Close the server after use.
func New(o Options) (*Server, error) {
	path, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: want a directory with runs, but there is none: train first (contralens contrast), "+
			"or name the one of your runs, as in contralens serve DIR", o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: want a directory with runs, as in contralens serve DIR: %w", o.Dir, err)
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	s := &Server{Options: o, root: root, path: path, started: time.Now(), runs: map[string]*run{}}
	s.ended, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close closes the directory, after what computes has ended.
func (s *Server) Close() error {
	s.end()
	s.working.Wait()
	return s.root.Close()
}

// Handler serves the page and its requests.
func (s *Server) Handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/runs", s.answer(s.listRuns))
	mux.HandleFunc("GET /api/run", s.answer(s.describeRun))
	mux.HandleFunc("GET /api/study", s.answer(s.describeStudy))
	mux.HandleFunc("GET /api/judge", s.answer(s.judgement))
	mux.HandleFunc("GET /api/curves", s.answer(s.curves))
	mux.HandleFunc("GET /api/histogram", s.answer(s.histogram))
	mux.HandleFunc("GET /api/images", s.answer(s.images))
	mux.HandleFunc("GET /api/crop", s.crop)
	mux.HandleFunc("GET /api/embedding", s.answer(s.embedding))
	mux.HandleFunc("GET /api/layout", s.answer(s.layout))
	mux.HandleFunc("GET /api/nearest", s.answer(s.nearest))
	mux.HandleFunc("GET /api/thumbnails", s.thumbnails)
	mux.HandleFunc("GET /api/log", s.answer(s.log))
	mux.HandleFunc("GET /api/options", s.answer(s.options))
	mux.HandleFunc("GET /api/visitor", s.visitor)
	mux.HandleFunc("POST "+writing, s.setNotes)
	mux.HandleFunc("GET /events", s.follow)
	mux.Handle("GET /", http.FileServerFS(files))
	return s.guard(mux)
}
