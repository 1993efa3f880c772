package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/dist"
)

// Two ranks of each of two machines, which have a GPU for each rank.
func machines(change func([]report)) []report {
	all := []report{
		{Host: "a", Address: "10.0.0.1", Network: "eth0", Port: 1, GPUs: 2, Local: 2, NCCL: true},
		{Host: "a", Address: "10.0.0.1", Network: "eth0", Port: 2, GPUs: 2, Local: 2, NCCL: true},
		{Host: "b", Address: "10.0.0.2", Network: "eth0", Port: 3, GPUs: 2, Local: 2, NCCL: true},
		{Host: "b", Address: "10.0.0.2", Network: "eth0", Port: 4, GPUs: 2, Local: 2, NCCL: true},
	}
	if change != nil {
		change(all)
	}
	return all
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		change    func([]report)
		unreached [][]int
		want      string
	}{
		{nil, [][]int{{}, {}, {}, {}}, "each rank reaches each, by eth0 (10.0.0.1) of a, eth0 (10.0.0.2) of b"},
		{nil, [][]int{{}, {2, 3}, {}, {}}, "rank 1 (a) cannot connect to rank 2 (b) at 10.0.0.2:3 and 1 rank more: open all ports"},
		{func(r []report) { r[2].Address = "127.0.1.1" }, nil, "rank 2 (b) listens at 127.0.1.1, which other machines cannot reach"},
		{func(r []report) { r[3].Error = "no interface" }, nil, "rank 3 (b): no interface"},
		{func(r []report) {
			for i := range r {
				r[i].Host, r[i].Address, r[i].Network = "a", "127.0.0.1", "lo"
			}
		}, nil, "each rank reaches each, by lo (127.0.0.1) of a"},
	} {
		f := network(machines(c.change), c.unreached)
		if got := f.Found + f.Problem; !strings.HasPrefix(got, c.want) || f.Found != "" && f.Problem != "" {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestBackends(t *testing.T) {
	none := func(r []report) {
		for i := range r {
			r[i].GPUs, r[i].NCCL = 0, false
		}
	}
	for _, c := range []struct {
		change         func([]report)
		found, problem string
		nccl           bool
	}{
		{nil, "NCCL, between GPUs", "", true},
		{none, "Gloo, on the CPU; NCCL is not in this build, and there is no GPU", "", false},
		{func(r []report) { none(r); r[0].NCCL, r[1].NCCL, r[2].NCCL, r[3].NCCL = true, true, true, true },
			"Gloo, on the CPU; NCCL is in this build, but there is no GPU", "", false},
		{func(r []report) { r[2].GPUs, r[3].GPUs = 0, 0 }, "Gloo, on the CPU", "2 of 4 ranks see a GPU", false},
		{func(r []report) { r[2].GPUs, r[3].GPUs = 1, 1 }, "Gloo, on the CPU", "2 ranks of b share 1 GPU: start as many", false},
		{func(r []report) { r[3].NCCL = false }, "Gloo, on the CPU", "the engine of rank 3 (b) has no NCCL", false},
	} {
		e := backends(machines(c.change))
		if e.Found != c.found || !strings.HasPrefix(e.Problem, c.problem) || (c.problem == "") != (e.Problem == "") || e.nccl != c.nccl {
			t.Errorf("%+v, want %+v", e, c)
		}
	}
}

func TestClocks(t *testing.T) {
	hellos := []*dist.Hello{{Host: "a"}, {Host: "b"}}
	if f := clocks([]time.Duration{0, -1500 * time.Microsecond}, hellos); f.Found != "at most 1.5 ms apart" || f.Problem != "" {
		t.Errorf("%+v", f)
	}
	f := clocks([]time.Duration{0, -time.Minute}, hellos)
	if !strings.HasPrefix(f.Problem, "the clock of b is 60 s") || !strings.Contains(f.Problem, " off that of a, ") {
		t.Errorf("%+v", f)
	}
}

// Of 4 ranks, each sends 3/2 of the 112 MB.
func TestSpeed(t *testing.T) {
	want := "112 MB, the gradients of a ResNet-50, in 168 ms (1 GB/s a rank); one number in 0.2 ms"
	if got := speed(4, 200*time.Microsecond, 168*time.Millisecond); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSeen(t *testing.T) {
	read, seen := Seen(func(name string) string {
		return map[string]string{"RANK": "1", "WORLD_SIZE": "2", "HOME": "h", dist.Spawned: "x"}[name]
	})
	for _, name := range []string{"WORLD_SIZE", "RANK", "RANK", "LOCAL_RANK", dist.Spawned} {
		read(name)
	}
	if got := seen(); !slices.Equal(got, []string{"RANK=1", "WORLD_SIZE=2"}) {
		t.Errorf("%q", got)
	}
}
