package dist

/*
#include <stdlib.h>
#include "dist.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"contralens/torch"
)

// DefaultTimeout limits how long a store waits for a key, and a group for the other ranks,
// where no other timeout is given.
const DefaultTimeout = 5 * time.Minute

// A Store is a table of keys and values that all processes share. Its methods may be called
// from any goroutine; no call holds up another one for long.
type Store struct {
	mutex   sync.RWMutex // writing: Close
	handle  C.cl_store   // nil once it is closed
	timeout time.Duration
	address string // of the machine that serves, "" for a file
	port    int
}

// TCPOptions say where a store is.
type TCPOptions struct {
	Host    string // the machine that serves; rank 0's as a rule
	Port    int    // 0: one that is free, for the process that serves
	Server  bool   // this process serves
	World   int    // the number of processes
	Timeout time.Duration
	// Late is when a client gives up a server that accepts connections and does not answer; the zero
	// value: when Timeout is over.
	Late time.Time
}

// NewTCPStore serves a store to all processes, or connects to the one that does. A process
// may connect several times. A client that comes first tries until the timeout is over. ctx ends that.
func NewTCPStore(ctx context.Context, o TCPOptions) (*Store, error) {
	if err := torch.Load(); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	began := time.Now()
	if o.Late.IsZero() {
		o.Late = began.Add(o.Timeout + 500*time.Millisecond) // c10d says first why it cannot connect
	}
	where := net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
	type answer struct {
		store *Store
		err   error
	}
	answers := make(chan answer, 1)
	// c10d waits without a limit for what a server says. What waits in vain is left behind.
	go func() {
		s, err := open(o)
		if err == nil && !o.Server {
			_, err = s.Check("contralens")
		}
		if err != nil {
			err = fmt.Errorf("store at %s: %s", where, strings.TrimPrefix(err.Error(), "store: "))
		}
		answers <- answer{s, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil && a.store != nil {
			a.store.Close()
			return nil, fmt.Errorf("%w: either rank 0 of this job ended, or another program listens there: give another port",
				a.err)
		}
		return a.store, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(time.Until(o.Late)):
		return nil, fmt.Errorf("store at %s: a program listens there but did not answer within %v: if it is rank 0 of this "+
			"job, find out what stops it; if it is another program, give another port", where,
			time.Since(began).Round(time.Millisecond))
	}
}

// open is NewTCPStore without its limits.
func open(o TCPOptions) (*Store, error) {
	host := C.CString(o.Host)
	defer C.free(unsafe.Pointer(host))
	s := &Store{timeout: o.Timeout, address: o.Host}
	var bound C.int
	serves := C.int(0)
	if o.Server {
		serves = 1
	}
	if err := failure("store", C.cl_store_tcp(host, C.int(o.Port), serves, C.int(o.World),
		C.int64_t(o.Timeout.Milliseconds()), &s.handle, &bound)); err != nil {
		return nil, errors.New(err.Message)
	}
	s.port = int(bound)
	return s, nil
}

// NewFileStore returns a store in a file on a disk of this machine. The file must not exist
// before the first of the world's processes makes it, and is removed when the last one
// closes its store.
func NewFileStore(path string, world int) (*Store, error) {
	if err := torch.Load(); err != nil {
		return nil, err
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	s := &Store{timeout: DefaultTimeout}
	if err := failure("store", C.cl_store_file(cpath, C.int(world), C.int64_t(s.timeout.Milliseconds()),
		&s.handle)); err != nil {
		return nil, fmt.Errorf("store in %s: %s", path, err.Message)
	}
	return s, nil
}

// Prefix returns a view of a store, whose keys begin with prefix and a slash there. Both can
// be closed in any order.
func Prefix(s *Store, prefix string) *Store {
	cprefix := C.CString(prefix)
	defer C.free(unsafe.Pointer(cprefix))
	view := &Store{timeout: s.timeout, address: s.address, port: s.port}
	err := s.call(func(handle C.cl_store) *C.char { return C.cl_store_prefix(handle, cprefix, &view.handle) })
	if err != nil {
		view.handle = nil // each call says that it is closed
	}
	return view
}

// Port is the port at which the store is served, 0 for a file.
func (s *Store) Port() int { return s.port }

// Close ends the use of the store by this process. If it serves, others lose the store,
// unless a group or another Prefix still has it.
func (s *Store) Close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle != nil {
		C.cl_store_free(s.handle)
	}
	s.handle = nil
}

var errClosed = errors.New("store: used after it was closed")

func (s *Store) call(f func(C.cl_store) *C.char) error {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if s.handle == nil {
		return errClosed
	}
	if err := failure("store", f(s.handle)); err != nil {
		return errors.New("store: " + err.Message)
	}
	return nil
}

// on is call with a key.
func (s *Store) on(key string, f func(C.cl_store, *C.char) *C.char) error {
	ckey := C.CString(key)
	defer C.free(unsafe.Pointer(ckey))
	return s.call(func(handle C.cl_store) *C.char { return f(handle, ckey) })
}

// Set sets the value of a key.
func (s *Store) Set(key string, value []byte) error {
	return s.on(key, func(handle C.cl_store, ckey *C.char) *C.char {
		return C.cl_store_set(handle, ckey, unsafe.Pointer(unsafe.SliceData(value)), C.int64_t(len(value)))
	})
}

// Get returns the value of a key. It waits for a key that nobody has set yet, at most for
// the timeout of the store.
func (s *Store) Get(key string) ([]byte, error) {
	if err := s.Wait(s.timeout, key); err != nil {
		return nil, err
	}
	var value unsafe.Pointer
	var size C.int64_t
	err := s.on(key, func(handle C.cl_store, ckey *C.char) *C.char {
		return C.cl_store_get(handle, ckey, &value, &size)
	})
	if err != nil {
		return nil, err
	}
	defer C.free(value)
	return C.GoBytes(value, C.int(size)), nil
}

// Add adds n to the number of a key, which is 0 at first, and returns the sum.
func (s *Store) Add(key string, n int64) (int64, error) {
	var sum C.int64_t
	err := s.on(key, func(handle C.cl_store, ckey *C.char) *C.char {
		return C.cl_store_add(handle, ckey, C.int64_t(n), &sum)
	})
	return int64(sum), err
}

// Check reports whether all keys are set.
func (s *Store) Check(keys ...string) (bool, error) {
	if len(keys) == 0 {
		return true, nil
	}
	ckeys, free := texts(keys)
	defer free()
	var all C.int
	err := s.call(func(handle C.cl_store) *C.char {
		return C.cl_store_check(handle, C.int(len(keys)), ckeys, &all)
	})
	return all != 0, err
}

// Wait returns when all keys are set, or an error after timeout. It asks again and again:
// c10d's own wait would keep other goroutines from the store, and in libtorch 1.13 a store
// is unusable after a timeout.
func (s *Store) Wait(timeout time.Duration, keys ...string) error {
	end := time.Now().Add(timeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		all, err := s.Check(keys...)
		if all || err != nil {
			return err
		}
		left := time.Until(end)
		if left <= 0 {
			return fmt.Errorf("store: nobody set %q within %v", keys, timeout)
		}
		time.Sleep(min(pause, left))
	}
}

// Delete removes a key, and reports whether it was set.
func (s *Store) Delete(key string) (bool, error) {
	if s.address == "" { // c10d's FileStore says that any key was set
		if set, err := s.Check(key); !set || err != nil {
			return false, err
		}
	}
	var was C.int
	err := s.on(key, func(handle C.cl_store, ckey *C.char) *C.char { return C.cl_store_delete(handle, ckey, &was) })
	return was != 0, err
}
