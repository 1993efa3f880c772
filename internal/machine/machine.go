// Package machine tells what the program may use of the machine it runs on:
// processors and their instructions, memory, disk space, and how busy others keep
// them. It reads what Linux writes in /proc and /sys. A fact that the system does not
// tell has the value that each function names.
package machine

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// system is where facts are read from.
type system struct {
	files    fs.FS // the root of the file system
	affinity int   // processors that this process may be scheduled on
}

var here = system{files: os.DirFS("/"), affinity: runtime.NumCPU()}

// read returns the text of a file; "" if it cannot be read.
func (s system) read(path string) string {
	b, err := fs.ReadFile(s.files, strings.TrimPrefix(path, "/"))
	if err != nil {
		return ""
	}
	return string(b)
}

// Processors returns how many processors this process can keep busy: those that it
// may be scheduled on, or fewer where a control group limits its processor time. It
// does not change while the program runs.
func Processors() int { return processors() }

var processors = sync.OnceValue(func() int { return here.processors() })

// processors rounds a quota up: half a processor's time needs one thread.
func (s system) processors() int {
	return min(s.affinity, max(1, int(math.Ceil(min(s.quota(), float64(s.affinity))))))
}

// Affinity returns how many processors this process may be scheduled on, whatever
// time it may use of them.
func Affinity() int { return here.affinity }

// Quota returns the processor time that the process may use a second, in seconds;
// +Inf without a limit.
func Quota() float64 { return here.quota() }

// Model returns the processor's name; without one, the name of the architecture.
func Model() string { return here.model() }

func (s system) model() string {
	if name := field(s.read("/proc/cpuinfo"), "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

// Kind identifies machines that compute equally fast: the processor's name and how
// many of them there are.
func Kind() string { return fmt.Sprintf("%s, %d cores", Model(), Processors()) }

// field returns the first value of a key in lines of "key: value"; "" if there is none.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// ProcessorTime returns the processor time that this process has used, of all its
// threads together; 0 where the system does not tell.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// DiskFree returns the number of bytes that can still be written below dir, or below
// the nearest folder above it that exists.
func DiskFree(dir string) (int64, error) {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * int64(s.Bsize), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0, fmt.Errorf("free space of %s: %w", dir, err)
		}
		dir = parent
	}
}
