package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"contralens/internal/durable"
)

// Holder is the content of a lock: the process that holds it.
type Holder struct {
	Host     string `json:"host"`
	Machine  string `json:"machine"` // differs between machines and containers of one name
	PID      int    `json:"pid"`
	Started  string `json:"started"` // of the process, to tell it from another one of the same number
	Beat     int    `json:"beat"`    // grows while the process is alive
	Released bool   `json:"released,omitempty"`
}

// self describes this process.
func self() Holder {
	host, _ := os.Hostname()
	return Holder{Host: host, Machine: machine(), PID: os.Getpid(), Started: startOf(os.Getpid())}
}

// machine identifies a boot of a machine, and within it the processes that see each other.
func machine() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(boot)) + " " + space
}

// startOf returns when a process started, in ticks since boot, or "" if there is none.
func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may have spaces. The start is the 22nd field, the 20th after it.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// lockName is the name of the n-th lock of a job. A lock that is taken over is not replaced: the
// next one is created, which only one process can do.
func lockName(name string, n int) string { return fmt.Sprintf("%s.lock-%d", name, n) }

// newest returns the newest lock of a job and its number; 0 if it has none.
func newest(dir, name string) (h Holder, n int, err error) {
	paths, err := filepath.Glob(filepath.Join(escape(dir), escape(name)+".lock-*"))
	if err != nil {
		return h, 0, err
	}
	for _, p := range paths {
		if i, err := strconv.Atoi(p[strings.LastIndexByte(p, '-')+1:]); err == nil {
			n = max(n, i)
		}
	}
	if n == 0 {
		return h, 0, nil
	}
	b, err := os.ReadFile(filepath.Join(dir, lockName(name, n)))
	if errors.Is(err, fs.ErrNotExist) {
		return h, 0, nil // the job was finished meanwhile
	}
	if err != nil {
		return h, n, err
	}
	json.Unmarshal(b, &h) // a lock that is being written has no holder yet
	return h, n, nil
}

// escape makes a path a pattern that matches nothing else.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// sight is what a process has seen of a lock.
type sight struct {
	number, beat int
	since        time.Time
}

// stale reports whether the process of a lock is gone: it released it, or it does not run any
// more on this machine, or its heart has not beaten for a while that this process has watched.
func (q *Queue) stale(name string, h Holder, n int) bool {
	me := self()
	switch {
	case h.Released:
		return true
	case h.Machine == me.Machine && h.PID > 0:
		return startOf(h.PID) != h.Started
	}
	seen, ok := q.seen[name]
	if !ok || seen.number != n || seen.beat != h.Beat {
		q.seen[name] = sight{n, h.Beat, time.Now()}
		return false
	}
	return time.Since(seen.since) > q.Patience
}

// lock is a lock that this process holds.
type lock struct {
	dir, name string
	number    int
	holder    Holder
	lost      func() // is called if another process has taken the job over
	stop      chan struct{}
	done      sync.WaitGroup
}

// take locks a job, or returns ErrBusy.
func (q *Queue) take(name string, lost func()) (*lock, error) {
	h, n, err := newest(q.Dir, name)
	if err != nil {
		return nil, err
	}
	if n > 0 && !q.stale(name, h, n) {
		return nil, ErrBusy
	}
	l := &lock{dir: q.Dir, name: name, number: n + 1, holder: self(), lost: lost, stop: make(chan struct{})}
	path := filepath.Join(q.Dir, lockName(name, l.number))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, durable.Explain(err)
	}
	err = json.NewEncoder(f).Encode(l.holder)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return nil, durable.Explain(err)
	}
	// Another process may have taken this lock and a later one since newest looked.
	if _, now, err := newest(q.Dir, name); err != nil || now > l.number {
		os.Remove(path)
		return nil, errors.Join(ErrBusy, err)
	}
	for i := range n {
		os.Remove(filepath.Join(q.Dir, lockName(name, i+1)))
	}
	l.done.Go(func() { l.beat(q.Beat) })
	return l, nil
}

// beat shows every now and then that this process is alive.
func (l *lock) beat(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if l.takenOver() {
			l.lost()
			return
		}
		l.holder.Beat++
		l.write() // a disk that is full now may have room for the next one
	}
}

// takenOver reports whether another process has taken the job over: it holds a later lock, or has even finished the
// job and removed this one, as while this machine slept.
func (l *lock) takenOver() bool {
	if _, n, err := newest(l.dir, l.name); err == nil && n > l.number {
		return true
	}
	// A folder that cannot be listed seems to have no locks, so look at this one.
	_, err := os.Stat(filepath.Join(l.dir, lockName(l.name, l.number)))
	return errors.Is(err, fs.ErrNotExist)
}

func (l *lock) write() error {
	return durable.Write(filepath.Join(l.dir, lockName(l.name, l.number)), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(l.holder)
	})
}

// release ends the lock. The lock of a finished job is removed; that of another one stays, so that
// numbers only grow.
func (l *lock) release(finished bool) error {
	close(l.stop)
	l.done.Wait()
	if finished {
		err := os.Remove(filepath.Join(l.dir, lockName(l.name, l.number)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process took the job over and tidied up
		}
		return err
	}
	if l.takenOver() {
		return nil // a released lock of a lower number would say nothing
	}
	l.holder.Released = true
	return l.write()
}
