package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"

	"contralens/rundir"
)

// writing is the only address that changes anything: the notes of a run.
const writing = "/api/notes"

// mayWrite reports whether a request may change notes: it must come from this machine, and
// not by way of a proxy, behind which anyone may be.
func mayWrite(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	for _, passedOn := range []string{"Forwarded", "X-Forwarded-For", "Via"} {
		if r.Header.Get(passedOn) != "" {
			return false
		}
	}
	return ip != nil && ip.IsLoopback()
}

// visitor says what the visitor may do.
func (s *Server) visitor(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]bool{"write": mayWrite(r)})
}

// setNotes replaces the notes of a run by those in the body.
func (s *Server) setNotes(w http.ResponseWriter, r *http.Request) {
	fail := func(code int, err error) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
	}
	// Other sites' forms cannot send this type, so it proves a script of the own page.
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		fail(http.StatusUnsupportedMediaType, fmt.Errorf("want notes as application/json, got %q", kind))
		return
	}
	var notes rundir.Notes
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, rundir.MaxNotes)).Decode(&notes); err != nil {
		fail(http.StatusBadRequest, fmt.Errorf("want notes of at most %d bytes: %w", rundir.MaxNotes, err))
		return
	}
	run, err := s.get(r.URL.Query().Get("run"))
	if err != nil {
		fail(http.StatusNotFound, err)
		return
	}
	if err := run.write(notes); err != nil {
		fail(http.StatusInternalServerError, fmt.Errorf("the notes were not saved: %w", err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// write saves the notes. Whoever reads them meanwhile gets the old ones or the new ones.
func (r *run) write(notes rundir.Notes) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := notes.Encode()
	if err != nil {
		return err
	}
	root, temporary := r.server.root, r.file("."+rundir.NotesFile+".partial")
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) { // left over
		if err = root.Remove(temporary); err == nil {
			f, err = root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(temporary, path.Join(r.id, rundir.NotesFile))
	}
	if err != nil {
		root.Remove(temporary)
	}
	return err
}
