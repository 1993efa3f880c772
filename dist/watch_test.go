package dist

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"contralens/world"
)

// switched is a store that can stop to answer, or break, for one rank.
type switched struct {
	Store
	broken atomic.Bool
	silent chan struct{} // calls wait while it is open and hung is set
	hung   atomic.Bool
}

func (s *switched) Set(key string, value []byte) error {
	if err := s.gate(); err != nil {
		return err
	}
	return s.Store.Set(key, value)
}

func (s *switched) Check(keys ...string) (bool, error) {
	if err := s.gate(); err != nil {
		return false, err
	}
	return s.Store.Check(keys...)
}

func (s *switched) Add(key string, n int64) (int64, error) {
	if err := s.gate(); err != nil {
		return 0, err
	}
	return s.Store.Add(key, n)
}

func (s *switched) gate() error {
	if s.hung.Load() {
		<-s.silent
	}
	if s.broken.Load() {
		return errors.New("connection reset by peer")
	}
	return nil
}

// team is some ranks of which each has its own switch, and the errors with which they end.
type team struct {
	members  []*Member
	switches []*switched
	failed   []chan error
	lost     []chan error
	notes    chan string
}

func newTeam(t *testing.T, n int, timing Timing) *team {
	t.Helper()
	table := NewMemory(5 * time.Second)
	x := &team{notes: make(chan string, 1000)}
	for range n {
		x.switches = append(x.switches, &switched{Store: table, silent: make(chan struct{})})
		x.failed, x.lost = append(x.failed, make(chan error, 1)), append(x.lost, make(chan error, 10))
	}
	var errs []error
	x.members, errs = joined(t, n, func(r int) Store { return x.switches[r] }, nil, timing, func(r int) Hooks {
		return Hooks{
			Note: func(s string) { x.notes <- s },
			Fail: func(err error) { x.failed[r] <- err },
			Lost: func(err error) { x.lost[r] <- err },
			Advice: func() string {
				return []string{"the last checkpoint is of step 1200", "no checkpoint", "no checkpoint"}[r]
			},
		}
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the members stop
		for _, s := range x.switches {
			close(s.silent)
		}
	})
	return x
}

// end returns the sentence with which a rank ends.
func (x *team) end(t *testing.T, rank int) string {
	t.Helper()
	select {
	case err := <-x.failed[rank]:
		var lost *Lost
		if !errors.As(err, &lost) {
			t.Errorf("rank %d: %T: %v", rank, err, err)
		}
		if told := <-x.lost[rank]; told != err || len(x.lost[rank]) > 0 {
			t.Errorf("rank %d: told %v, and %d more; ends with %v", rank, told, len(x.lost[rank]), err)
		}
		return err.Error()
	case <-time.After(20 * time.Second):
		t.Fatalf("rank %d does not end", rank)
		return ""
	}
}

// seen returns when rank 0 knows that a rank is in a step.
func (x *team) seen(t *testing.T, rank, step int) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		m := x.members[0]
		m.mutex.Lock()
		at := m.others[rank].Step
		m.mutex.Unlock()
		if at == step {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("rank %d gives no sign of step %d", rank, step)
		}
	}
}

// What one rank ends with, all end with.
func TestWill(t *testing.T) {
	x := newTeam(t, 3, brisk)
	file := filepath.Join(t.TempDir(), "error.json")
	t.Setenv("TORCHELASTIC_ERROR_FILE", file)
	x.members[1].Will(errors.New("run directory save/a: no space left on device"))
	for _, r := range []int{0, 2} {
		if got := x.end(t, r); got != "rank 1 (pid 4711 on node1): run directory save/a: no space left on device" {
			t.Errorf("rank %d: %s", r, got)
		}
	}
	text, err := os.ReadFile(file)
	var content struct {
		Message struct {
			Message   string
			ExtraInfo struct{ Timestamp string }
		}
	}
	if err != nil || json.Unmarshal(text, &content) != nil || !strings.Contains(content.Message.Message, "no space left") || content.Message.ExtraInfo.Timestamp == "" {
		t.Errorf("%s: %v", text, err)
	}
}

// The process that keeps the store leaves when the others have heard it, and by itself: its own sentence, and
// others that end, are no reason to end it in another way.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for range 3 {
		x := newTeam(t, 3, brisk)
		x.members[0].Will(errors.New("run directory save/a: no space left on device"))
		for _, s := range x.switches[1:] {
			s.broken.Store(true) // the store ends with its process
		}
		for _, r := range []int{1, 2} {
			if got := x.end(t, r); got != "rank 0 (pid 4711 on node0): run directory save/a: no space left on device" {
				t.Errorf("rank %d: %s", r, got)
			}
		}
		if len(x.failed[0]) > 0 || len(x.lost[0]) > 0 {
			t.Error("rank 0 was ended by its own sentence")
		}
	}
}

