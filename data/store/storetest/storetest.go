// Package storetest has a store that fails, waits and counts, for tests of code that
// reads from a store.
package storetest

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"contralens/data/store"
)

// Store passes calls on to another store.
type Store struct {
	store.Store
	Delay time.Duration           // before each call, unless its context ends
	Fail  func(name string) error // if set, its error is returned by the call
	Calls atomic.Int64
	Bytes atomic.Int64 // read by ReadAt
}

// before runs at the beginning of each call.
func (s *Store) before(ctx context.Context, name string) error {
	s.Calls.Add(1)
	if s.Delay > 0 {
		select {
		case <-time.After(s.Delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.Fail != nil {
		return s.Fail(name)
	}
	return nil
}

// Open opens a file, unless Fail returns an error.
func (s *Store) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, name)
}

// ReadAt reads part of a file, unless Fail returns an error.
func (s *Store) ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	b, err := s.Store.ReadAt(ctx, name, buf, offset, size)
	s.Bytes.Add(int64(len(b)))
	return b, err
}

// List lists a folder, unless Fail returns an error.
func (s *Store) List(ctx context.Context, name string) ([]store.Entry, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, name)
}

// Stat describes a file or folder, unless Fail returns an error.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	if err := s.before(ctx, name); err != nil {
		return store.Info{}, err
	}
	return s.Store.Stat(ctx, name)
}
