package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/humanize"
	"contralens/rundir"
)

// slowest returns by how many percent the steps of the slowest of several processes are longer
// than those of the median, the lower one of two.
func slowest(m rundir.Metrics) *float64 {
	n := len(m.RankWait)
	if n < 2 || len(m.RankCompute) != n {
		return nil
	}
	each := make([]float64, n)
	for rank := range each {
		each[rank] = m.RankWait[rank] + m.RankCompute[rank]
	}
	slices.Sort(each)
	usual := each[(n-1)/2]
	if usual <= 0 {
		return nil
	}
	return new(100 * (each[n-1]/usual - 1))
}

// ranks are the times of the processes in the last lines of the metrics.
type ranks []rankTimes

// rankTimes are seconds of a step, by process.
type rankTimes struct{ wait, compute []float64 }

// rankLines is the number of lines that say which process is the slowest.
const rankLines = 10

// add adds a line. One of another number of processes, after a restart, begins anew.
func (r *ranks) add(line rundir.Metrics) {
	n := len(line.RankWait)
	if n < 2 || len(line.RankCompute) != n {
		return
	}
	if len(*r) > 0 && len((*r)[0].wait) != n {
		*r = nil
	}
	*r = append((*r)[max(0, len(*r)+1-rankLines):], rankTimes{line.RankWait, line.RankCompute})
}

// processes says how many processes train, which is the slowest, and which waits longest for images. It is empty
// for one process.
func (m *metrics) processes() string {
	if len(m.ranks) == 0 {
		return ""
	}
	n := len(m.ranks[0].wait)
	wait, all := make([]float64, n), make([]float64, n)
	for _, line := range m.ranks {
		for rank := range n {
			wait[rank] += line.wait[rank]
			all[rank] += line.wait[rank] + line.compute[rank]
		}
	}
	usual := slices.Sorted(slices.Values(all))[(n-1)/2]
	if usual <= 0 {
		return fmt.Sprint(n)
	}
	last, waits := slices.Index(all, slices.Max(all)), slices.Index(wait, slices.Max(wait))
	return fmt.Sprintf("%d; in the last %s, rank %d was the slowest, %.0f %% above the median, and rank %d waited "+
		"longest for images, %.1f %% of its time", n, humanize.Count(len(m.ranks), "line"), last, 100*(all[last]/usual-1),
		waits, 100*wait[waits]/all[waits])
}

// failures lists the errors after which a run was resumed, at most the last five, by the number of
// the session that went on.
func failures(resumes []rundir.Session) string {
	var list []string
	for i, s := range resumes {
		if s.After != "" {
			list = append(list, fmt.Sprintf("session %d, after %s", i+2, s.After))
		}
	}
	if more := len(list) - 5; more > 0 {
		list = append([]string{humanize.Count(more, "failure") + " before"}, list[more:]...)
	}
	return strings.Join(list, "; ")
}
