package runner

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	dir := filepath.Dir(r.checkpoint(cell))
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
	// The program ends with this process, however that ends: the next one would start a second.
	runtime.LockOSThread() // whose end would be taken for that of the process
	defer runtime.UnlockOSThread()
	p := exec.CommandContext(ctx, words[0], words[1:]...)
	p.Stdout, p.Stderr = log, log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = grace
	if err := p.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return 0, fmt.Errorf("%s ended with %w; the last line of %s: %s", words[0], err, log.Name(), lastLine(text))
	}
	if _, err := os.Stat(r.checkpoint(cell)); err != nil {
		return 0, fmt.Errorf("%s: want the checkpoint %s from it, but it wrote none", words[0], r.checkpoint(cell))
	}
	s, err := r.open(ctx, c)
	return float64(s.Train) * float64(c.Epochs), err
}

// lastLine returns the last line of a text that has something on it.
func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return "it is empty"
	}
	return strings.TrimSpace(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}
