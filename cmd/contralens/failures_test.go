package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// longWorlds skips a test unless make check-long SECTIONS=dist runs it.
func longWorlds(t *testing.T) {
	t.Helper()
	if os.Getenv("CONTRALENS_WORLDS") == "" {
		t.Skip("not run: make check-long SECTIONS=dist does")
	}
}

// number is the value of an environment variable, or another one.
func number(name string, usual int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return usual
	}
	return n
}

// A training in three processes, of which a random one is killed again and again, ends as one that
// nobody disturbed, bit for bit. Every time the others name the one that is gone. The first kill is
// after step 1, when the first buckets of gradients have been laid out. CONTRALENS_RANK_KILLS sets
// the number of kills (1).
func TestKilledRanks(t *testing.T) {
	kills, size := number("CONTRALENS_RANK_KILLS", 1), 3
	data := stripes(t, 6)
	t.Chdir(t.TempDir())
	line := func(name string, more ...string) []string {
		return pair(data, name, append([]string{"--batch_size", "6", "--nproc", fmt.Sprint(size), "--epochs", fmt.Sprint(6 + 3*kills),
			"--dist_timeout", "20s"}, more...)...)
	}
	if code, text := spawn(t, line("whole")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	rng := rand.New(rand.NewPCG(uint64(kills), 23))
	killed := make([]int, size)
	for kill := range kills {
		p := spawn(t, line("killed", "--resume", "auto")...)
		p.until(t, "run directory:")
		if kill == 0 {
			p.until(t, "step 1/2")
		} else {
			for range rng.IntN(5) {
				p.until(t, "epoch ")
			}
			time.Sleep(time.Duration(rng.IntN(50_000)) * time.Microsecond)
		}
		rank := rng.IntN(size)
		pids := children(t, p.Process.Pid)
		if len(pids) != size {
			t.Fatalf("kill %d: %d children, want %d", kill+1, len(pids), size)
		}
		_ = syscall.Kill(pids[rank], syscall.SIGKILL)
		code, text := p.end(t)
		gone := regexp.MustCompile(fmt.Sprintf(`contralens: rank %d \(pid %d on .+\)(, which keeps the store at .+,)? is gone since step \d+: `+
			`(its connection broke|its process ended)`, rank, pids[rank]))
		if code != 128+int(syscall.SIGKILL) || !gone.MatchString(text) {
			t.Fatalf("kill %d, of rank %d: code %d:\n%s", kill+1, rank, code, text)
		}
		killed[rank]++
	}
	t.Logf("kills by rank: %v", killed)
	if code, text := spawn(t, line("killed", "--resume", "auto")...).end(t); code != 0 || strings.Contains(text, "passed over") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	if left := partial("save/killed"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	sameWeights(t, "whole", "killed")
}

// A disk that is full on the machine of rank 0, which saves, ends all processes with its sentence.
// With free space the same command goes on.
func TestFullDiskOfRankZero(t *testing.T) {
	data := stripes(t, 12)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("save", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", "save", "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("not run: mounting is not allowed here (%v)", err)
	}
	defer syscall.Unmount("save", syscall.MNT_DETACH)
	line := pair(data, "run", "--nproc", "2", "--epochs", "8", "--save_freq", "1", "--keep", "0", "--resume", "auto")
	code, text := spawn(t, line...).end(t)
	both := regexp.MustCompile(`\[rank 1\] contralens: rank 0 \(.+\): (checkpoint save/run/.+: the disk is full.+; the last good checkpoint is .+, of step \d+)`)
	said := both.FindStringSubmatch(text)
	if code != exitFailed || said == nil || !strings.Contains(text, "\ncontralens: "+said[1]+"\n") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	if err := syscall.Mount("none", "save", "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if code, text := spawn(t, line...).end(t); code != 0 || !strings.Contains(text, "resuming save/run/") {
		t.Fatalf("code %d:\n%s", code, text)
	}
}

// ranksOf returns the processes that a launcher started, by rank, once there are so many.
func ranksOf(t *testing.T, launcher, size int) map[int]int {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(20 * time.Millisecond) {
		pids := map[int]int{}
		for _, pid := range children(t, launcher) {
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			for _, v := range strings.Split(string(env), "\x00") {
				if text, ok := strings.CutPrefix(v, "RANK="); ok {
					rank, _ := strconv.Atoi(text)
					pids[rank] = pid
				}
			}
		}
		if len(pids) == size {
			return pids
		}
	}
	t.Fatalf("the launcher did not start %d processes", size)
	return nil
}

// resumption returns the line with which a training goes on after its last stop, after the step and
// from the checkpoint that the stop named: current.pth at the end of an epoch, else interrupted.pth.
func resumption(t *testing.T, text string) string {
	t.Helper()
	stops := regexp.MustCompile(`stopped in epoch (\d+) after (\d+) of 3 steps; (\S+) has everything`).FindAllStringSubmatch(text, -1)
	if len(stops) == 0 {
		t.Fatalf("no stop:\n%s", text)
	}
	last := stops[len(stops)-1]
	done, _ := strconv.Atoi(last[2])
	want := map[bool]string{true: "current.pth", false: "interrupted.pth"}[done == 0]
	if filepath.Base(last[3]) != want {
		t.Errorf("%q: want %s", last[0], want)
	}
	return fmt.Sprintf("resuming %s: epoch %s, step %d", last[3], last[1], done+1)
}

// Under torchrun, one of two processes is killed ten times, and torchrun starts both again. One gets
// SIGTERM: both stop after the same step and are started again. torchrun gets SIGTERM: both stop, and
// the same command goes on. The end is that of a training that nobody disturbed, bit for bit.
func TestUnderTorchrun(t *testing.T) {
	longWorlds(t)
	torchrun := os.Getenv("TORCHRUN")
	if torchrun == "" {
		if _, err := exec.LookPath("torchrun"); err != nil {
			t.Skip("not run: torchrun is not installed")
		}
		// Without logs in files, torchrun 1.13 fails on Python 3.11.
		torchrun = "torchrun -r 1 -t 1 --monitor_interval 0.1 --log_dir " + t.TempDir()
	}
	script, err := filepath.Abs("../../deploy/torchrun.sh")
	if err != nil {
		t.Fatal(err)
	}
	data, kills := stripes(t, 12), 10
	t.Chdir(t.TempDir())
	line := func(name string, more ...string) []string {
		return pair(data, name, append([]string{"--epochs", "150", "--save_freq", "100"}, more...)...)
	}
	if code, text := spawn(t, line("whole", "--nproc", "2")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	launch := func() *process {
		return spawnBy(t, exec.Command(script, line("disturbed", "--resume", "auto")...), asProgram, "CONTRALENS="+os.Args[0],
			"TORCHRUN="+torchrun, "PROCESSES=2", "RESTARTS=14")
	}
	p, rng := launch(), rand.New(rand.NewPCG(7, 7))
	p.until(t, "run directory:")
	for kill := range kills {
		for range 1 + rng.IntN(10) {
			p.until(t, "epoch ")
		}
		rank := rng.IntN(2)
		pid := ranksOf(t, p.Process.Pid, 2)[rank]
		_ = syscall.Kill(pid, syscall.SIGKILL)
		begin := time.Now()
		p.until(t, fmt.Sprintf("contralens: rank %d (pid %d on", rank, pid))
		t.Logf("kill %d, of rank %d: named after %.1f s", kill+1, rank, time.Since(begin).Seconds())
		p.until(t, "resuming save/disturbed/")
	}
	p.until(t, "epoch ")
	_ = syscall.Kill(ranksOf(t, p.Process.Pid, 2)[1], syscall.SIGTERM)
	p.until(t, "stopped in epoch")
	p.until(t, resumption(t, p.text.String()))
	p.until(t, "epoch ")
	_ = p.Process.Signal(syscall.SIGTERM)
	code, text := p.end(t)
	if code == 0 || strings.Count(text, "stopped in epoch") != 2 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	p = launch()
	p.until(t, resumption(t, text))
	if code, text := p.end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	sameWeights(t, "whole", "disturbed")
}

// cable is a network of nodes on this machine: a namespace each, at 1 Gb/s, and a bridge.
type cable struct {
	t     *testing.T
	name  string
	nodes int
}

func newCable(t *testing.T, nodes int) *cable {
	t.Helper()
	c := &cable{t, fmt.Sprintf("cl%d", os.Getpid()%100000), nodes}
	if out, err := c.ip("link add %s type bridge", c.name); err != nil {
		t.Skipf("not run: no networks can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		for n := range nodes {
			_, _ = c.ip("netns del %s", c.node(n)) // and its link with it
		}
		_, _ = c.ip("link del %s", c.name)
	})
	c.must("link set %s up", c.name)
	for n := range nodes {
		if out, err := c.ip("netns add %s", c.node(n)); err != nil {
			t.Skipf("not run: no network namespaces can be made here: %v: %s", err, out)
		}
		c.must("link add %s type veth peer name e0 netns %s", c.node(n), c.node(n))
		c.must("link set %s master %s up", c.node(n), c.name)
		c.must("-n %s link set lo up", c.node(n))
		c.must("-n %s addr add 10.213.7.%d/24 dev e0", c.node(n), n+1)
		c.must("-n %s link set e0 up", c.node(n))
		limit := strings.Fields(fmt.Sprintf("-n %s qdisc add dev e0 root tbf rate 1gbit burst 256kb latency 50ms", c.node(n)))
		if out, err := exec.Command("tc", limit...).CombinedOutput(); err != nil {
			t.Logf("not limited to 1 Gb/s: %v: %s", err, out)
		}
	}
	return c
}

func (c *cable) node(n int) string { return fmt.Sprint(c.name, "n", n) }

func (c *cable) ip(format string, args ...any) (string, error) {
	out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(format, args...))...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c *cable) must(format string, args ...any) {
	c.t.Helper()
	if out, err := c.ip(format, args...); err != nil {
		c.t.Fatalf("ip "+format+": %v: %s", append(args, err, out)...)
	}
}

// Four processes in four network namespaces train as four nodes. None sees the processes of another
// one, as on machines of their own. The link of one goes down: both
// sides end within --dist_timeout and name the other. With the link up again, the same command goes
// on.
func TestCutNetwork(t *testing.T) {
	longWorlds(t)
	data, nodes := stripes(t, 12), 4
	net := newCable(t, nodes)
	t.Chdir(t.TempDir())
	launch := func() (all []*process) {
		for n := range nodes {
			args := append([]string{"netns", "exec", net.node(n), "unshare", "--pid", "--fork", "--kill-child", os.Args[0]}, pair(data, "run", "--epochs", "5000", "--save_freq", "1000",
				"--multiprocessing-distributed", "--world-size", fmt.Sprint(nodes), "--rank", fmt.Sprint(n), "--device", "cpu",
				"--dist-url", "tcp://10.213.7.1:29517", "--dist_timeout", "5s", "--resume", "auto")...)
			all = append(all, spawnBy(t, exec.Command("ip", args...), asProgram))
		}
		return all
	}
	for _, cut := range []int{nodes - 1, 0} {
		all := launch()
		all[0].until(t, "epoch ")
		all[0].until(t, " done ")
		all[0].until(t, " done ")
		net.must("link set %s down", net.node(cut))
		begin := time.Now()
		for n, p := range all {
			want := fmt.Sprintf(`contralens: rank %d \(pid \d+ on .+\) does not answer: last sign`, cut)
			if n == cut || cut == 0 {
				want = `contralens: rank 0 \(pid \d+ on .+\), which keeps the store at 10\.213\.7\.1:29517, (cannot be reached|is gone since)`
			}
			if n == 0 && cut == 0 {
				// Its store may wait for the rest of what the cut link has sent in part.
				want = `contralens: (rank [123] \(pid \d+ on .+\) does not answer: last sign|` +
					`rank 0 \(pid \d+ on .+\), which keeps the store at .+, cannot be reached)`
			}
			if code, text := p.end(t); code != exitFailed || !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("link %d down, rank %d: code %d, want %s:\n%s", cut, n, code, want, text)
			}
		}
		t.Logf("link %d down: all ended after %.1f s", cut, time.Since(begin).Seconds())
		net.must("link set %s up", net.node(cut))
	}
	all := launch()
	all[0].until(t, "resuming save/run/")
	all[0].until(t, "epoch ")
	_ = syscall.Kill(children(t, all[1].Process.Pid)[0], syscall.SIGTERM)
	for n, p := range all {
		if code, text := p.end(t); code != exitStopped {
			t.Errorf("link up again, rank %d: code %d:\n%s", n, code, text)
		}
	}
}

