package dist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"contralens/internal/humanize"
	"contralens/world"
)

// Timing says how long processes wait for each other. Zero values mean the defaults.
type Timing struct {
	Join    time.Duration // for all ranks to come; 5 min
	Timeout time.Duration // for a sign of life; 1 min
	Stall   time.Duration // for a rank that lives to finish a step; 10 min
}

func (t Timing) filled() Timing {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.Join, 5 * time.Minute}, {&t.Timeout, time.Minute}, {&t.Stall, 10 * time.Minute}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return t
}

// beat is the time between two signs of life.
func (t Timing) beat() time.Duration { return min(time.Second, t.Timeout/20) }

// Hooks are what a Member calls. Any may be nil.
type Hooks struct {
	// Note tells the user something that ends nothing.
	Note func(string)
	// Fail ends this process, because a rank is lost and the goroutine of the tensors may wait for
	// it forever. The default prints the error and exits with 1.
	Fail func(error)
	// Lost, if set, is told why this process ends because of a rank, once, before it ends. It may be
	// called from any goroutine.
	Lost func(error)
	// Advice says after a loss how to go on, such as "the last checkpoint is …". Rank 0's is that of
	// all.
	Advice func() string
}

// Join meets the other ranks at a store, and returns when all have come and were started alike.
// It writes nothing but keys of the store. Errors are a [Disagreement] or [Occupied], which are
// wrong usage and the same on every rank, or [Missing].
//
// The member uses the store from goroutines of its own, so it needs a client of its own: a call
// of the tensors' goroutine that waits in the same client would silence it.
func Join(ctx context.Context, s Store, l Launch, h Hello, t Timing, hooks Hooks) (*Member, error) {
	t = t.filled()
	m := &Member{
		launch: l, store: Prefix(s, l.Prefix()), timing: t, hooks: hooks,
		lost: make(chan struct{}), stopped: make(chan struct{}),
	}
	m.At(0, "starting")
	late := time.Now().Add(t.Join)
	if err := m.own(ctx, s, h, late); err != nil {
		return nil, err
	}
	if n, err := m.store.Add(key("joined", l.Rank), 1); err != nil {
		return nil, m.unreachable(ctx, err)
	} else if n > 1 {
		return nil, &Occupied{fmt.Sprintf("rank %d came twice to the store at %s: another training meets at this port, "+
			"or the launcher gave two processes this rank", l.Rank, l.Address())}
	}
	h.Size, h.PerNode, h.Place = l.Size, l.LocalSize, l.LocalRank
	text, err := json.Marshal(h)
	if err == nil {
		err = m.store.Set(key("hello", l.Rank), text)
	}
	if err != nil {
		return nil, m.unreachable(ctx, err)
	}
	var unlike *Disagreement
	if m.hellos, err = m.greetings(ctx, late); err == nil {
		err = verdict(m.hellos)
	}
	if errors.As(err, &unlike) {
		err = m.agree(err)
	}
	if err != nil {
		return nil, err
	}
	m.start()
	return m, nil
}

func key(name string, rank int) string { return name + "/" + strconv.Itoa(rank) }

// owner is a key without the prefix, which another training does not have.
const owner = "contralens/owner"

// own makes rank 0 the owner of the store, and checks that the others came to its training.
func (m *Member) own(ctx context.Context, s Store, h Hello, late time.Time) error {
	if m.launch.Rank == 0 {
		m.whole = s
		return s.Set(owner, []byte(h.Run))
	}
	err := m.poll(ctx, late, func() (bool, error) {
		if err := Refused(m.store, m.launch); err != nil {
			return false, err
		}
		return s.Check(owner)
	}, func() {
		m.note("waiting for rank 0 at %s", m.launch.Address())
	})
	if errors.Is(err, errLate) {
		return &Missing{Ranks: []int{0}, Size: m.launch.Size, Waited: m.timing.Join}
	}
	if err != nil {
		return m.unreachable(ctx, err)
	}
	run, err := s.Get(owner)
	if err != nil {
		return m.unreachable(ctx, err)
	}
	if string(run) != h.Run {
		return &Occupied{fmt.Sprintf("the store at %s belongs to run %q, not to %q: give each training its own port",
			m.launch.Address(), run, h.Run)}
	}
	return nil
}

// greetings waits for all ranks and returns what they said.
func (m *Member) greetings(ctx context.Context, late time.Time) ([]*Hello, error) {
	hellos := make([]*Hello, m.launch.Size)
	missing := func() (ranks []int, err error) {
		for r, h := range hellos {
			if h != nil {
				continue
			}
			if ok, err := m.store.Check(key("hello", r)); err != nil {
				return nil, err
			} else if !ok {
				ranks = append(ranks, r)
				continue
			}
			text, err := m.store.Get(key("hello", r))
			if err != nil {
				return nil, err
			}
			if hellos[r], err = readHello(text, r); err != nil {
				return nil, err
			}
		}
		return ranks, sizes(hellos)
	}
	var last []int
	err := m.poll(ctx, late, func() (bool, error) {
		if err := Refused(m.store, m.launch); err != nil {
			return false, err
		}
		ranks, err := missing()
		last = ranks
		return len(ranks) == 0, err
	}, func() {
		m.note("%d of %d ranks came; waiting for %s", m.launch.Size-len(last), m.launch.Size, list(last))
	})
	switch {
	case errors.Is(err, errLate):
		return nil, &Missing{Ranks: last, Size: m.launch.Size, Waited: m.timing.Join}
	case err != nil:
		return nil, m.unreachable(ctx, err)
	}
	return hellos, nil
}

