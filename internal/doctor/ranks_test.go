package doctor

import (
	"os"
	"strings"
	"testing"
	"time"

	"contralens/dist"
)

// The interfaces at which ranks listen, and why ranks cannot reach each other.
func TestNetwork(t *testing.T) {
	a := report{Host: "node0", Address: "10.0.0.1", Network: "eth0", Port: 1000}
	b := report{Host: "node1", Address: "10.0.0.2", Network: "eth0", Port: 2000}
	loop := report{Host: "node1", Address: "127.0.1.1", Network: "lo", Port: 2000}
	deaf := report{Host: "node1", Error: "group: no way leads to node0"}
	same := report{Host: "node0", Address: "127.0.0.1", Network: "lo", Port: 1}
	for _, c := range []struct {
		name      string
		reports   []report
		unreached [][]int
		found     string
		problem   string
	}{
		{"one machine", []report{same, same}, [][]int{{}, {}}, "each rank reaches each, by lo (127.0.0.1) of node0", ""},
		{"two machines", []report{a, b}, [][]int{{}, {}}, "by eth0 (10.0.0.1) of node0, eth0 (10.0.0.2) of node1", ""},
		{"a firewall", []report{a, a, b}, [][]int{{}, {2}, {0, 1}}, "", "rank 1 (node0) cannot connect to rank 2 (node1) at 10.0.0.2:2000: open all ports"},
		{"a firewall to several", []report{a, a, b}, [][]int{{}, {}, {0, 1}}, "", "rank 2 (node1) cannot connect to rank 0 (node0) at 10.0.0.1:1000 and 1 rank more"},
		{"loopback", []report{a, loop}, [][]int{{}, {}}, "", "rank 1 (node1) listens at 127.0.1.1, which other machines cannot reach"},
		{"no way", []report{a, deaf}, [][]int{{}, {}}, "", "rank 1 (node1): group: no way leads to node0"},
	} {
		f := network(c.reports, c.unreached)
		if !strings.HasSuffix(f.Found, c.found) || !strings.HasPrefix(f.Problem, c.problem) || (c.problem == "") != (f.Problem == "") {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

// NCCL is used where every rank has it and a GPU of its own.
func TestBackends(t *testing.T) {
	gpu, old, cpu := report{GPUs: 2, Local: 2, NCCL: true}, report{GPUs: 2, Local: 2}, report{Local: 2, NCCL: true}
	crowded := report{Host: "node0", GPUs: 1, Local: 2, NCCL: true}
	for _, c := range []struct {
		name           string
		reports        []report
		nccl           bool
		found, problem string
	}{
		{"GPUs", []report{gpu, gpu}, true, "NCCL, between GPUs", ""},
		{"no GPUs", []report{cpu, cpu}, false, "NCCL is in this build, but there is no GPU", ""},
		{"some GPUs", []report{gpu, cpu}, false, "Gloo", "1 of 2 ranks see a GPU"},
		{"an engine without", []report{gpu, old}, false, "Gloo", "the engine of rank 1 () has no NCCL"},
		{"shared", []report{crowded, crowded}, false, "Gloo", "2 ranks of node0 share 1 GPU"},
	} {
		e := backends(c.reports)
		if e.nccl != c.nccl || !strings.Contains(e.Found, c.found) || !strings.HasPrefix(e.Problem, c.problem) || (c.problem == "") != (e.Problem == "") {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

// Clocks that are seconds apart are a problem, in either direction. A ring of two sends all bytes once.
func TestClocksAndSpeed(t *testing.T) {
	hellos := []*dist.Hello{{Host: "node0"}, {Host: "node1"}, {Host: "node2"}}
	f := clocks([]time.Duration{0, -3 * time.Second, time.Second}, hellos)
	if !strings.Contains(f.Problem, "the clock of node1 is 3 s off that of node0") {
		t.Errorf("%+v", f)
	}
	if f = clocks([]time.Duration{0, -time.Second, time.Millisecond}, hellos); f.Problem != "" || f.Found != "at most 1000 ms apart" {
		t.Errorf("%+v", f)
	}
	if text := speed(2, 500*time.Microsecond, 112*time.Millisecond); !strings.Contains(text, "112 MB") || !strings.Contains(text, "in 112 ms (1 GB/s a rank)") {
		t.Error(text)
	}
}

// The variables of the launcher that were read are told, without the mark of our own parent.
func TestSeen(t *testing.T) {
	t.Setenv("RANK", "3")
	t.Setenv("WORLD_SIZE", "8")
	t.Setenv(dist.Spawned, "1")
	read, seen := Seen(os.Getenv)
	for _, name := range []string{"WORLD_SIZE", "RANK", "RANK", dist.Spawned, "SLURM_PROCID"} {
		read(name)
	}
	if text := strings.Join(seen(), " "); text != "RANK=3 WORLD_SIZE=8" {
		t.Error(text)
	}
}
