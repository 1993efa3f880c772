package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// maxFollowers limits the number of pages that are open at once.
const maxFollowers = 100

// events notifies all open pages of changes. One goroutine checks the files, and only
// while a page is open.
type events struct {
	mu        sync.Mutex
	followers map[chan []byte]bool
	stop      context.CancelFunc
}

// follow is a stream of server-sent events: the overview whenever a run has changed, a
// comment from time to time to notice pages that are gone, and at the end of the server
// its last words.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "the connection cannot stream", http.StatusInternalServerError)
		return
	}
	updates, leave := s.join()
	if updates == nil {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "retry: 1000\n\n")
	flusher.Flush()
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			// The page may be gone, or the server ends. Then it shows the last state.
			if update, err := json.Marshal(s.overview()); err == nil {
				fmt.Fprintf(w, "event: runs\ndata: %s\n\n", update)
			}
			words, err := json.Marshal(map[string]string{"message": s.LastWords})
			if err == nil {
				fmt.Fprintf(w, "event: end\ndata: %s\n\n", words)
				flusher.Flush()
			}
			return
		case <-alive.C:
			fmt.Fprint(w, ": alive\n\n")
		case update := <-updates:
			fmt.Fprintf(w, "event: runs\ndata: %s\n\n", update)
		}
		flusher.Flush()
	}
}

func (s *Server) join() (updates chan []byte, leave func()) {
	e := &s.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.followers) >= maxFollowers {
		return nil, nil
	}
	if e.followers == nil {
		e.followers = map[chan []byte]bool{}
	}
	updates = make(chan []byte, 1)
	e.followers[updates] = true
	if e.stop == nil {
		var ctx context.Context
		ctx, e.stop = context.WithCancel(context.Background())
		go s.watch(ctx)
	}
	return updates, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if delete(e.followers, updates); len(e.followers) == 0 {
			e.stop()
			e.stop = nil
		}
	}
}

// watch checks the files until ctx ends. The longer a check takes, the less often it
// runs.
func (s *Server) watch(ctx context.Context) {
	var last []byte
	for {
		start := time.Now()
		now := s.overview()
		b, err := json.Marshal(now)
		if err == nil && !bytes.Equal(b, last) {
			s.events.send(b)
			last = b
		}
		s.judge(now.Runs, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(s.Poll, 4*time.Since(start))):
		}
	}
}

// send sends every page the update. It replaces an update that a page has not received
// yet.
func (e *events) send(update []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.followers {
		select {
		case <-c:
		default:
		}
		c <- update
	}
}
