package look

import (
	"fmt"
	"time"
)

// budget divides the time of a look among its parts. A part that ends early leaves its time
// to those that follow.
type budget struct {
	now   func() time.Time
	begin time.Time
	total time.Duration
	cuts  []string // what was left out for lack of time, one sentence each
}

func newBudget(total time.Duration, now func() time.Time) *budget {
	return &budget{now: now, begin: now(), total: total}
}

// spent returns the time since the beginning.
func (b *budget) spent() time.Duration { return b.now().Sub(b.begin) }

// left returns what remains, which is negative after the end.
func (b *budget) left() time.Duration { return b.total - b.spent() }

// share gives a part the fraction of what remains, and returns the end of the part.
func (b *budget) share(fraction float64) deadline {
	return deadline{b.now, b.now().Add(time.Duration(fraction * float64(max(0, b.left()))))}
}

// cut notes what was left out for lack of time.
func (b *budget) cut(format string, args ...any) {
	b.cuts = append(b.cuts, fmt.Sprintf(format, args...))
}

// deadline is the end of a part.
type deadline struct {
	now func() time.Time
	end time.Time
}

// passed reports whether the part's time is over. It may be called from several goroutines
// at once if the clock may.
func (d deadline) passed() bool { return !d.now().Before(d.end) }
