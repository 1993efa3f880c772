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
	// fewestTicks is the shortest time, summed over all processors, that gives a usable load.
	fewestTicks = 50
)

// WatchLoad starts watching the processors that this process may use. The returned function
// returns the fraction of their time since then, 0 to 1, that others have used: other
// programs, or other virtual machines on the same hardware. If this process has a quota,
// time that others use outside it does not count. The fraction is 0 if it is unknown or
// too little time has passed.
func WatchLoad() func() float64 {
	part := min(1, here.quota()/float64(here.affinity))
	busyBefore, allBefore := here.times()
	ownBefore := ProcessorTime()
	return func() float64 {
		busy, all := here.times()
		return loadOfOthers(busy-busyBefore, all-allBefore, ProcessorTime()-ownBefore, part)
	}
}

// loadOfOthers returns the fraction of this process's share of some processors that others
// have used. part is the share, 0 to 1; others may use the rest, 1-part. busy, all and own
// are processor times.
func loadOfOthers(busy, all, own time.Duration, part float64) float64 {
	if all < fewestTicks*tick {
		return 0
	}
	taken := float64(busy-own) / float64(all)
	return min(1, max(0, taken-(1-part))/part)
}

// times returns the busy time and the total time of the processors that this process may
// use, since the system was started.
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
