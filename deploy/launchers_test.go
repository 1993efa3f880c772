package deploy

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"contralens/dist"
)

// asRank makes the test binary a process that a launcher starts: it writes what the launcher says
// to a file in the folder that the variable names.
const asRank = "CONTRALENS_TEST_RANK"

func TestMain(m *testing.M) {
	dir := os.Getenv(asRank)
	if dir == "" {
		os.Exit(m.Run())
	}
	os.Exit(rank(dir))
}

// rank returns the exit code that the arguments name for this rank and start: fail=1 lets rank 1
// fail in the first start.
func rank(dir string) int {
	l, err := dist.FromEnvironment(dist.Options{Nodes: -1, Node: -1}, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	text, err := json.Marshal(said{l, l.Serves(), os.Args[1:]})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.%d", l.Restart, l.Rank)), text, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if i := slices.Index(os.Args, "stop"); i > 0 && l.Restart == 0 {
		return 75
	}
	if i := slices.Index(os.Args, "fail"); i > 0 && l.Restart == 0 && l.Rank == 1 {
		dist.WriteErrorFile(fmt.Errorf("rank 1 (pid 4711 on node0): no space left on device"))
		return 1
	}
	return 0
}

type said struct {
	Launch dist.Launch
	Serves bool
	Args   []string
}

// launched runs a script of this folder with the test binary as the program. It returns what each
// rank said in a start, by rank.
func launched(t *testing.T, env []string, script string, args ...string) (starts map[int][]said, output string, err error) {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), script, args...)
	c.Env = append(os.Environ(), append(env, asRank+"="+dir, "CONTRALENS="+os.Args[0])...)
	text, err := c.CombinedOutput()
	return read(t, dir), string(text), err
}

func read(t *testing.T, dir string) map[int][]said {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	starts := map[int][]said{}
	for _, f := range files { // in the order of the ranks, as there are at most ten
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var s said
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		starts[s.Launch.Restart] = append(starts[s.Launch.Restart], s)
	}
	return starts
}

// world checks that the ranks are 0 to n-1 of n on one node, meet at one place, and that one of them
// or the launcher keeps the store.
func world(t *testing.T, source string, n int, ranks []said) {
	t.Helper()
	if len(ranks) != n {
		t.Fatalf("%s: %d ranks, want %d: %+v", source, len(ranks), n, ranks)
	}
	for r, s := range ranks {
		l := s.Launch
		if l.Source != source || l.Rank != r || l.Size != n || l.LocalRank != r || l.LocalSize != n || l.Node != 0 || l.Nodes != 1 {
			t.Errorf("rank %d: %+v", r, l)
		}
		if l.Address() != ranks[0].Launch.Address() || l.Port == 0 || l.Prefix() != ranks[0].Launch.Prefix() {
			t.Errorf("rank %d meets at %s as %s, rank 0 at %s as %s", r, l.Address(), l.Prefix(), ranks[0].Launch.Address(), ranks[0].Launch.Prefix())
		}
		if s.Serves != (r == 0 && !l.Agent) || strings.Join(s.Args[:2], " ") != "contrast --resume" {
			t.Errorf("rank %d: %+v", r, s)
		}
	}
}

// program returns the path of a launcher, and skips the test without it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("not run: %s is not installed", name)
	}
	return path
}

// torchrun restarts all ranks when one fails, with another prefix, and shows its sentence. TORCHRUN
// names another one than Debian's.
func TestTorchrun(t *testing.T) {
	torchrun := os.Getenv("TORCHRUN")
	if torchrun == "" {
		// Without logs in files, torchrun 1.13 fails on Python 3.11.
		torchrun = program(t, "torchrun") + " -r 1 -t 1 --monitor_interval 0.1 --log_dir " + t.TempDir()
	}
	if _, err := net.LookupHost("localhost"); err != nil {
		t.Skip("not run: torchrun asks for localhost, a name this machine does not know")
	}
	for _, meet := range []string{"", "MEET=127.0.0.1:" + strconv.Itoa(29000+os.Getpid()%1000)} {
		starts, output, err := launched(t, []string{"TORCHRUN=" + torchrun, "PROCESSES=3", "NODES=1", "RESTARTS=1", meet},
			"./torchrun.sh", "contrast", "--resume", "auto", "fail")
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		for start := range 2 {
			world(t, "torchrun", 3, starts[start])
		}
		if a, b := starts[0][0].Launch.Prefix(), starts[1][0].Launch.Prefix(); a == b {
			t.Errorf("both starts have prefix %s", a)
		}
	}
	_, output, err := launched(t, []string{"TORCHRUN=" + torchrun, "PROCESSES=2", "RESTARTS=0"},
		"./torchrun.sh", "contrast", "--resume", "auto", "fail")
	if err == nil || !strings.Contains(output, "rank 1 (pid 4711 on node0): no space left on device") {
		t.Errorf("%v\n%s", err, output)
	}
}

// Open MPI's mpirun names no address, but the ranks of one host find one.
func TestMpirun(t *testing.T) {
	program(t, "mpirun")
	env := []string{"PROCESSES=3", "MPIRUN_OPTIONS=--oversubscribe", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"}
	starts, output, err := launched(t, env, "./mpirun.sh", "contrast", "--resume", "auto")
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	world(t, "Open MPI", 3, starts[0])
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 slots=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	starts, output, err = launched(t, append(env, "HOSTS="+hosts, "MEET=node0:29500"), "./mpirun.sh", "contrast", "--resume", "auto")
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	world(t, "Open MPI", 3, starts[0])
	if a := starts[0][0].Launch.Address(); a != "node0:29500" {
		t.Errorf("the ranks meet at %s", a)
	}
}

// The scripts name the options that their comments say.
func TestScripts(t *testing.T) {
	for _, file := range []string{"torchrun.sh", "mpirun.sh", "slurm.sbatch"} {
		if output, err := exec.Command("bash", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, output)
		}
	}
}