// A rank that falls silent is named with what it did last. On hosts that do not watch it, too.
func TestSilentRank(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 3, brisk)
	x.members[2].At(1240, "images")
	x.seen(t, 2, 1240)
	x.switches[2].hung.Store(true)
	for _, r := range []int{0, 1} {
		if got := x.end(t, r); !strings.HasPrefix(got, "rank 2 (pid 4711 on node2) does not answer: last sign ") ||
			!strings.HasSuffix(got, " ago, in step 1240, waiting for images; the last checkpoint is of step 1200") {
			t.Errorf("rank %d: %s", r, got)
		}
	}
}

// A store that does not answer the process that keeps it does not keep that from its end.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 2, brisk)
	time.Sleep(3 * brisk.beat())
	x.switches[0].hung.Store(true)
	if got := x.end(t, 0); !strings.Contains(got, "which keeps the store at node0:29500, cannot be reached: last answer ") {
		t.Error(got)
	}
}

// A store that breaks, or that does not answer, is the end of those who need it.
func TestLostStore(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 3, brisk)
	x.members[1].At(7, "images")
	x.members[2].At(7, "images")
	time.Sleep(3 * brisk.beat()) // until they have heard rank 0
	x.switches[1].broken.Store(true)
	x.switches[2].hung.Store(true)
	if got := x.end(t, 1); got != "rank 0 (pid 4711 on node0), which keeps the store at node0:29500, is gone since step 7: its connection broke; the last checkpoint is of step 1200" {
		t.Error(got)
	}
	if got := x.end(t, 2); !strings.HasPrefix(got, "rank 0 (pid 4711 on node0), which keeps the store at node0:29500, cannot be reached: last answer ") ||
		!strings.Contains(got, " ago, in step 7;") {
		t.Error(got)
	}
	x.members[1].launch.Agent, x.members[1].launch.Source = true, "torchrun"
	if got := x.members[1].keeper(); got != "the agent of torchrun, which keeps the store at node0:29500," {
		t.Error(got)
	}
}

// A rank that lives but does not get on is named after a note, and so is what it waits for. One
// that waits for others is not.
func TestHeldUpRank(t *testing.T) {
	t.Parallel()
	timing := brisk
	timing.Timeout, timing.Stall = 4*time.Second, 2*time.Second
	x := newTeam(t, 3, timing)
	x.members[0].At(5, world.Others)
	x.members[1].At(5, "images from s3://b/x.tar: 503")
	x.members[2].At(5, world.Others)
	for r := range 3 {
		if got := x.end(t, r); !strings.HasPrefix(got, "rank 1 (pid 4711 on node1) is alive but has been waiting for images from s3://b/x.tar: 503 for ") ||
			!strings.Contains(got, ", in step 5;") {
			t.Errorf("rank %d: %s", r, got)
		}
	}
	for note := ""; !strings.HasPrefix(note, "rank 1 (pid 4711 on node1) has been waiting for images from"); {
		select {
		case note = <-x.notes:
		default:
			t.Fatal("no note before the end")
		}
	}
}

// Of ranks that do not get on, that is named which has not for the longest: others may wait for it in what is
// not told to be a wait.
func TestHeldUpLongest(t *testing.T) {
	m := &Member{timing: Timing{Stall: time.Minute}, launch: Launch{Rank: 3, Size: 4}, others: map[int]*sign{}}
	reached := time.Now()
	m.reached.Store(&reached)
	for r, held := range []int64{61_000, 5_000, 62_000} {
		m.hellos = append(m.hellos, &Hello{Host: fmt.Sprint("node", r), PID: 4711})
		m.others[r] = &sign{seen: time.Now(), Step: 5, Phase: world.Computing, Held: held}
	}
	if rank, text := m.heldUp(); rank != 2 || !strings.HasPrefix(text, "rank 2 (pid 4711 on node2) is alive but has been computing for ") {
		t.Errorf("%d: %s", rank, text)
	}
}

// While rank 0 works alone, neither it nor those who wait are held up.
func TestAloneHasNoLimit(t *testing.T) {
	t.Parallel()
	timing := brisk
	timing.Stall = 300 * time.Millisecond
	x := newTeam(t, 2, timing)
	var all sync.WaitGroup
	for r, m := range x.members {
		all.Go(func() {
			if err := m.Alone(t.Context(), func() error { time.Sleep(900 * time.Millisecond); return nil }); err != nil {
				t.Errorf("rank %d: %v", r, err)
			}
			m.Leave(t.Context())
		})
	}
	all.Wait()
	for r := range x.failed {
		select {
		case err := <-x.failed[r]:
			t.Errorf("rank %d: %v", r, err)
		default:
		}
	}
}

