package dist

import (
	"errors"
	"fmt"
	"os"
	"time"

	"contralens/internal/humanize"
	"contralens/world"
)

// watch looks for the end of the training. It calls no store, so nothing can hold it up.
func (m *Member) watch() {
	beat := m.timing.beat()
	ticks := time.NewTicker(beat / 2)
	defer ticks.Stop()
	for last := time.Now(); ; {
		select {
		case <-m.stopped:
			return
		case <-ticks.C:
		}
		// A process that was stopped itself has heard nobody, and blames nobody for that.
		if gap := time.Since(last); gap > 2*beat+time.Second {
			m.forgive(gap)
		}
		last = time.Now()
		if m.leaving.Load() {
			continue // its error is that of this process, which ends it
		}
		rank, text := m.look()
		if text == "" || m.leaving.Load() {
			continue
		}
		m.end(&Lost{Rank: rank, Text: text})
		if !m.failing.Load() {
			m.fail()
		}
		return
	}
}

func (m *Member) forgive(gap time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, s := range m.others {
		s.seen = s.seen.Add(gap)
	}
	reached := m.reached.Load().Add(gap)
	m.reached.Store(&reached)
}

// look returns the rank because of which the training has to end, and a sentence, or an empty
// text.
func (m *Member) look() (rank int, text string) {
	if s := m.heard.Load(); s != nil {
		return s.Rank, s.Text
	}
	if err := m.broken.Load(); err != nil {
		return 0, m.advise(fmt.Sprintf("%s is gone since step %d: its connection broke", m.keeper(), m.at.Load().step))
	}
	if quiet := time.Since(*m.reached.Load()); quiet > m.limit() {
		return 0, m.advise(fmt.Sprintf("%s cannot be reached: last answer %s, in step %d", m.keeper(), ago(quiet),
			m.at.Load().step))
	}
	rank, text = m.worst()
	if text == "" {
		return 0, ""
	}
	said := m.pronounce(rank, m.advise(text))
	return said.Rank, said.Text
}

// limit is how long a rank may be silent.
func (m *Member) limit() time.Duration {
	if m.failing.Load() {
		return quick(m.timing.beat())
	}
	return m.timing.Timeout
}

// worst returns a rank that is gone, silent or held up, and a sentence about it.
func (m *Member) worst() (rank int, text string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for r := range m.launch.Size {
		s, ok := m.others[r]
		if !ok || s.Done {
			continue
		}
		who, quiet := m.hellos[r].name(r), m.quiet(s)
		switch {
		case m.gone(r) && quiet > 2*m.timing.beat(): // else its last will may still come
			return r, fmt.Sprintf("%s is gone since step %d: its process ended", who, s.Step)
		case quiet <= m.limit():
		case m.halted(r):
			return r, fmt.Sprintf("%s does not answer: last sign %s, in step %d, %s; its process is stopped", who, ago(quiet),
				s.Step, doing(s.Phase))
		case m.failing.Load():
			return r, fmt.Sprintf("%s is gone since step %d: its connection broke", who, s.Step)
		default:
			return r, fmt.Sprintf("%s does not answer: last sign %s, in step %d, %s", who, ago(quiet), s.Step, doing(s.Phase))
		}
	}
	return m.heldUp()
}

// heldUp returns the rank that keeps the others waiting for too long, and the longest. It tells the user
// before.
func (m *Member) heldUp() (rank int, text string) {
	longest := m.timing.Stall
	for r := range m.launch.Size {
		s, ok := m.others[r]
		if !ok || s.Done || s.Phase == world.Others || s.Phase == world.Busy {
			continue
		}
		held := time.Duration(s.Held)*time.Millisecond + m.quiet(s)
		who := m.hellos[r].name(r)
		if held > longest {
			longest, rank = held, r
			text = fmt.Sprintf("%s is alive but has been %s for %s, in step %d", who, doing(s.Phase),
				humanize.Duration(held), s.Step)
			continue
		}
		if m.launch.Rank == 0 && held > m.timing.Stall/10 && time.Since(s.noted) > m.timing.Stall/10 {
			s.noted = time.Now()
			m.note("%s has been %s for %s, in step %d", who, doing(s.Phase), humanize.Duration(held), s.Step)
		}
	}
	return rank, text
}

// doing says what a rank does in a phase.
func doing(phase string) string {
	switch phase {
	case "starting", world.Busy, done, world.Computing:
		return phase
	case "":
		return "at work"
	}
	return "waiting for " + phase
}

// end sets why the training ended, once.
func (m *Member) end(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.ended != nil {
		return
	}
	m.ended = err
	if m.hooks.Lost != nil {
		m.hooks.Lost(err)
	}
	close(m.lost)
}

func (m *Member) loss() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.ended
}

// fail ends this process.
func (m *Member) fail() {
	err := m.loss()
	WriteErrorFile(err)
	m.linger()
	if m.hooks.Fail != nil {
		m.hooks.Fail(err)
		return
	}
	fmt.Fprintln(os.Stderr, "contralens:", err)
	os.Exit(1)
}

// Explain returns why a collective failed: a [Lost] that names the rank, its host and its step.
// err is what the group said, which knows addresses only. It takes up to 5 s, because a rank that
// is gone is known only by its silence.
func (m *Member) Explain(err error) error {
	var lost *Lost
	if err == nil || errors.As(err, &lost) {
		return err
	}
	m.failing.Store(true)
	select {
	case <-m.lost:
	case <-m.stopped:
		return err
	case <-time.After(2*quick(m.timing.beat()) + m.timing.beat()/2):
		p := m.at.Load()
		s := m.pronounce(m.launch.Rank, m.advise(fmt.Sprintf("%s: the exchange with the other ranks failed in step %d, "+
			"though all give signs of life: %v", m.hellos[m.launch.Rank].name(m.launch.Rank), p.step, err)))
		m.end(&Lost{Rank: s.Rank, Text: s.Text})
	}
	return m.loss()
}
