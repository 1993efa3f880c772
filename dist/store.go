package dist

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Store is a table of keys and values that all processes share. Its methods may be called
// from any goroutine. libtorch's TCPStore and FileStore are stores (torch/dist), and so is a
// [Memory] within a process.
type Store interface {
	// Set sets the value of a key.
	Set(key string, value []byte) error
	// Get returns the value of a key. It waits for a key that nobody has set yet, at most for
	// the timeout of the store.
	Get(key string) ([]byte, error)
	// Add adds n to the number of a key, which is 0 at first, and returns the sum.
	Add(key string, n int64) (int64, error)
	// Check reports whether all keys are set.
	Check(keys ...string) (bool, error)
	// Wait returns when all keys are set, or an error after timeout.
	Wait(timeout time.Duration, keys ...string) error
	// Delete removes a key, and reports whether it was set.
	Delete(key string) (bool, error)
}

// Memory is a store within this process.
type Memory struct {
	mutex   sync.Mutex
	values  map[string][]byte
	changed chan struct{} // closed when a key is set
	timeout time.Duration
}

// NewMemory returns an empty store. Get waits for a key at most for timeout.
func NewMemory(timeout time.Duration) *Memory {
	return &Memory{values: map[string][]byte{}, changed: make(chan struct{}), timeout: timeout}
}

// Set sets the value of a key.
func (m *Memory) Set(key string, value []byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.set(key, slices.Clone(value))
	return nil
}

func (m *Memory) set(key string, value []byte) {
	m.values[key] = value
	close(m.changed)
	m.changed = make(chan struct{})
}

// Get returns the value of a key, and waits for it.
func (m *Memory) Get(key string) ([]byte, error) {
	if err := m.Wait(m.timeout, key); err != nil {
		return nil, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.values[key]), nil
}

// Add adds n to the number of a key.
func (m *Memory) Add(key string, n int64) (int64, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if old, ok := m.values[key]; ok {
		number, err := strconv.ParseInt(string(old), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("store: key %s: want a number, got %q", key, old)
		}
		n += number
	}
	m.set(key, strconv.AppendInt(nil, n, 10))
	return n, nil
}

// Check reports whether all keys are set.
func (m *Memory) Check(keys ...string) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.has(keys), nil
}

func (m *Memory) has(keys []string) bool {
	for _, key := range keys {
		if _, ok := m.values[key]; !ok {
			return false
		}
	}
	return true
}

// Wait returns when all keys are set, or an error after timeout.
func (m *Memory) Wait(timeout time.Duration, keys ...string) error {
	late := time.After(timeout)
	for {
		m.mutex.Lock()
		ok, changed := m.has(keys), m.changed
		m.mutex.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-late:
			return fmt.Errorf("store: nobody set %q within %v", keys, timeout)
		}
	}
}

// Delete removes a key, and reports whether it was set.
func (m *Memory) Delete(key string) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	_, ok := m.values[key]
	delete(m.values, key)
	return ok, nil
}

// Prefix returns a view of a store whose keys all begin with prefix there.
func Prefix(s Store, prefix string) Store { return prefixed{s, prefix} }

type prefixed struct {
	store  Store
	prefix string
}

func (p prefixed) all(keys []string) []string {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = p.prefix + key
	}
	return full
}

func (p prefixed) Set(key string, value []byte) error     { return p.store.Set(p.prefix+key, value) }
func (p prefixed) Get(key string) ([]byte, error)         { return p.store.Get(p.prefix + key) }
func (p prefixed) Add(key string, n int64) (int64, error) { return p.store.Add(p.prefix+key, n) }
func (p prefixed) Check(keys ...string) (bool, error)     { return p.store.Check(p.all(keys)...) }
func (p prefixed) Delete(key string) (bool, error)        { return p.store.Delete(p.prefix + key) }
func (p prefixed) Wait(timeout time.Duration, keys ...string) error {
	return p.store.Wait(timeout, p.all(keys)...)
}
