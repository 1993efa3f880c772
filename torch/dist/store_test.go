package dist

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// stores passes a value around, and counts.
func stores(p place) error {
	s := Prefix(p.store, "test")
	defer s.Close()
	key := func(rank int) string { return fmt.Sprint("value", rank%p.size) }
	value := []byte(fmt.Sprint("\x00of rank ", p.rank))
	err := s.Set(key(p.rank), value)
	got, getErr := s.Get(key(p.rank + 1)) // waits
	if want := fmt.Sprint("\x00of rank ", (p.rank+1)%p.size); string(got) != want {
		err = errors.Join(err, fmt.Errorf("got %q, want %q", got, want))
	}
	sum, addErr := s.Add("sum", int64(p.rank))
	if sum < int64(p.rank) || sum > int64(p.size*(p.size-1)/2) {
		err = errors.Join(err, fmt.Errorf("rank %d made the sum %d", p.rank, sum))
	}
	waitErr := s.Wait(10*time.Second, key(0), key(1))
	outer, checkErr := p.store.Check("test/" + key(1))
	if !outer {
		err = errors.Join(err, errors.New("the key has no prefix in the store beneath"))
	}
	return errors.Join(err, getErr, addErr, waitErr, checkErr)
}

// TestStore covers a store of one process.
func TestStore(t *testing.T) {
	served, err := NewTCPStore(t.Context(), TCPOptions{Host: "127.0.0.1", Server: true, World: 2})
	if err != nil {
		t.Fatal(err)
	}
	served.timeout = 20 * time.Millisecond
	client, err := NewTCPStore(t.Context(), TCPOptions{Host: "127.0.0.1", Port: served.Port(), World: 2, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	file, err := NewFileStore(filepath.Join(t.TempDir(), "store"), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []*Store{client, file, served} {
		if err := s.Set("empty", nil); err != nil {
			t.Error(i, err)
		}
		if got, err := s.Get("empty"); err != nil || len(got) != 0 {
			t.Errorf("store %d: got %q, %v", i, got, err)
		}
		if ok, err := s.Check("empty", "none"); ok || err != nil {
			t.Errorf("store %d: got %v, %v for a key that was never set", i, ok, err)
		}
		if err := s.Wait(5*time.Millisecond, "empty", "none"); err == nil || !strings.Contains(err.Error(), "nobody set") {
			t.Errorf("store %d: waited without an error: %v", i, err)
		}
		if was, err := s.Delete("empty"); !was || err != nil {
			t.Errorf("store %d: deleted: %v, %v", i, was, err)
		}
		if was, err := s.Delete("empty"); was || err != nil {
			t.Errorf("store %d: deleted again: %v, %v", i, was, err)
		}
		if ok, err := s.Check("empty"); ok || err != nil {
			t.Errorf("store %d: got %v, %v for a deleted key", i, ok, err)
		}
		// A goroutine that waits holds up none that sets.
		var wait sync.WaitGroup
		wait.Go(func() {
			if err := s.Wait(10*time.Second, "late"); err != nil {
				t.Error(i, err)
			}
		})
		if err := s.Set("late", []byte("x")); err != nil {
			t.Error(i, err)
		}
		wait.Wait()
		for range 3 {
			if _, err := s.Add("n", 2); err != nil {
				t.Error(i, err)
			}
		}
		if n, err := s.Add("n", -1); n != int64(5+5*(i/2)) || err != nil {
			t.Errorf("store %d: sum %d, %v", i, n, err)
		}
	}
	if _, err := served.Get("none"); err == nil || !strings.Contains(err.Error(), `nobody set ["none"] within 20ms`) {
		t.Errorf("a key that is never set: got %v", err)
	}
	if _, err := NewTCPStore(t.Context(), TCPOptions{Host: "127.0.0.1", Port: served.Port(), Server: true, World: 2}); err == nil ||
		!strings.Contains(err.Error(), "ddress already in use") {
		t.Errorf("a taken port: got %v", err)
	}
	view := Prefix(client, "p")
	client.Close()
	client.Close()
	if err := client.Set("a", nil); !errors.Is(err, errClosed) {
		t.Errorf("a closed store: got %v", err)
	}
	if err := Prefix(client, "p").Set("a", nil); !errors.Is(err, errClosed) {
		t.Errorf("a prefix of a closed store: got %v", err)
	}
	if err := view.Set("a", nil); err != nil {
		t.Errorf("a prefix of a store that was closed later: %v", err)
	}
}
