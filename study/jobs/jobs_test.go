package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// quick is a queue with a fast heart.
func quick(dir string, names []string, work func(ctx context.Context, name string) (Outcome, error)) *Queue {
	return &Queue{
		Dir: dir, Jobs: func(map[string]Outcome) ([]string, error) { return names, nil }, Work: work,
		Beat: 5 * time.Millisecond, Patience: 300 * time.Millisecond, Poll: 5 * time.Millisecond,
	}
}

// Jobs are done once, in order, and have outcomes; the reason of a failure is kept, and others go on.
func TestQueue(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c[1]*"}
	var worked []string
	q := quick(dir, names, func(_ context.Context, name string) (Outcome, error) {
		worked = append(worked, name)
		if name == "b" {
			return Outcome{}, errors.New("no\nluck")
		}
		return Outcome{Scores: map[string]float64{"knn": 1.5}}, nil
	})
	for range 2 {
		if err := q.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	done, err := Outcomes(dir)
	if err != nil || !slices.Equal(worked, names) || len(done) != 3 {
		t.Fatalf("worked on %v, outcomes %v, %v", worked, done, err)
	}
	if done["b"].Error != "no luck" || done["a"].Failed() || done["c[1]*"].Scores["knn"] != 1.5 {
		t.Errorf("outcomes %+v", done)
	}
	if locks, _ := filepath.Glob(filepath.Join(dir, "*.lock-*")); len(locks) > 0 {
		t.Errorf("locks are left: %v", locks)
	}
	if err := Forget(dir, "b"); err != nil {
		t.Fatal(err)
	}
	// A job that Jobs forgets is done again, and told.
	forgets, last := true, ""
	q.Jobs = func(done map[string]Outcome) ([]string, error) {
		if forgets {
			forgets = false
			delete(done, "a")
			if err := Forget(dir, "a"); err != nil {
				return nil, err
			}
		}
		return names, nil
	}
	q.Work = func(_ context.Context, name string) (Outcome, error) {
		worked = append(worked, name)
		return Outcome{Setting: "again"}, nil
	}
	q.Changed = func(done map[string]Outcome) error { last = done["a"].Setting; return nil }
	if err := q.Do(context.Background()); err != nil || len(worked) != 5 || last != "again" {
		t.Errorf("forgotten jobs: worked on %v, told %q, %v", worked, last, err)
	}
}

// A job that panics has failed, and the others are done.
func TestPanic(t *testing.T) {
	dir := t.TempDir()
	q := quick(dir, []string{"a", "b"}, func(_ context.Context, name string) (o Outcome, err error) {
		if name == "a" {
			panic("lapack: insufficient length")
		}
		return o, nil
	})
	var told string
	q.Print = func(format string, args ...any) { told += fmt.Sprintf(format, args...) }
	if err := q.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	done, err := Outcomes(dir)
	if err != nil || !strings.Contains(done["a"].Error, "a fault of this program: lapack") || done["b"].Failed() || len(done) != 2 {
		t.Errorf("outcomes %+v, %v", done, err)
	}
	if !strings.Contains(told, "jobs_test.go") {
		t.Errorf("the log has no stack trace: %s", told)
	}
}

// Several workers share jobs: each is done once.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("job ", i))
	}
	var mu sync.Mutex
	count := map[string]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			err := quick(dir, names, func(_ context.Context, name string) (Outcome, error) {
				mu.Lock()
				count[name]++
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
				return Outcome{}, nil
			}).Do(context.Background())
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, name := range names {
		if count[name] != 1 {
			t.Errorf("%s was done %d times", name, count[name])
		}
	}
}

// A stop and a fatal error leave no outcome, and release the lock.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	err := quick(dir, []string{"a", "b"}, func(context.Context, string) (Outcome, error) {
		cancel()
		return Outcome{}, errors.New("stopped")
	}).Do(ctx)
	if !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
	full := errors.New("the disk is full")
	err = quick(dir, []string{"a", "b"}, func(context.Context, string) (Outcome, error) {
		return Outcome{}, &Fatal{full}
	}).Do(context.Background())
	if !errors.Is(err, full) {
		t.Errorf("fatal: %v", err)
	}
	worked := 0
	err = quick(dir, []string{"a", "b"}, func(context.Context, string) (Outcome, error) { worked++; return Outcome{}, nil }).Do(context.Background())
	if err != nil || worked != 2 {
		t.Errorf("after it: %d jobs, %v", worked, err)
	}
}

// foreignLock writes the lock of another process.
func foreignLock(t *testing.T, dir, name string, h Holder) {
	t.Helper()
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, lockName(name, 7)), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A lock of a process of this machine that has ended is stale at once, and so is one whose number
// another process has now. A running one is not.
func TestStaleHere(t *testing.T) {
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	gone, reused := self(), self()
	gone.PID, gone.Started = c.Process.Pid, "1"
	reused.Started = "1"
	for what, h := range map[string]Holder{"ended": gone, "of another start": reused} {
		dir, worked := t.TempDir(), 0
		foreignLock(t, dir, "a", h)
		q := quick(dir, []string{"a"}, func(context.Context, string) (Outcome, error) { worked++; return Outcome{}, nil })
		q.Patience = time.Hour
		if err := q.Do(context.Background()); err != nil || worked != 1 {
			t.Errorf("%s: %d, %v", what, worked, err)
		}
	}
	dir := t.TempDir()
	foreignLock(t, dir, "a", self())
	q := quick(dir, []string{"a"}, nil)
	q.Patience = 0
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := q.Do(ctx); !errors.Is(err, ErrStopped) {
		t.Errorf("a live process: %v", err)
	}
	if who := Active(dir, []string{"a"}); len(who) != 1 || !strings.Contains(who[0], fmt.Sprint(os.Getpid())) {
		t.Errorf("active: %v", who)
	}
}

