package dist

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asSpawner makes the test binary start processes, each of which does what the variable says.
const asSpawner = "CONTRALENS_TEST_SPAWN"

func TestMain(m *testing.M) {
	switch does := os.Getenv(asSpawner); {
	case does == "":
		os.Exit(m.Run())
	case os.Getenv(Spawned) != "":
		spawned(does)
	default:
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
		code, err := Spawn(Spawning{
			Launch: Launch{Source: "options", Rank: 2, Size: 4, LocalSize: 2, Node: 1, Nodes: 2, Host: "node0", Port: 29500, Run: "r", Restart: 1, Children: 2},
			Args:   []string{"contralens", "contrast", "--nproc", "2"}, Env: append(os.Environ(), "RANK=77", "TORCHELASTIC_USE_AGENT_STORE=True"),
			Signals: signals, Grace: 500 * time.Millisecond, Err: os.Stderr,
		})
		if err != nil {
			fmt.Println(err)
		}
		os.Exit(code)
	}
}

// spawned is a process of the tests below.
func spawned(does string) {
	rank := os.Getenv("RANK")
	note := func(name string) {
		file, err := os.OpenFile(filepath.Join(os.Getenv("NOTES"), name+rank), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(file, os.Getpid())
		file.Close()
	}
	stop := make(chan os.Signal, 10)
	if does == "is deaf" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	}
	note("began")
	switch {
	case does == "shows":
		fmt.Println("rank", rank, "prints", strings.Join(os.Args[1:], " "))
		fmt.Fprint(os.Stderr, "rank ", rank, " warns\nand says no more")
		for _, name := range []string{"WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE"} {
			fmt.Println(name, os.Getenv(name))
		}
		l, err := FromEnvironment(Options{Nodes: -1, Node: -1, Processes: 2}, os.Getenv)
		fmt.Println(l, err, l.Prefix())
		os.Exit(0)
	case does == "fails" && rank == "3", does == "is deaf" && rank == "3":
		os.Exit(3)
	case does == "dies" && rank == "3":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case does == "saves" && rank == "2": // and takes its time
		<-stop
		note("stopped")
		time.Sleep(200 * time.Millisecond)
		if len(stop) > 0 {
			os.Exit(1) // a second signal
		}
		os.Exit(75)
	}
	select {
	case <-stop:
		note("stopped")
		os.Exit(75)
	case <-time.After(time.Minute):
		os.Exit(9)
	}
}

// spawner starts two processes that do something.
func spawner(t *testing.T, does string) (c *exec.Cmd, notes string, out, errs *bytes.Buffer) {
	t.Helper()
	notes = t.TempDir()
	c = exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), asSpawner+"="+does, "NOTES="+notes)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	c.Stdout, c.Stderr = out, errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, notes, out, errs
}

// begun waits for both processes and returns their numbers.
func begun(t *testing.T, notes string) (pids []int) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		pids = nil
		for _, name := range []string{"began2", "began3"} {
			text, _ := os.ReadFile(filepath.Join(notes, name))
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				pids = append(pids, pid)
			}
		}
		if len(pids) == 2 {
			return pids
		}
	}
	t.Fatal("the processes do not begin")
	return nil
}

func TestSpawnShows(t *testing.T) {
	c, _, out, errs := spawner(t, "shows")
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	want := `rank 2 prints contrast --nproc 2
WORLD_SIZE 4
LOCAL_RANK 0
LOCAL_WORLD_SIZE 2
GROUP_RANK 1
MASTER_ADDR node0
MASTER_PORT 29500
TORCHELASTIC_USE_AGENT_STORE 
contralens: rank 2 of 4, 0 of 2 on node 1 of 2, which meet at node0:29500 <nil> contralens/r/1/
`
	if out.String() != want {
		t.Errorf("output:\n%s\nwant:\n%s", out, want)
	}
	for _, line := range []string{"rank 2 warns\n", "[rank 3] rank 3 warns\n", "[rank 3] and says no more\n"} {
		if !strings.Contains(errs.String(), line) {
			t.Errorf("errors:\n%s\nwant %q", errs, line)
		}
	}
}

// One that fails ends the others, and gives the code; one that does not listen is killed.
func TestSpawnFails(t *testing.T) {
	for does, want := range map[string]struct {
		code int
		said string
	}{
		"fails":   {3, ""},
		"is deaf": {3, ") was ended by signal 9 (killed)"},
		"dies":    {137, "contralens: rank 3 (pid "},
	} {
		c, notes, _, errs := spawner(t, does)
		_ = c.Wait()
		if c.ProcessState.ExitCode() != want.code || !strings.Contains(errs.String(), want.said) {
			t.Errorf("%s: code %d, want %d; %s", does, c.ProcessState.ExitCode(), want.code, errs)
		}
		if _, err := os.Stat(filepath.Join(notes, "stopped2")); (err == nil) != (does != "is deaf") {
			t.Errorf("%s: the other one heard SIGTERM: %v", does, err)
		}
	}
}

// A signal reaches every process once, also one that still saves when another has stopped.
func TestSpawnStops(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		c, notes, _, errs := spawner(t, "saves")
		begun(t, notes)
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if c.ProcessState.ExitCode() != 75 {
			t.Errorf("%v: code %d; %s", sig, c.ProcessState.ExitCode(), errs)
		}
		for _, name := range []string{"stopped2", "stopped3"} {
			if text, err := os.ReadFile(filepath.Join(notes, name)); err != nil || strings.Count(string(text), "\n") != 1 {
				t.Errorf("%v: %s: %q, %v", sig, name, text, err)
			}
		}
	}
}

// A killed parent leaves no orphans.
func TestSpawnIsKilled(t *testing.T) {
	c, notes, _, _ := spawner(t, "waits")
	pids := begun(t, notes)
	_ = c.Process.Kill()
	_ = c.Wait()
	for _, pid := range pids {
		for late := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if s := processState(pid); s == 0 || s == 'Z' {
				break
			}
			if time.Now().After(late) {
				t.Errorf("process %d lives on", pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

// The children of a task that torchrun started use its store.
func TestSpawnUnderTorchrun(t *testing.T) {
	for _, agent := range []bool{false, true} {
		s := Spawning{Launch: Launch{Agent: agent, Children: 2, Size: 2}}
		if got := slices.Contains(s.environment(1), "TORCHELASTIC_USE_AGENT_STORE=True"); got != agent {
			t.Errorf("agent %v: %v", agent, got)
		}
	}
}
