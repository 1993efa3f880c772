package autotune

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is the unit of /proc/stat.
	tick = time.Second / 100
	// fewestTicks have to go by, on all processors together, for others to be seen.
	fewestTicks = 50
)

// WatchOthers begins to watch the processors that this program may use. The function
// that it returns says what part of them has gone to others since, 0 to 1: to other
// programs, or to other machines on the same hardware. It is 0 where the system doesn't
// tell or too little time has gone by.
func WatchOthers() func() float64 {
	busyBefore, allBefore := processors()
	ownBefore := own()
	return func() float64 {
		busy, all := processors()
		return othersShare(busy-busyBefore, all-allBefore, own()-ownBefore)
	}
}

// othersShare is what others have taken of all the time of some processors.
func othersShare(busy, all, own time.Duration) float64 {
	if all < fewestTicks*tick {
		return 0
	}
	return min(1, max(0, float64(busy-own)/float64(all)))
}

// processors is how long the processors that this program may use have worked, and how
// long they have been there.
func processors() (busy, all time.Duration) {
	b, _ := os.ReadFile("/proc/stat") // without it nothing is known
	var mine unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		return 0, 0
	}
	return processorTimes(string(b), mine.IsSet)
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
		for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal; guests are part of user and nice
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

// own is how long this program has worked.
func own() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
