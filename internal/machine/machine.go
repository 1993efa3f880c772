// Package machine reports the resources that this process may use: processors and their
// instruction sets, memory, disk space, and the load of other programs. It reads /proc and
// /sys of Linux. Each function says what it returns if a fact is unknown.
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

// system is the source of the facts.
type system struct {
	files    fs.FS // the root of the file system
	affinity int   // processors that this process may be scheduled on
}

var here = system{files: os.DirFS("/"), affinity: runtime.NumCPU()}

// read returns the text of a file, or "" if it can't be read.
func (s system) read(path string) string {
	b, err := fs.ReadFile(s.files, strings.TrimPrefix(path, "/"))
	if err != nil {
		return ""
	}
	return string(b)
}

// Processors returns how many processors this process can keep busy: those that it may be
// scheduled on, or fewer if a control group limits its processor time. The number does not
// change while the program runs.
func Processors() int { return processors() }

var processors = sync.OnceValue(func() int { return here.processors() })

// processors rounds a quota up: half a processor's time needs one thread.
func (s system) processors() int {
	return min(s.affinity, max(1, int(math.Ceil(min(s.quota(), float64(s.affinity))))))
}

// Affinity returns how many processors this process may be scheduled on, regardless of any
// quota.
func Affinity() int { return here.affinity }

// Quota returns the processor time that this process may use per second, in seconds, or
// +Inf if there is no limit.
func Quota() float64 { return here.quota() }

// Model returns the name of the processor, or of the architecture if that is unknown.
func Model() string { return here.model() }

func (s system) model() string {
	if name := field(s.read("/proc/cpuinfo"), "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

// Kind identifies machines of equal speed: it has the name of the processor and the number
// of cores.
func Kind() string { return fmt.Sprintf("%s, %d cores", Model(), Processors()) }

// field returns the first value of a key in lines "key: value", or "" if there is none.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// ProcessorTime returns the processor time that all threads of this process have used, or
// 0 if it is unknown.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// DiskFree returns the free space for files in dir, in bytes. dir need not exist: the
// nearest existing folder above it counts.
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
