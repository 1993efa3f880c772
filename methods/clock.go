package methods

import (
	"time"

	"contralens/torch"
)

// Phase is a part of a step that a Clock measures. The zero value is Other.
type Phase int

// The phases, in the order of a step.
const (
	Other     Phase = iota // everything else
	Views                  // waiting for a batch of views and making tensors of them
	Key                    // forward through the momentum encoder
	Query                  // forward through the query encoder
	Contrast               // the rest of Method.Forward: draws, logits, transformation, loss, statistics
	Backward               // the gradients
	Update                 // optimizer and momentum encoder
	Enqueue                // keys into the queue, features into the bank
	Recording              // the hooks: scores, metrics, display
	phases                 // the number of phases
)

// String is the phase's name in tables and JSON.
func (p Phase) String() string {
	return [...]string{"other", "views", "key", "query", "contrast", "backward", "update", "enqueue", "record"}[p]
}

// Times holds one duration per phase.
type Times [phases]time.Duration

// Clock sums up the time of each phase of a run. Time always belongs to the current
// phase: the last one that was entered and not left. The zero value is ready to use.
//
// Entering a phase costs one reading of the clock. CPU operations finish before they
// return. GPU operations only start: their phases end when the GPU gets there. There, from
// the first call of Times on, the clock marks the borders of phases in the work of the GPU.
// It reads marks two calls later, so that the host does not wait for them. The times are then those
// of the GPU, including pauses in which it has nothing to do.
type Clock struct {
	now   Phase
	since time.Time
	times Times

	device torch.Device
	marks  []border // that have not been read, oldest first
	calls  int      // of Times among them; 0: the clock does not run yet
}

// border is where a phase begins on a GPU.
type border struct {
	phase  Phase
	mark   *torch.Mark
	called bool // by Times
}

// Lag is the number of calls by which Times is behind on a GPU.
const Lag = 2

// NewClock returns a clock for the work of a device.
func NewClock(d torch.Device) Clock { return Clock{device: d} }

// Lag is the number of calls by which Times is behind: 0 on the CPU.
func (c *Clock) Lag() int {
	if c.device.IsCPU() {
		return 0
	}
	return Lag
}

// Enter makes p the current phase until another one is entered; leave returns to the
// phase before p. Use it as defer c.Enter(p)().
func (c *Clock) Enter(p Phase) (leave func()) {
	outer := c.now
	c.turn(p)
	return func() { c.turn(outer) }
}

// Phase returns the current phase.
func (c *Clock) Phase() Phase { return c.now }

// Times returns the time of each phase since the first Enter. On a GPU, it is the time from
// the first call of Times to the one before the last: call it once in a step.
func (c *Clock) Times() Times {
	if !c.device.IsCPU() {
		c.calls++
		c.border(c.now, true)
		for c.calls > Lag {
			c.read()
		}
		return c.times
	}
	c.turn(c.now)
	return c.times
}

// turn adds the time since the last turn to the phase that ends, and makes to the
// current phase.
func (c *Clock) turn(to Phase) {
	if !c.device.IsCPU() {
		c.border(to, false)
		return
	}
	now := time.Now()
	if !c.since.IsZero() {
		c.times[c.now] += now.Sub(c.since)
	}
	c.now, c.since = to, now
}

// border marks where a phase begins on a GPU.
func (c *Clock) border(to Phase, called bool) {
	if c.calls > 0 && (called || to != c.now) {
		c.marks = append(c.marks, border{to, torch.NewMark(c.device), called})
	}
	c.now = to
}

// read adds the times between the two oldest calls of Times.
func (c *Clock) read() {
	c.calls--
	for len(c.marks) > 1 {
		begin, end := c.marks[0], c.marks[1]
		c.times[begin.phase] += end.mark.Since(begin.mark)
		begin.mark.Free()
		c.marks = c.marks[1:]
		if end.called {
			return
		}
	}
}

// Free drops the marks that have not been read.
func (c *Clock) Free() {
	for _, b := range c.marks {
		b.mark.Free()
	}
	c.marks, c.calls = nil, 0
}

// Sub returns the times between two readings of a clock.
func (t Times) Sub(earlier Times) Times {
	for p := range t {
		t[p] -= earlier[p]
	}
	return t
}

// Total is the sum over the phases.
func (t Times) Total() (sum time.Duration) {
	for _, d := range t {
		sum += d
	}
	return sum
}
