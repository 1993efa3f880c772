package tune

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/stat.
const tick = time.Second / 100

// WatchOthers begins to watch what other programs do. The function that it returns
// says what part of all processors they have taken since, 0 to 1; 0 where the system
// doesn't tell.
func WatchOthers() func() float64 {
	busyBefore, allBefore := processors()
	ownBefore := own()
	return func() float64 {
		busy, all := processors()
		busy, all = busy-busyBefore, all-allBefore
		if all <= 0 {
			return 0
		}
		return min(1, max(0, float64(busy-(own()-ownBefore))/float64(all)))
	}
}

// processors is how long all processors of the machine have worked, and how long they
// have been there.
func processors() (busy, all time.Duration) {
	b, _ := os.ReadFile("/proc/stat") // without it nothing is known
	return processorTimes(string(b))
}

func processorTimes(stat string) (busy, all time.Duration) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal; the rest is part of user
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0
		}
		if t := time.Duration(n) * tick; i == 3 || i == 4 {
			all += t
		} else {
			busy, all = busy+t, all+t
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
