package machine

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is the unit of /proc/stat.
	tick = time.Second / 100
	// fewestTicks must pass, on all processors together, before others can be seen.
	fewestTicks = 50
)

// WatchLoad starts watching the processors that this process may use. The function
// that it returns reports the fraction of them, 0 to 1, that others have taken since:
// other programs, or other machines on the same hardware. What others take beside a
// quota of this process does not count. It is 0 where the system does not tell or too
// little time has passed.
func WatchLoad() func() float64 {
	part := min(1, here.quota()/float64(here.affinity))
	busyBefore, allBefore := here.times()
	ownBefore := ProcessorTime()
	return func() float64 {
		busy, all := here.times()
		return loadOfOthers(busy-busyBefore, all-allBefore, ProcessorTime()-ownBefore, part)
	}
}

// loadOfOthers returns the fraction of this process's part of some processors that
// others have taken. busy, all and own are processor times; the rest of the
// processors, 1-part, is free for others.
func loadOfOthers(busy, all, own time.Duration, part float64) float64 {
	if all < fewestTicks*tick {
		return 0
	}
	taken := float64(busy-own) / float64(all)
	return min(1, max(0, taken-(1-part))/part)
}

// times returns how long the processors that this process may use have worked, and
// how long they have been there.
func (s system) times() (busy, all time.Duration) {
	var mine unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		return 0, 0
	}
	return processorTimes(s.read("/proc/stat"), mine.IsSet)
}

func processorTimes(stat string, mine func(int) bool) (busy, all time.Duration) {
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		if n, err := strconv.Atoi(fields[0][len("cpu"):]); err != nil || !mine(n) {
			continue // "cpu" is the sum of all
		}
		// user nice system idle iowait irq softirq steal; guests are part of user and nice
		for i, field := range fields[1:9] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, 0
			}
			t := time.Duration(n) * tick
			if all += t; i != 3 && i != 4 {
				busy += t
			}
		}
	}
	return busy, all
}