// The lock of another machine is stale when its heart has not beaten for a while, however the clocks
// of the machines differ. While it beats, it is not.
func TestStaleElsewhere(t *testing.T) {
	dir := t.TempDir()
	elsewhere := Holder{Host: "other", Machine: "other", PID: 1, Started: "1"}
	foreignLock(t, dir, "a", elsewhere)
	var mu sync.Mutex
	beating, taken := true, false
	stop := make(chan struct{})
	go func() {
		for {
			mu.Lock()
			if !beating || taken {
				mu.Unlock()
				close(stop)
				return
			}
			elsewhere.Beat++
			foreignLock(t, dir, "a", elsewhere)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
		}
	}()
	q := quick(dir, []string{"a"}, func(context.Context, string) (Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		taken = true
		if beating {
			t.Error("a lock whose heart beats was taken")
		}
		return Outcome{}, nil
	})
	q.Patience = 2 * time.Second
	time.AfterFunc(100*time.Millisecond, func() { mu.Lock(); beating = false; mu.Unlock() })
	if err := q.Do(context.Background()); err != nil || !taken {
		t.Errorf("%v, taken %v", err, taken)
	}
	<-stop
}

// A process whose job was taken over stops working on it, and writes no outcome.
func TestTakenOver(t *testing.T) {
	dir := t.TempDir()
	started := make(chan struct{})
	var once sync.Once
	q := quick(dir, []string{"a"}, func(ctx context.Context, _ string) (Outcome, error) {
		once.Do(func() { close(started) })
		<-ctx.Done()
		return Outcome{Scores: map[string]float64{"knn": 1}}, ctx.Err()
	})
	go func() {
		<-started
		foreignLock(t, dir, "a", self())
		time.Sleep(50 * time.Millisecond)
		Outcome{Scores: map[string]float64{"knn": 2}}.Write(dir, "a")
	}()
	if err := q.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if done, err := Outcomes(dir); err != nil || done["a"].Scores["knn"] != 2 {
		t.Errorf("%v, %v", done, err)
	}
}

// A process that slept while another one took its job over and finished it leaves the outcome as it is, also where its
// heart goes on beating first.
func TestAsleep(t *testing.T) {
	for _, beat := range []time.Duration{time.Millisecond, time.Hour} {
		dir := t.TempDir()
		q := quick(dir, []string{"a"}, func(context.Context, string) (Outcome, error) {
			if err := (Outcome{Scores: map[string]float64{"knn": 2}}).Write(dir, "a"); err != nil {
				t.Error(err)
			}
			os.Remove(filepath.Join(dir, "a.lock-1"))
			time.Sleep(20 * time.Millisecond)
			return Outcome{Scores: map[string]float64{"knn": 1}}, nil
		})
		q.Beat = beat
		if err := q.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		if done, err := Outcomes(dir); err != nil || done["a"].Scores["knn"] != 2 {
			t.Errorf("%v, %v", done, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*lock*")); err != nil || len(left) > 0 {
			t.Errorf("%v, %v: want no lock", left, err)
		}
	}
}

// A lock that cannot be read names no process that works.
func TestUnreadableLock(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "", "b": "junk", "c": "{}"} {
		if err := os.WriteFile(filepath.Join(dir, lockName(name, 1)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := Active(dir, []string{"a", "b", "c"}); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// A job whose run is being trained by hand is not begun again and again.
func TestBusy(t *testing.T) {
	begun := 0
	q := quick(t.TempDir(), []string{"a"}, func(context.Context, string) (Outcome, error) {
		begun++
		if begun == 1 {
			return Outcome{}, ErrBusy
		}
		return Outcome{}, nil
	})
	q.Patience = 100 * time.Millisecond
	began := time.Now()
	if err := q.Do(context.Background()); err != nil || begun != 2 || time.Since(began) < q.Patience {
		t.Errorf("%v: begun %d times in %v", err, begun, time.Since(began))
	}
}

// A process that finishes a job just after it was taken over leaves the outcome to the other one.
func TestFinishedLate(t *testing.T) {
	dir := t.TempDir()
	q := quick(dir, []string{"a"}, func(context.Context, string) (Outcome, error) {
		if _, err := os.Stat(filepath.Join(dir, "a.lock-2")); err == nil {
			return Outcome{}, errors.New("began again")
		}
		foreignLock(t, dir, "a", self())
		os.Remove(filepath.Join(dir, "a.lock-1"))
		time.AfterFunc(50*time.Millisecond, func() { Outcome{Scores: map[string]float64{"knn": 2}}.Write(dir, "a") })
		return Outcome{Scores: map[string]float64{"knn": 1}}, nil
	})
	q.Beat = time.Hour // it has not noticed
	if err := q.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if done, err := Outcomes(dir); err != nil || done["a"].Scores["knn"] != 2 {
		t.Errorf("%v, %v", done, err)
	}
}

func TestDamagedOutcome(t *testing.T) {
	dir := t.TempDir()
	for text, why := range map[string]string{
		"{": "unexpected end", "{}": "it does not say how long the job took", "[]": "it is a JSON array",
		`{"seconds": "7"}`: "its seconds is a JSON string, not float64",
	} {
		if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Outcomes(dir); err == nil || !strings.Contains(err.Error(), "a.json: want the outcome of a job as JSON, but "+why) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
