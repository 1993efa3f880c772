package dist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stoppedCode is the exit code of a process that a signal stopped, with everything saved.
const stoppedCode = 75

// patience is how long the other processes may take to say why the training ends, after one has
// failed. They need up to 5 s.
const patience = 8 * time.Second

// Spawning says how the processes of a node are started.
type Spawning struct {
	Launch  Launch           // with Children
	Args    []string         // of the program, with its name
	Env     []string         // as of os.Environ; the variables of torchrun are added
	Signals <-chan os.Signal // each is passed on once to every process
	Grace   time.Duration    // from SIGTERM to SIGKILL, after one process has failed
	Err     io.Writer        // for what processes other than the first write to stderr
}

// Spawn runs this program once for each rank of this node, as torch.multiprocessing.spawn does: it
// starts them, waits, and ends the others when one fails. It neither restarts nor lets nodes find
// each other; torchrun does. The first process has the terminal; what others print is dropped,
// and their errors are marked with the rank.
//
// The code is that of the first process that failed, or 75 if processes were stopped by a signal
// and none failed. An error means that a process could not be started.
func Spawn(s Spawning) (code int, err error) {
	n := s.Launch.Children
	children := make([]*exec.Cmd, n)
	ended := make(chan int, n)
	started := make(chan error, 1)
	over := make(chan struct{})
	defer close(over)
	lines := &sync.Mutex{}
	go func() {
		// Linux kills a child with the thread that started it (Pdeathsig), so this thread stays.
		runtime.LockOSThread()
		for i := range children {
			children[i] = s.child(i, lines)
			if err := children[i].Start(); err != nil {
				children = children[:i]
				started <- fmt.Errorf("rank %d could not be started: %w", s.Launch.Rank+i, err)
				<-over
				return
			}
		}
		started <- nil
		<-over
	}()
	if err := <-started; err != nil {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
		return 1, err
	}
	for i, c := range children {
		go func() {
			_ = c.Wait() // its state says it
			if m, ok := c.Stderr.(*marked); ok {
				m.flush()
			}
			ended <- i
		}()
	}
	return s.attend(children, ended), nil
}

// child returns the process of a rank. It has a group of its own, so that Ctrl-C reaches it once,
// by way of this process.
func (s Spawning) child(i int, lines *sync.Mutex) *exec.Cmd {
	c := &exec.Cmd{Path: "/proc/self/exe", Args: s.Args, Env: s.environment(i)}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.WaitDelay = time.Second
	if i == 0 {
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
	} else {
		c.Stderr = &marked{out: s.Err, mark: fmt.Sprintf("[rank %d] ", s.Launch.Rank+i), mutex: lines}
	}
	return c
}

// environment returns the variables that torchrun would set.
func (s Spawning) environment(i int) []string {
	l := s.Launch
	own := map[string]string{
		Spawned: "1",
		"RANK":  strconv.Itoa(l.Rank + i), "WORLD_SIZE": strconv.Itoa(l.Size),
		"LOCAL_RANK": strconv.Itoa(i), "LOCAL_WORLD_SIZE": strconv.Itoa(l.Children),
		"GROUP_RANK": strconv.Itoa(l.Node), "GROUP_WORLD_SIZE": strconv.Itoa(l.Nodes),
		"MASTER_ADDR": l.Host, "MASTER_PORT": strconv.Itoa(l.Port),
		"TORCHELASTIC_RUN_ID": l.Run, "TORCHELASTIC_RESTART_COUNT": strconv.Itoa(l.Restart),
		"TORCHELASTIC_USE_AGENT_STORE": "",
	}
	if l.Agent { // torchrun started this task, and keeps the store
		own["TORCHELASTIC_USE_AGENT_STORE"] = "True"
	}
	env := slices.DeleteFunc(slices.Clone(s.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		_, ok := own[name]
		return ok
	})
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// attend waits for all processes and returns the exit code of the whole.
func (s Spawning) attend(children []*exec.Cmd, ended <-chan int) (code int) {
	alive := make(map[int]bool, len(children))
	for i := range children {
		alive[i] = true
	}
	tell := func(sig os.Signal) {
		for i := range alive {
			_ = children[i].Process.Signal(sig) // one that has just ended needs no signal
		}
	}
	var next <-chan time.Time // when the others are told more plainly to end
	sig := os.Signal(syscall.SIGTERM)
	for len(alive) > 0 {
		select {
		case i := <-ended:
			delete(alive, i)
			c := exitCode(children[i].ProcessState)
			if c == 0 {
				continue
			}
			s.report(i, children[i].ProcessState)
			if code == 0 || code == stoppedCode && c != stoppedCode {
				code = c
			}
			switch { // another signal would cut short a process that is stopping, and saves
			case next == nil && c == stoppedCode:
				next = time.After(s.Grace)
			case next == nil:
				next = time.After(min(patience, s.Grace))
			}
		case <-next:
			tell(sig)
			sig, next = syscall.SIGKILL, time.After(s.Grace)
		case sig := <-s.Signals:
			tell(sig)
		}
	}
	return code
}

// report says that a signal ended a process, which could not say so itself.
func (s Spawning) report(i int, state *os.ProcessState) {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		fmt.Fprintf(s.Err, "contralens: rank %d (pid %d) was ended by signal %d (%v)\n", s.Launch.Rank+i, state.Pid(),
			int(w.Signal()), w.Signal())
	}
}

// exitCode returns the code as shells have it: 128 plus the signal's number for one that a signal
// ended.
func exitCode(state *os.ProcessState) int {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return state.ExitCode()
}

// marked writes whole lines, each with a mark before it.
type marked struct {
	out   io.Writer
	mark  string
	mutex *sync.Mutex // shared by all that write to out
	rest  []byte
}

func (m *marked) Write(p []byte) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.rest = append(m.rest, p...)
	var errs []error
	for {
		i := bytes.IndexByte(m.rest, '\n')
		if i < 0 {
			return len(p), errors.Join(errs...)
		}
		_, err := fmt.Fprintf(m.out, "%s%s", m.mark, m.rest[:i+1])
		errs = append(errs, err)
		m.rest = m.rest[i+1:]
	}
}

// flush writes a last line that does not end.
func (m *marked) flush() {
	if len(m.rest) > 0 {
		_, _ = m.Write([]byte{'\n'})
	}
}
