package methods

import "time"

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
// return. GPU operations only start, so their time shows up where a result is first
// read.
type Clock struct {
	now   Phase
	since time.Time
	times Times
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

// Times returns the time of each phase since the first Enter.
func (c *Clock) Times() Times {
	c.turn(c.now)
	return c.times
}

// turn adds the time since the last turn to the phase that ends, and makes to the
// current phase.
func (c *Clock) turn(to Phase) {
	now := time.Now()
	if !c.since.IsZero() {
		c.times[c.now] += now.Sub(c.since)
	}
	c.now, c.since = to, now
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
