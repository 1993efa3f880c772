package train

import (
	"fmt"
	"slices"
	"time"

	"contralens/methods"
	"contralens/rundir"
)

// slowSteps is the number of steps over which the times of processes are compared.
const slowSteps = 20

// slowRank is the process that all others wait for, if there is one: its steps take a fifth
// longer than those of most.
type slowRank struct {
	rank    int
	waiting bool          // for images; else computing
	each    time.Duration // a step: of this process
	others  time.Duration // and of most
}

// rankTimes adds up what processes say of their steps.
type rankTimes struct {
	wait, compute []time.Duration // by rank
	steps         int
}

func (t *rankTimes) add(ranks []methods.Control) {
	if t.wait == nil {
		t.wait, t.compute = make([]time.Duration, len(ranks)), make([]time.Duration, len(ranks))
	}
	for rank, c := range ranks {
		t.wait[rank], t.compute[rank] = t.wait[rank]+c.Wait, t.compute[rank]+c.Compute
	}
	t.steps++
}

// means returns the seconds of a step of each process.
func (t *rankTimes) means() (wait, compute []float64) {
	for rank := range t.wait {
		n := float64(t.steps)
		wait, compute = append(wait, t.wait[rank].Seconds()/n), append(compute, t.compute[rank].Seconds()/n)
	}
	return wait, compute
}

// slowest returns the process that takes a fifth longer than the median, and at least a
// hundredth of a second, and what it does meanwhile.
func (t *rankTimes) slowest() (s slowRank, found bool) {
	total := make([]time.Duration, len(t.wait))
	for rank := range total {
		total[rank] = t.wait[rank] + t.compute[rank]
	}
	s.rank = slices.Index(total, slices.Max(total))
	usual := middle(total)
	if over := total[s.rank] - usual; over*5 < usual || over < time.Duration(t.steps)*10*time.Millisecond {
		return s, false
	}
	n := time.Duration(t.steps)
	wait, compute := middle(t.wait), middle(t.compute)
	if s.waiting = t.wait[s.rank]-wait > t.compute[s.rank]-compute; s.waiting {
		s.each, s.others = t.wait[s.rank]/n, wait/n
	} else {
		s.each, s.others = t.compute[s.rank]/n, compute/n
	}
	return s, true
}

// middle is the lower median.
func middle(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)-1)/2]
}

func (s slowRank) describe(name string) string {
	what := "computes"
	if s.waiting {
		what = "waits for images"
	}
	return fmt.Sprintf("%s %s %.2f s a step, where others take %.2f s: all wait for it", name, what, s.each.Seconds(),
		s.others.Seconds())
}

// watchRanks notes which process all others wait for, once for each.
func watchRanks() Hook {
	var times rankTimes
	said := map[slowRank]bool{}
	return Hook{Order: Monitor, Step: func(r *Run, s Step) error {
		if s.Ranks == nil || s.Step-r.began == 1 { // the first step has more to do
			return nil
		}
		if times.add(s.Ranks); times.steps < slowSteps {
			return nil
		}
		slow, found := times.slowest()
		times = rankTimes{}
		if key := (slowRank{rank: slow.rank, waiting: slow.waiting}); found && !said[key] {
			said[key] = true
			message := slow.describe(r.peers.Name(slow.rank))
			r.say("note: %s", message)
			return r.event(rundir.Metrics{
				Epoch: float64(s.Epoch), Step: new(float64(s.Step)), Event: rundir.EventSlow, Message: message,
			})
		}
		return nil
	}}
}

// waited is how long the step waited for images, on the process where that took longest.
func (s Step) waited() time.Duration {
	most := s.Wait
	for _, c := range s.Ranks {
		most = max(most, c.Wait)
	}
	return most
}
