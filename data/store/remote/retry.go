package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"contralens/data/store"
	"contralens/internal/humanize"
)

// outage is a time in which a store does not answer, for all who read it.
type outage struct {
	mu       sync.Mutex
	since    time.Time // of the first failure; zero: it answers
	said     time.Time // of the last note
	answered bool      // it has answered before
	over     error     // what was the end of patience
}

// firstPatience is how long a store that has never answered is waited for.
const firstPatience = 20 * time.Second

// mostPause is the longest pause between two attempts.
const mostPause = 5 * time.Second

// retry calls f until it succeeds, fails for good, or patience ends. name is what is read.
func (s *Store) retry(ctx context.Context, name string, f func(context.Context) error) error {
	for pause := s.o.NoteEvery / 50; ; pause = min(2*pause, mostPause) {
		if err := s.outage.given(); err != nil {
			return err
		}
		err := f(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			s.answers(name)
			return err
		}
		if f := store.Failed(err); f != nil {
			return f
		}
		if errors.As(err, new(diskError)) {
			return err
		}
		if !temporary(err) {
			return &store.Failure{Name: name, Err: s.explain(err)}
		}
		if err := s.failed(name, err); err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// given returns the error of a store that was given up.
func (o *outage) given() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over
}

// answers ends an outage.
func (s *Store) answers(name string) {
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.said.IsZero() {
		s.note("%s answers again after %s", name, humanize.Duration(time.Since(o.since)))
	}
	o.answered, o.since, o.said = true, time.Time{}, time.Time{}
}

// failed notes a failure, and returns an error when patience has ended.
func (s *Store) failed(name string, err error) error {
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	lasted, patience := now.Sub(o.since), s.o.Patience
	if !o.answered {
		patience = min(patience, firstPatience)
	}
	what := s.explain(err)
	if lasted > patience {
		o.over = &store.Failure{Name: name, Err: fmt.Errorf("want an answer within %s, but %w",
			humanize.Duration(patience), what)}
		return o.over
	}
	if now.Sub(o.since) >= s.o.NoteEvery && now.Sub(o.said) >= s.o.NoteEvery {
		o.said = now
		s.note("%s: %v for %s; trying again", name, what, humanize.Duration(lasted))
	}
	return nil
}

// statusError is an answer of a server that is no file.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answers %d (%s)", e.status, e.text)
}

// temporary reports whether another attempt can succeed.
func temporary(err error) bool {
	var status *statusError
	var dns *net.DNSError
	var operation *net.OpError
	var request *url.Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &status):
		return status.status >= 500 && status.status != 501 || status.status == 429 || status.status == 408
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, context.Canceled): // a body that stalled
		return true
	case errors.As(err, &timeout) && timeout.Timeout():
		return true
	}
	// Of the requests that got no answer, some cannot get any. What is behind the others is
	// not always told: minio-go has a sentence in place of io.EOF.
	return errors.As(err, &operation) || errors.As(err, &request) && !hopeless(err)
}

// hopeless reports whether a connection was made and refused for what the server is.
func hopeless(err error) bool {
	return errors.As(err, new(x509.CertificateInvalidError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(tls.RecordHeaderError)) || speaksHTTP(err) ||
		strings.Contains(err.Error(), "stopped after 10 redirects")
}

// speaksHTTP reports whether HTTPS was spoken to a server of HTTP.
func speaksHTTP(err error) bool {
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}