// keysOf counts the keys in the store of a training in several processes, with Debian's PyTorch.
func keysOf(t *testing.T, parent int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", children(t, parent)[0]))
	port := regexp.MustCompile(`MASTER_PORT=(\d+)`).FindSubmatch(text)
	if err != nil || port == nil {
		t.Fatalf("want MASTER_PORT among the variables of rank 0: %v", err)
	}
	said, err := exec.Command("/usr/bin/python3", "-c", `
import sys
from torch.distributed import TCPStore
print(TCPStore("127.0.0.1", int(sys.argv[1]), is_master=False, wait_for_workers=False).num_keys())`, string(port[1])).Output()
	n, atoi := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil || atoi != nil {
		t.Fatalf("%s: %v", said, err)
	}
	return n
}

// Many steps of two processes take no more memory, no more files and no more keys of the store than
// some do. CONTRALENS_STEPS sets how many (10,000).
func TestManySteps(t *testing.T) {
	longWorlds(t)
	steps := number("CONTRALENS_STEPS", 10_000)
	data := stripes(t, 100)
	t.Chdir(t.TempDir())
	p := spawn(t, pair(data, "run", "--nproc", "2", "--epochs", fmt.Sprint((steps+24)/25), "--save_freq", "1000")...)
	measure := func() (pages, files [2]int) {
		for i, pid := range children(t, p.Process.Pid) {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
			pages[i], _ = strconv.Atoi(strings.Fields(string(text))[1])
			list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			files[i] = len(list)
		}
		return pages, files
	}
	early, last := max(2, steps/25/5), (steps+24)/25
	var pages, files [2]int
	keys, later := 0, 0
	for epoch := 2; epoch <= last; epoch++ {
		p.until(t, fmt.Sprintf("epoch %d/", epoch))
		if epoch == early {
			pages, files = measure()
			keys = keysOf(t, p.Process.Pid)
		}
		if epoch == last-max(2, last/10) { // while there is a store
			later = keysOf(t, p.Process.Pid)
		}
	}
	laterPages, laterFiles := measure()
	t.Logf("%d keys after %d steps, %d near the end", keys, 25*(early-1), later)
	if later > keys+4 { // two for each time that rank 0 works alone, until all have read them
		t.Error("the store grows")
	}
	for rank := range 2 {
		before, after := pages[rank]*os.Getpagesize()>>10, laterPages[rank]*os.Getpagesize()>>10
		t.Logf("rank %d: %d kB after %d steps, %d kB after %d; %d and %d files", rank, before, 25*(early-1), after, steps, files[rank],
			laterFiles[rank])
		if after > before+8<<10 || laterFiles[rank] > files[rank]+2 {
			t.Errorf("rank %d: memory or files grow", rank)
		}
	}
	if code, text := p.end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, cmp.Or(text, "no output"))
	}
}