// agree returns the disagreement that every rank found. Rank 0, with which the store may end, waits
// until all have read it.
func (m *Member) agree(found error) error {
	if _, err := m.store.Add("read", 1); err == nil && m.launch.Serves() {
		m.poll(context.Background(), time.Now().Add(5*time.Second), func() (bool, error) {
			n, err := m.store.Add("read", 0)
			return n >= int64(m.launch.Size), err
		}, nil)
	}
	return found
}

var errLate = errors.New("it is late")

// poll calls done until it is true, ever more slowly, at most 4 times a second. It calls waiting
// every 30 s.
func (m *Member) poll(ctx context.Context, late time.Time, done func() (bool, error), waiting func()) error {
	said := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(pause*3/2, 250*time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if !late.IsZero() && time.Now().After(late) {
			return errLate
		}
		if waiting != nil && time.Since(said) > 30*time.Second {
			waiting()
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.lost:
			return m.loss()
		case <-time.After(pause):
		}
	}
}

// unreachable says whose store does not answer.
func (m *Member) unreachable(ctx context.Context, err error) error {
	var lost *Lost
	var wrong *Disagreement
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &lost) || errors.As(err, &wrong):
		return err
	}
	return fmt.Errorf("%s cannot be reached: %w", m.keeper(), err)
}

// keeper names who keeps the store.
func (m *Member) keeper() string {
	if m.launch.Agent {
		return fmt.Sprintf("the agent of %s, which keeps the store at %s,", m.launch.Source, m.launch.Address())
	}
	var h *Hello
	if len(m.hellos) > 0 {
		h = m.hellos[0]
	}
	return fmt.Sprintf("%s, which keeps the store at %s,", h.name(0), m.launch.Address())
}

// CheckPort returns [Occupied] if this process is to serve the store, and another program listens
// on its port.
func CheckPort(l Launch) error {
	if !l.Serves() || l.Alone() {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(l.Port)))
	switch {
	case err == nil:
		return listener.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return &Occupied{fmt.Sprintf("another program listens on port %d, at which the ranks are to meet (a training that "+
			"still runs?): give another port", l.Port)}
	default:
		return fmt.Errorf("port %d, at which the ranks are to meet, cannot be opened: %w", l.Port, err)
	}
}

// Member is this process among those that train together. Its methods may be called from any
// goroutine.
type Member struct {
	launch Launch
	store  Store // all keys of this start of the job
	whole  Store // the keys of all; of rank 0
	timing Timing
	hooks  Hooks
	hellos []*Hello // of all ranks

	at      atomic.Pointer[position]
	reached atomic.Pointer[time.Time] // when the store answered last
	broken  atomic.Pointer[error]
	failing atomic.Bool // a collective failed: Explain waits
	leaving atomic.Bool // Will tells the others
	heard   atomic.Pointer[sentence]

	mutex  sync.Mutex
	others map[int]*sign // of the ranks that this one watches
	ended  error         // why the training ended

	alone     atomic.Int64 // how many calls of Alone there were
	forgotten int64        // how many of them the store has no key of any more; of rank 0

	lost    chan struct{} // closed when ended is set
	stopped chan struct{} // closed when the goroutines are to stop
	stop    sync.Once
	running sync.WaitGroup
}

// position is where a process is in its training.
type position struct {
	step  int
	phase string
	since time.Time // when the step began, or the wait for others ended
}

// At says which step this process is in, and what it does there: world.Computing, or what it waits for,
// as "images". It costs nothing worth counting.
func (m *Member) At(step int, phase string) {
	p := &position{step, phase, time.Now()}
	free := func(phase string) bool { return phase == world.Others || phase == world.Busy }
	if old := m.at.Load(); old != nil && old.step == step && !free(old.phase) && !free(phase) {
		p.since = old.since
	}
	m.at.Store(p)
}

// Waiting says that this process waits for the others, until the function that it returns is called.
func (m *Member) Waiting() (done func()) {
	before := m.at.Load()
	m.At(before.step, world.Others)
	return func() { m.At(before.step, before.phase) }
}

// Hellos returns what the processes said, by rank.
func (m *Member) Hellos() []*Hello { return m.hellos }

func (m *Member) note(format string, args ...any) {
	if m.hooks.Note != nil {
		m.hooks.Note(fmt.Sprintf(format, args...))
	}
}

// advise adds what to do to a sentence.
func (m *Member) advise(text string) string {
	if advice := m.advice(); advice != "" {
		return text + "; " + advice
	}
	return text
}

// advice says how to go on after a loss, as rank 0 said it last: only rank 0 knows what it saved.
func (m *Member) advice() string {
	if m.launch.Rank == 0 {
		if m.hooks.Advice == nil {
			return ""
		}
		return m.hooks.Advice()
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if s := m.others[0]; s != nil {
		return s.Advice
	}
	return ""
}

func ago(d time.Duration) string { return humanize.Duration(d) + " ago" }
