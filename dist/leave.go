package dist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"contralens/world"
)

// done is the phase of a process that has finished.
const done = "done"

// Alone runs f on rank 0 while the other ranks wait, for what only one process may do: a
// checkpoint, results. Nothing limits how long f takes as long as rank 0 gives signs of life. All
// ranks call Alone in the same order, and all return an error if f does.
func (m *Member) Alone(ctx context.Context, f func() error) error {
	name := key("alone", int(m.alone.Add(1)))
	if m.launch.Rank == 0 {
		before := m.at.Load()
		m.At(before.step, world.Busy)
		defer m.At(before.step, before.phase)
		m.forget()
		err := f()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if failed := m.store.Set(name, []byte(text)); failed != nil && err == nil {
			err = m.Explain(failed)
		}
		return err
	}
	defer m.Waiting()()
	err := m.poll(ctx, time.Time{}, func() (bool, error) { return m.store.Check(name) }, nil)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return m.Explain(err)
	}
	text, err := m.store.Get(name)
	if err == nil {
		_, err = m.store.Add("aloneread", 1)
	}
	if err != nil {
		return m.Explain(err)
	}
	if len(text) > 0 {
		return &Lost{Rank: 0, Text: fmt.Sprintf("%s: %s", m.hellos[0].name(0), text)}
	}
	return nil
}

// forget removes the keys of earlier calls of Alone, once all ranks have read them. A long training
// has two in every epoch.
func (m *Member) forget() {
	earlier := m.alone.Load() - 1
	if n, err := m.store.Add("aloneread", 0); err != nil || n < earlier*int64(m.launch.Size-1) {
		return
	}
	for ; m.forgotten < earlier; m.forgotten++ {
		if _, err := m.store.Delete(key("alone", int(m.forgotten+1))); err != nil {
			return
		}
	}
}

// Will tells the other ranks why this one ends, so that they end with its sentence within a
// second. It is for every error but a stop that all agreed on, and it is the last call.
func (m *Member) Will(err error) {
	m.leaving.Store(true)
	WriteErrorFile(err)
	var lost *Lost
	if !errors.As(err, &lost) {
		rank := m.launch.Rank
		m.pronounce(rank, fmt.Sprintf("%s: %v", m.hellos[rank].name(rank), err))
	}
	m.linger()
	m.quit()
}

// Leave returns when all ranks have finished, also after a stop that all agreed on. It is the last
// call. A launcher that sees one process end with an error code ends the others, and without this
// it could cut rank 0 short, which saves. The store must live until Leave has returned.
func (m *Member) Leave(ctx context.Context) error {
	m.At(m.at.Load().step, done)
	defer m.quit()
	if err := m.store.Set(key("done", m.launch.Rank), nil); err != nil {
		return m.Explain(err)
	}
	keys := make([]string, m.launch.Size)
	for r := range keys {
		keys[r] = key("done", r)
	}
	if err := m.poll(ctx, time.Time{}, func() (bool, error) { return m.store.Check(keys...) }, nil); err != nil {
		return err
	}
	m.quit()
	if _, err := m.store.Add("left", 1); err != nil || m.launch.Rank != 0 {
		return nil // all are done, so nothing is lost with the store
	}
	size := int64(m.launch.Size)
	err := m.poll(ctx, time.Now().Add(5*time.Second), func() (bool, error) {
		n, err := m.store.Add("left", 0)
		return n >= size, err
	}, nil)
	if err == nil {
		m.clear()
	}
	return nil
}

// clear removes the keys of this training from a store that outlives it.
func (m *Member) clear() {
	_, _ = m.whole.Delete(owner)
	for _, name := range []string{"read", "heard", "left", "aloneread", "verdict", "verdicts", refused, excused, Choice} {
		_, _ = m.store.Delete(name)
	}
	for r := range m.launch.Size {
		for _, name := range []string{"joined", "hello", "alive", "done"} {
			_, _ = m.store.Delete(key(name, r))
		}
	}
	for n := m.forgotten + 1; n <= m.alone.Load(); n++ {
		_, _ = m.store.Delete(key("alone", int(n)))
	}
}

// quit stops the goroutines. One that waits for a store that does not answer is left behind.
func (m *Member) quit() {
	m.stop.Do(func() { close(m.stopped) })
	ended := make(chan struct{})
	go func() {
		m.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
	}
}

// WriteErrorFile tells torchrun why this process failed. Its summary shows the sentence then
// instead of "exitcode 1". Under other launchers it does nothing.
func WriteErrorFile(err error) {
	path := os.Getenv("TORCHELASTIC_ERROR_FILE")
	if path == "" || err == nil {
		return
	}
	type info struct {
		Timestamp string `json:"timestamp"`
	}
	type message struct {
		Message   string `json:"message"`
		ExtraInfo info   `json:"extraInfo"`
	}
	text, failed := json.Marshal(map[string]message{
		"message": {err.Error(), info{strconv.FormatInt(time.Now().Unix(), 10)}},
	})
	if failed == nil {
		_ = os.WriteFile(path, text, 0o600) // the sentence is on the terminal as well
	}
}
