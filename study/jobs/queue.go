package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"contralens/internal/humanize"
)

// Queue works on the jobs of a folder.
type Queue struct {
	Dir string
	// Jobs returns the names of all jobs that are known, in the order in which they shall be done,
	// given the outcomes so far. It is called again whenever there are more of them. It may remove
	// outcomes that do not count any more, in the folder as well (Forget).
	Jobs func(map[string]Outcome) ([]string, error)
	// Work does a job. An error makes the outcome that of a job that failed, unless ctx has ended,
	// or the error is ErrBusy or a Fatal.
	Work func(ctx context.Context, name string) (Outcome, error)
	// Changed, if set, is called after the outcomes have changed.
	Changed func(map[string]Outcome) error
	Print   func(format string, args ...any) // receives lines about the progress

	Beat     time.Duration // between heartbeats; 0: 15 s
	Patience time.Duration // without a heartbeat, after which a process of another machine is gone; 0: 2 min
	Poll     time.Duration // between looks at the jobs of others; 0: 2 s

	seen map[string]sight
	busy map[string]time.Time // when jobs turned out to be done elsewhere, although their lock was free
}

// ErrStopped is the error of a queue whose context ended.
var ErrStopped = errors.New("stopped")

// ErrBusy is the error of a job that another process is working on, even if this one has the lock.
var ErrBusy = errors.New("another process is working on it")

// Fatal is an error of work that ends the queue. The job has no outcome.
type Fatal struct{ Err error }

func (f *Fatal) Error() string { return f.Err.Error() }
func (f *Fatal) Unwrap() error { return f.Err }

// Do works until all jobs have an outcome, by this or another process.
func (q *Queue) Do(ctx context.Context) error {
	if err := os.MkdirAll(q.Dir, 0o755); err != nil {
		return err
	}
	if q.Print == nil {
		q.Print = func(string, ...any) {}
	}
	q.seen, q.busy = map[string]sight{}, map[string]time.Time{}
	for _, d := range []struct {
		set   *time.Duration
		usual time.Duration
	}{{&q.Beat, 15 * time.Second}, {&q.Patience, 2 * time.Minute}, {&q.Poll, 2 * time.Second}} {
		if *d.set == 0 {
			*d.set = d.usual
		}
	}
	told, before := "", -1
	for {
		done, err := Outcomes(q.Dir)
		if err != nil {
			return err
		}
		if len(done) != before && q.Changed != nil {
			if err := q.Changed(done); err != nil {
				return err
			}
		}
		all, err := q.Jobs(done) // it may forget some
		if err != nil {
			return err
		}
		before = len(done)
		left := slices.DeleteFunc(slices.Clone(all), func(name string) bool { _, ok := done[name]; return ok })
		if len(left) == 0 {
			return nil
		}
		worked, err := q.one(ctx, left)
		if err != nil {
			return err
		}
		if worked {
			told = ""
			continue
		}
		if now := q.holders(left); now != told {
			q.Print("waiting for %s", now)
			told = now
		}
		select {
		case <-ctx.Done():
			return ErrStopped
		case <-time.After(q.Poll):
		}
	}
}

// one does the first job that no other process works on; worked is false if there is none.
func (q *Queue) one(ctx context.Context, names []string) (worked bool, err error) {
	for _, name := range names {
		if ctx.Err() != nil {
			return false, ErrStopped
		}
		if t, ok := q.busy[name]; ok && time.Since(t) < q.Patience {
			continue
		}
		work, cancel := context.WithCancelCause(ctx)
		l, err := q.take(name, func() { cancel(ErrBusy) })
		if errors.Is(err, ErrBusy) {
			cancel(nil)
			continue
		}
		if err != nil {
			cancel(nil)
			return false, fmt.Errorf("lock of %s: %w", name, err)
		}
		worked, err = q.do(ctx, work, name, l)
		cancel(nil)
		if worked || err != nil {
			return worked, err
		}
	}
	return false, nil
}

// do does a job whose lock is held, and releases it. worked is false if another process turns out
// to be doing it.
func (q *Queue) do(ctx, work context.Context, name string, l *lock) (worked bool, err error) {
	if done, err := Outcomes(q.Dir); err != nil {
		return false, errors.Join(err, l.release(false))
	} else if _, ok := done[name]; ok { // finished before the lock was taken
		return true, l.release(true)
	}
	o, err := q.work(work, name)
	var fatal *Fatal
	switch {
	case ctx.Err() != nil && err != nil:
		return false, errors.Join(ErrStopped, l.release(false))
	case errors.Is(context.Cause(work), ErrBusy), errors.Is(err, ErrBusy):
		q.Print("%s: another process is working on it; this one looks again in %s", name, humanize.Duration(q.Patience))
		q.busy[name] = time.Now()
		return false, l.release(false)
	case errors.As(err, &fatal):
		return false, errors.Join(fatal.Err, l.release(false))
	case err != nil:
		o.Error = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	if l.takenOver() {
		q.Print("%s: another process has taken it over", name)
		return false, l.release(false)
	}
	if _, err := os.Stat(filepath.Join(q.Dir, name+ending)); err == nil { // whoever wrote it has built on it
		q.Print("%s: another process has finished it", name)
		return true, l.release(true)
	}
	o.Ended = time.Now()
	if err := o.Write(q.Dir, name); err != nil {
		return false, errors.Join(err, l.release(false))
	}
	return true, l.release(true)
}

// work does a job. A panic is the failure of this job alone: the others are done, and whoever reads the
// outcome sees it.
func (q *Queue) work(ctx context.Context, name string) (o Outcome, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			q.Print("%s: a fault of this program: %v\n%s", name, fault, debug.Stack())
			err = fmt.Errorf("a fault of this program: %v; please report it with the stack trace in the log", fault)
		}
	}()
	return q.Work(ctx, name)
}

// Active returns the processes that work on some of the jobs, by host and number.
func Active(dir string, names []string) (all []string) {
	q := Queue{Dir: dir, seen: map[string]sight{}, Patience: time.Hour}
	for _, name := range names {
		h, n, err := newest(dir, name)
		who := fmt.Sprintf("process %d on %s", h.PID, h.Host)
		if err == nil && n > 0 && h.PID > 0 && !q.stale(name, h, n) && !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	return all
}

// holders describes who works on the jobs that are left.
func (q *Queue) holders(left []string) string {
	who := Active(q.Dir, left)
	if len(who) == 0 {
		return humanize.Count(len(left), "job")
	}
	return fmt.Sprintf("%s that other processes are working on: %s", humanize.Count(len(left), "job"),
		strings.Join(who, ", "))
}
