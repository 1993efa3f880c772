package methods

import "time"

// Phase is a part of a step that a Clock tells apart. The zero value is Other.
type Phase int

// The phases, in the order of a step.
const (
	Other     Phase = iota // what no phase claims
	Views                  // waiting for a batch of views and making tensors of them
	Key                    // forward through the momentum encoder
	Query                  // forward through the query encoder
	Contrast               // the rest of Method.Forward: draws, logits, transformation, loss, statistics
	Backward               // the gradients
	Update                 // optimizer and momentum encoder
	Enqueue                // keys into the queue, features into the bank
	Recording              // the hooks: scores, metrics, display
	phases                 // how many there are
)

// String is the phase's name in tables and JSON.
func (p Phase) String() string {
	return [...]string{"other", "views", "key", "query", "contrast", "backward", "update", "enqueue", "record"}[p]
}

// Times has a duration for each phase.
type Times [phases]time.Duration

// Clock adds up what the phases of a run take. Every moment belongs to one phase,
// the last that was entered and not left, and a phase that comes several times in a
// step adds up. The zero value is ready.
//
// A border costs one look at the time. On a processor operations end before they
// return; on a GPU they only start, and their time shows where the first result is
// read.
type Clock struct {
	now   Phase
	since time.Time
	times Times
}

// Enter makes p the phase until another is entered; leave goes back to the one
// before p: defer c.Enter(p)().
func (c *Clock) Enter(p Phase) (leave func()) {
	outer := c.now
	c.turn(p)
	return func() { c.turn(outer) }
}

// Phase is the one that is running.
func (c *Clock) Phase() Phase { return c.now }

// Times are those of all that passed since the first Enter.
func (c *Clock) Times() Times {
	c.turn(c.now)
	return c.times
}

// turn gives the time since the last turn to the phase that ends.
func (c *Clock) turn(to Phase) {
	now := time.Now()
	if !c.since.IsZero() {
		c.times[c.now] += now.Sub(c.since)
	}
	c.now, c.since = to, now
}

// Sub are the times between two looks at a clock.
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