// A training of many epochs leaves no key of each in the store.
func TestAloneForgets(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 3, brisk)
	table := x.switches[0].Store.(*Memory)
	most := 0
	for range 20 {
		var all sync.WaitGroup
		for r, m := range x.members {
			all.Go(func() {
				if err := m.Alone(t.Context(), func() error { return nil }); err != nil {
					t.Errorf("rank %d: %v", r, err)
				}
			})
		}
		all.Wait()
		table.mutex.Lock()
		n := 0
		for name := range table.values {
			if strings.Contains(name, "alone/") {
				n++
			}
		}
		table.mutex.Unlock()
		most = max(most, n)
	}
	if most != 1 {
		t.Errorf("the store had %d keys of work alone at a time, want 1", most)
	}
}

func TestAloneFails(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 2, brisk)
	want := errors.New("no space left on device")
	var all sync.WaitGroup
	for r, m := range x.members {
		all.Go(func() {
			err := m.Alone(t.Context(), func() error { return want })
			if r == 0 && err != want || r == 1 && (err == nil || err.Error() != "rank 0 (pid 4711 on node0): no space left on device") {
				t.Errorf("rank %d: %v", r, err)
			}
		})
	}
	all.Wait()
}

// A collective fails on two of three ranks, because the third is gone without a word. Both name
// it, though one of them does not watch it otherwise.
func TestExplain(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 3, brisk)
	x.members[2].At(1240, "the step")
	x.seen(t, 2, 1240)
	x.switches[2].hung.Store(true)
	var all sync.WaitGroup
	for _, r := range []int{0, 1} {
		all.Go(func() {
			err := x.members[r].Explain(errors.New("Connection closed by peer [127.0.0.1]:35245"))
			if err == nil || err.Error() != "rank 2 (pid 4711 on node2) is gone since step 1240: its connection broke; the last checkpoint is of step 1200" {
				t.Errorf("rank %d: %v", r, err)
			}
			if again := x.members[r].Explain(err); again != err {
				t.Errorf("what is explained: %v", again)
			}
		})
	}
	all.Wait()
	if err := x.members[0].Explain(nil); err != nil {
		t.Error(err)
	}
}

// A collective that fails without a culprit is told as it is, and the others hear it.
func TestExplainNothing(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 2, brisk)
	err := x.members[1].Explain(errors.New("Invalid scalar type"))
	if err == nil || !strings.Contains(err.Error(), "rank 1 (pid 4711 on node1): the exchange with the other ranks failed in step 0, though all give signs of life: Invalid scalar type") {
		t.Error(err)
	}
	if got := x.end(t, 0); got != err.Error() {
		t.Errorf("rank 0: %s", got)
	}
}

// A process that was stopped has heard nobody, and blames nobody.
func TestForgive(t *testing.T) {
	m := &Member{others: map[int]*sign{0: {seen: time.Now().Add(-time.Hour)}}}
	reached := time.Now().Add(-time.Hour)
	m.reached.Store(&reached)
	m.forgive(time.Hour)
	if quiet := m.quiet(m.others[0]); quiet > time.Minute {
		t.Errorf("silent for %v", quiet)
	}
	if quiet := time.Since(*m.reached.Load()); quiet > time.Minute {
		t.Errorf("no answer for %v", quiet)
	}
}

func TestProcessState(t *testing.T) {
	if s := processState(os.Getpid()); s != 'R' && s != 'S' {
		t.Errorf("this process: %q", s)
	}
	if s := processState(1 << 30); s != 0 {
		t.Errorf("no process: %q", s)
	}
	if h := Here(); h.PID != os.Getpid() || h.Host == "" || h.Space == "" {
		t.Errorf("%+v", h)
	}
}

func TestAt(t *testing.T) {
	m := &Member{}
	m.At(1, "images")
	begun := m.at.Load().since
	m.At(1, world.Computing)
	if !m.at.Load().since.Equal(begun) {
		t.Error("a new phase is not a new step")
	}
	for _, phase := range []string{world.Others, world.Busy} {
		m.At(1, "images")
		begun = m.at.Load().since
		m.At(1, phase)
		m.At(1, "images")
		if m.at.Load().since.Equal(begun) {
			t.Errorf("%s counts as this rank's own wait", phase)
		}
	}
	m.At(2, "images")
	done := m.Waiting()
	if p := m.at.Load(); p.step != 2 || p.phase != world.Others {
		t.Errorf("in an exchange: %+v", p)
	}
	if done(); m.at.Load().phase != "images" {
		t.Errorf("after an exchange: %+v", m.at.Load())
	}
	if got := fmt.Sprint(doing("images"), "; ", doing("starting"), "; ", doing(""), "; ", doing(world.Computing)); got != "waiting for images; starting; at work; computing" {
		t.Error(got)
	}
}
