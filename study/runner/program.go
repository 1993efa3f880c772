package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"contralens/config"
	"contralens/rundir"
	"contralens/study"
	"contralens/study/jobs"
)

// grace is how long a program has to end after it was asked to.
const grace = 10 * time.Second

// program trains a cell with another program, which writes current.pth in the run directory. A
// program that was killed starts again at the beginning: only it could resume. What it prints is in
// log.txt.
func (r *Runner) program(
	ctx context.Context, cell study.Cell, c config.Contrast, o *jobs.Outcome,
) (images float64, err error) {
	words, err := r.Study.ProgramLine(r.Dir, cell)
	if err != nil {
		return 0, err
	}
	o.Commands = [][]string{words}
	dir, err := filepath.Abs(filepath.Dir(r.checkpoint(cell)))
	if err != nil {
		return 0, err
	}
	endAll(mark + dir) // processes of a study that was killed
	if err := os.RemoveAll(dir); err != nil {
		return 0, err
	}
	if err := made(dir); err != nil {
		return 0, err
	}
	log, err := os.Create(filepath.Join(dir, rundir.LogFile))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	if err := run(ctx, words, dir, log); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return 0, fmt.Errorf("%s: want a program that can be run: %w", words[0], err)
		}
		text, _ := os.ReadFile(log.Name())
		return 0, fmt.Errorf("%s ended with %w; the last line of %s: %s", words[0], err, log.Name(), lastLine(text))
	}
	if _, err := os.Stat(r.checkpoint(cell)); err != nil {
		return 0, fmt.Errorf("%s: want the checkpoint %s from it, but it wrote none", words[0], r.checkpoint(cell))
	}
	s, err := r.open(ctx, c)
	return float64(s.Train) * float64(c.Epochs), err
}

// mark is the environment variable that tells the processes of a program, by its run directory.
const mark = "CONTRALENS_STUDY_RUN="

// run runs a program to its end, or until ctx ends, with all processes that it has started. It has a process
// group of its own, so that a signal to that of this process does not reach it first.
func run(ctx context.Context, words []string, dir string, log io.Writer) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := exec.CommandContext(ctx, words[0], words[1:]...)
	p.Stdout, p.Stderr = log, log
	p.Env = append(os.Environ(), mark+dir)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // by the end of this thread
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGTERM) }
	p.WaitDelay = grace
	defer endAll(mark + dir)
	return p.Run()
}

// endAll kills the processes of this machine whose environment has an entry.
func endAll(entry string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		b, err := os.ReadFile(path) // that of another user cannot be read
		if err != nil || !slices.Contains(strings.Split(string(b), "\x00"), entry) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// lastLine returns the last line of a text that has something on it.
func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return "it is empty"
	}
	return strings.TrimSpace(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}
