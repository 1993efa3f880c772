package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInUse is the error of a run directory that another process writes to.
var ErrInUse = errors.New("another training run is using it")

// lock keeps other processes out of a run directory until release is called. The lock
// ends with the process that holds it, however that ends. Its file remains.
func lock(dir string) (release func(), err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run directory %s: want a folder to write to: %w", dir, err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		who, _ := os.ReadFile(path)
		f.Close()
		return nil, fmt.Errorf("run directory %s: %w (%s): wait for it, stop it, or give --name", dir, ErrInUse,
			strings.TrimSpace(string(who)))
	case err != nil && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOLCK):
		f.Close()
		return nil, fmt.Errorf("run directory %s: cannot lock it: %w", dir, err)
	}
	host, _ := os.Hostname()
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
	}
	return func() { f.Close() }, nil
}
