package dist

import (
	"encoding/json"
	"slices"
	"time"
)

// sign is a sign of life: the value of the key alive/<rank>.
type sign struct {
	Beat  int64  `json:"beat"`
	Step  int    `json:"step"`
	Phase string `json:"phase"`
	Held  int64  `json:"held"` // milliseconds since the step began
	Done  bool   `json:"done,omitempty"`
	// Advice says how to go on after a loss. Rank 0 gives it, which saves checkpoints.
	Advice string `json:"advice,omitempty"`

	seen  time.Time // when Beat changed, by this process's clock
	noted time.Time // when the user was told that the rank is held up
}

// sentence is the end of a training, as the first rank that knew it says it: the value of the key
// verdict.
type sentence struct {
	Rank int    `json:"rank"` // because of which it ends
	Text string `json:"text"`
	By   int    `json:"by"` // the rank that says it
	// Wrong says that the rank was started wrongly. It is of a rank that ends before all have joined.
	Wrong bool `json:"wrong,omitempty"`
}

// start begins to give signs of life and to watch those of others.
func (m *Member) start() {
	m.others = map[int]*sign{}
	now := time.Now()
	at := *m.at.Load()
	at.since = now // it has waited for the others until now
	m.at.Store(&at)
	for r := range m.launch.Size {
		if r != m.launch.Rank && m.watches(r) {
			m.others[r] = &sign{Beat: -1, Phase: "starting", seen: now}
		}
	}
	m.reached.Store(&now)
	m.running.Go(m.live)
	m.running.Go(m.watch)
}

// watches reports whether this rank reads another's signs. Rank 0 reads all, the others rank 0's
// and those of their own host, so that the traffic grows as the number of ranks.
func (m *Member) watches(r int) bool {
	return m.launch.Rank == 0 || r == 0 || m.hellos[r].Host == m.hellos[m.launch.Rank].Host
}

// live gives signs of life and reads those of others. It is the only goroutine that calls the
// store regularly, so a store that does not answer stops this goroutine alone.
func (m *Member) live() {
	ticks := time.NewTicker(m.timing.beat())
	defer ticks.Stop()
	for beat := int64(0); ; beat++ {
		if err := m.exchange(beat); err != nil {
			m.broken.Store(&err)
			return
		}
		now := time.Now()
		m.reached.Store(&now)
		select {
		case <-m.stopped:
			return
		case <-ticks.C:
		}
	}
}

func (m *Member) exchange(beat int64) error {
	p := m.at.Load()
	text, err := json.Marshal(sign{
		Beat: beat, Step: p.step, Phase: p.phase, Held: time.Since(p.since).Milliseconds(), Done: p.phase == done,
		Advice: m.advice(),
	})
	if err != nil {
		return err
	}
	if err := m.store.Set(key("alive", m.launch.Rank), text); err != nil {
		return err
	}
	if m.heard.Load() == nil {
		s, err := m.sentence()
		if err == nil && s != nil {
			err = m.hear(s)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range m.watched() {
		if err := m.read(r); err != nil {
			return err
		}
	}
	return nil
}

// hear takes the end of the training, and tells the process that keeps the store, once.
func (m *Member) hear(s *sentence) error {
	if !m.heard.CompareAndSwap(nil, s) || m.launch.Serves() {
		return nil
	}
	_, err := m.store.Add("heard", 1)
	return err
}

// watched returns the ranks whose signs are read: all, while the cause of a failure is looked for.
func (m *Member) watched() []int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var ranks []int
	for r := range m.launch.Size {
		if r == m.launch.Rank {
			continue
		}
		if _, ok := m.others[r]; !ok {
			if !m.failing.Load() {
				continue
			}
			m.others[r] = &sign{Beat: -1, Phase: "starting", seen: time.Now()}
		}
		ranks = append(ranks, r)
	}
	return ranks
}

// read reads the sign of a rank.
func (m *Member) read(rank int) error {
	name := key("alive", rank)
	if ok, err := m.store.Check(name); err != nil || !ok {
		return err
	}
	text, err := m.store.Get(name)
	if err != nil {
		return err
	}
	s := sign{seen: time.Now()}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil // not ours: the rank is as silent as without it
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if old := m.others[rank]; old.Beat != s.Beat {
		if s.Phase == old.Phase && s.Step == old.Step {
			s.noted = old.noted
		}
		m.others[rank] = &s
	}
	return nil
}

// sentence returns the end of the training, if a rank has said one.
func (m *Member) sentence() (*sentence, error) {
	if ok, err := m.store.Check("verdict"); err != nil || !ok {
		return nil, err
	}
	text, err := m.store.Get("verdict")
	if err != nil {
		return nil, err
	}
	s := &sentence{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	return s, nil
}

// pronounce says how the training ends, unless another rank was first. It returns what holds.
func (m *Member) pronounce(rank int, text string) sentence {
	own := sentence{Rank: rank, Text: text, By: m.launch.Rank}
	result := make(chan sentence, 1)
	go func() {
		said := own
		n, err := m.store.Add("verdicts", 1)
		if err == nil && n > 1 && m.store.Wait(time.Second, "verdict") == nil {
			if s, err := m.sentence(); err == nil && s != nil {
				said = *s
			}
		} else if text, failed := json.Marshal(own); err == nil && failed == nil {
			_ = m.store.Set("verdict", text) // also if the first one ended before it could
		}
		_ = m.hear(&said)
		result <- said
	}()
	select {
	case s := <-result:
		return s
	case <-time.After(2 * time.Second):
		return own
	}
}

// linger keeps the store of this process until the others have heard how the training ends, but not
// for long: a store may never answer, such as one that reads what a cut link has sent in part.
func (m *Member) linger() {
	if !m.launch.Serves() {
		return
	}
	heard := make(chan struct{})
	late := time.Now().Add(3*m.timing.beat() + time.Second)
	go func() {
		defer close(heard)
		for time.Now().Before(late) {
			if n, err := m.store.Add("heard", 0); err != nil || n >= int64(m.launch.Size-1-m.silent()) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	select {
	case <-heard:
	case <-time.After(time.Until(late)):
	}
}

// silent counts the ranks that do not answer now.
func (m *Member) silent() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	n := 0
	for r, s := range m.others {
		if m.quiet(s) > quick(m.timing.beat()) || m.gone(r) {
			n++
		}
	}
	return n
}

// quiet is how long a rank has been silent while the store answered. The silence of a store is
// nobody's but its keeper's.
func (m *Member) quiet(s *sign) time.Duration {
	return max(0, m.reached.Load().Sub(s.seen))
}

// quick is how long a rank may be silent after a collective failed.
func quick(beat time.Duration) time.Duration { return max(5*beat/2, 500*time.Millisecond) }

// gone reports whether a rank's process is known to have ended. That can be seen only from
// where its number means the same process.
func (m *Member) gone(rank int) bool {
	here, there := m.hellos[m.launch.Rank], m.hellos[rank]
	if here.Space == "" || here.Space != there.Space || here.PID == there.PID {
		return false
	}
	return slices.Contains([]byte{0, 'Z', 'X'}, processState(there.PID))
}

// halted reports whether a rank's process is known to be stopped.
func (m *Member) halted(rank int) bool {
	here, there := m.hellos[m.launch.Rank], m.hellos[rank]
	return here.Space != "" && here.Space == there.Space && here.PID != there.PID &&
		slices.Contains([]byte{'T', 't'}, processState(there.PID))
}
