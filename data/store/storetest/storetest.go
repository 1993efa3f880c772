// Package storetest has a store that fails, waits and counts, for tests of what
// reads through one.
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
	Fail  func(name string) error // when set, an error of it is the call's
	Calls atomic.Int64
	Bytes atomic.Int64 // that ReadAt read
}

// before is what each call begins with.
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

// Open opens as the store below does, unless it is to fail.
func (s *Store) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, name)
}

// ReadAt reads as the store below does, unless it is to fail.
func (s *Store) ReadAt(ctx context.Context, name string, buf []byte, offset, size int64) ([]byte, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	b, err := s.Store.ReadAt(ctx, name, buf, offset, size)
	s.Bytes.Add(int64(len(b)))
	return b, err
}

// List lists as the store below does, unless it is to fail.
func (s *Store) List(ctx context.Context, name string) ([]store.Entry, error) {
	if err := s.before(ctx, name); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, name)
}

// Stat describes as the store below does, unless it is to fail.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	if err := s.before(ctx, name); err != nil {
		return store.Info{}, err
	}
	return s.Store.Stat(ctx, name)
}
