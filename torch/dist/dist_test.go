package dist

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"contralens/torch"
)

// The tests of groups run workers: this program again, in a process per rank.
const (
	workerVariable = "CONTRALENS_DIST_WORKER"
	rankVariable   = "CONTRALENS_DIST_RANK"
	sizeVariable   = "CONTRALENS_DIST_SIZE"
	storeVariable  = "CONTRALENS_DIST_STORE"
)

// A place is what a worker knows of its world.
type place struct {
	rank, size int
	store      *Store
}

var workers = map[string]func(place) error{
	"collectives": inTurn(stores, collectives),
	"gradients":   inTurn(average, syncNorm, restoreLayout, mixed, missing),
	"flat":        flat,
	"gone":        gone,
	"stopped":     stopped,
	"different":   different,
}

// inTurn is a worker that does the work of several, each in a store of its own.
func inTurn(workers ...func(place) error) func(place) error {
	return func(p place) error {
		for i, f := range workers {
			of := place{p.rank, p.size, Prefix(p.store, fmt.Sprint(i))}
			defer of.store.Close()
			if err := f(of); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestMain(m *testing.M) {
	worker := os.Getenv(workerVariable)
	if worker == "" {
		os.Exit(m.Run())
	}
	torch.SetThreads(1)
	err := torch.Run(func() error { return work(workers[worker]) })
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func work(f func(place) error) error {
	rank, err := strconv.Atoi(os.Getenv(rankVariable))
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(os.Getenv(sizeVariable))
	if err != nil {
		return err
	}
	var s *Store
	if at := os.Getenv(storeVariable); strings.HasPrefix(at, "/") {
		s, err = NewFileStore(at, size)
	} else {
		port, atoi := strconv.Atoi(at)
		if atoi != nil {
			return atoi
		}
		s, err = NewTCPStore(context.Background(), TCPOptions{Host: "127.0.0.1", Port: port, World: size, Timeout: 20 * time.Second})
	}
	if err != nil {
		return err
	}
	defer s.Close()
	return f(place{rank, size, s})
}

// group is the workers' group.
func (p place) group(timeout time.Duration) (*Group, error) {
	return NewGroup(p.store, Options{Rank: p.rank, Size: p.size, Timeout: timeout})
}

// A result is how a worker ended.
type result struct {
	output string
	err    error
}

// start runs a worker on each rank, with a store served by this process or in a file, and
// returns how each one ended.
func start(t *testing.T, worker string, size int, file bool) []result {
	t.Helper()
	at := filepath.Join(t.TempDir(), "store")
	if !file {
		s, err := NewTCPStore(t.Context(), TCPOptions{Host: "127.0.0.1", Server: true, World: size + 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		at = strconv.Itoa(s.Port())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out := make([]result, size)
	var wait sync.WaitGroup
	for rank := range out {
		wait.Go(func() {
			c := exec.CommandContext(ctx, os.Args[0])
			c.Env = append(os.Environ(), workerVariable+"="+worker, storeVariable+"="+at,
				rankVariable+"="+strconv.Itoa(rank), sizeVariable+"="+strconv.Itoa(size))
			text, err := c.CombinedOutput()
			out[rank] = result{string(text), err}
		})
	}
	wait.Wait()
	return out
}

// run is start, where every worker must succeed.
func run(t *testing.T, worker string, size int, file bool) {
	t.Helper()
	for rank, r := range start(t, worker, size, file) {
		if r.err != nil || r.output != "" {
			t.Errorf("%s: rank %d of %d: %v\n%s", worker, rank, size, r.err, r.output)
		}
	}
}

// equal returns an error unless two tensors have one type, shape and bits.
func equal(what string, got, want *torch.Tensor) error {
	if got.Dtype() != want.Dtype() || !bytes.Equal(got.Bytes(), want.Bytes()) || !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("%s: got %v of %v, want %v of %v", what, got, got.To(torch.Float64).Float64s(), want,
			want.To(torch.Float64).Float64s())
	}
	return nil
}
