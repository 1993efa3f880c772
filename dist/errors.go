package dist

import (
	"fmt"
	"strings"
	"time"
)

// Disagreement reports that processes were not started alike, or one of them wrongly. Every rank
// returns the same one, before anything is written. It is wrong usage.
type Disagreement struct {
	Rank int    // the lowest one that differs from rank 0, or that was started wrongly
	Text string // the whole sentence
}

func (d *Disagreement) Error() string { return d.Text }

// Missing reports that processes did not come in time.
type Missing struct {
	Ranks  []int // that did not come
	Size   int
	Waited time.Duration
}

func (m *Missing) Error() string {
	return fmt.Sprintf("%d of %d ranks came in %v; missing: %s",
		m.Size-len(m.Ranks), m.Size, m.Waited.Round(time.Second), list(m.Ranks))
}

// Occupied reports that the port at which the processes were to meet serves another purpose. It
// is wrong usage.
type Occupied struct{ Text string }

func (o *Occupied) Error() string { return o.Text }

// Lost reports that the training ended because of a rank. Every rank that is alive returns the
// same sentence.
type Lost struct {
	Rank int
	Text string // the whole sentence
}

func (l *Lost) Error() string { return l.Text }

// list writes "3", "3, 5" or "3 to 9".
func list(ranks []int) string {
	var parts []string
	for i := 0; i < len(ranks); {
		j := i
		for j+1 < len(ranks) && ranks[j+1] == ranks[j]+1 {
			j++
		}
		switch {
		case j >= i+2:
			parts = append(parts, fmt.Sprintf("%d to %d", ranks[i], ranks[j]))
		default:
			for _, r := range ranks[i : j+1] {
				parts = append(parts, fmt.Sprint(r))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// name names a rank with its process.
func (h *Hello) name(rank int) string {
	if h == nil || h.Host == "" {
		return fmt.Sprintf("rank %d", rank)
	}
	return fmt.Sprintf("rank %d (pid %d on %s)", rank, h.PID, h.Host)
}
