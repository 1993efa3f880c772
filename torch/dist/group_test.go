package dist

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/torch"
)

func TestCollectives(t *testing.T) {
	for _, size := range []int{2, 3, 4} {
		run(t, "collectives", size, size == 2)
	}
}

var types = []torch.Dtype{torch.Uint8, torch.Int16, torch.Int32, torch.Int64, torch.Bool, torch.Float16, torch.BFloat16,
	torch.Float32, torch.Float64}

// of is the tensor that a rank has in the tests: its own numbers in two columns.
func of(rank, rows int, dtype torch.Dtype) *torch.Tensor {
	return torch.Arange(2*rows).To(dtype).View(rows, 2).To(torch.Int64).AddScalar(float64(10 * rank)).To(dtype)
}

// collectives holds every collective to its definition, with every type that it takes.
func collectives(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	defer g.Close()
	if g.Rank() != p.rank || g.Size() != p.size || g.Backend() != Gloo {
		return fmt.Errorf("group: got rank %d of %d, %s", g.Rank(), g.Size(), g.Backend())
	}
	var found []error
	hold := func(what string, got, want *torch.Tensor) { found = append(found, equal(what, got, want)) }
	for _, dtype := range types {
		var all []*torch.Tensor
		for rank := range p.size {
			all = append(all, of(rank, 3, dtype))
		}
		own := all[p.rank]
		hold(fmt.Sprint("gather ", dtype), g.Gather(own), torch.Stack(all, 0))
		for rank, got := range g.AllGather(own.T()) { // not contiguous
			hold(fmt.Sprint("all-gather ", dtype), got, all[rank].T().Contiguous())
		}
		one, empty := own.Clone(), torch.Empty([]int{0, 2})
		g.Broadcast(1, one.T(), empty)
		hold(fmt.Sprint("broadcast ", dtype), one, all[1])

		// Rank r sends (r+s) mod 3 rows to rank s: none at all, to some.
		var inRows, outRows []int
		var want []*torch.Tensor
		sent := 0
		for rank := range p.size {
			inRows, outRows = append(inRows, (p.rank+rank)%3), append(outRows, (p.rank+rank)%3)
			sent += inRows[rank]
			from, total := 0, 0
			for s := range p.size {
				if s < p.rank {
					from += (rank + s) % 3
				}
				total += (rank + s) % 3
			}
			want = append(want, of(rank, total, dtype).Narrow(0, from, outRows[rank]))
		}
		got := torch.Zeros([]int{sent, 2}).To(dtype)
		g.AllToAll(got, of(p.rank, sent, dtype), outRows, inRows)
		hold(fmt.Sprint("exchange ", dtype), got, torch.Cat(want, 0))
	}
	for _, dtype := range []torch.Dtype{torch.Int32, torch.Int64, torch.Float32, torch.Float64} {
		want := torch.Zeros([]int{3, 2}).To(dtype)
		for rank := range p.size {
			want = want.Add(of(rank, 3, dtype))
		}
		one, two := of(p.rank, 3, dtype), of(p.rank, 3, dtype)
		g.AllReduceSum(one)
		hold(fmt.Sprint("sum ", dtype), one, want)
		g.AllReduceSum(two.T(), torch.Empty([]int{0}).To(dtype), one)
		hold(fmt.Sprint("sum of a view, ", dtype), two, want)
		hold(fmt.Sprint("sum of a sum, ", dtype), one, want.MulScalar(float64(p.size)).To(dtype))
	}
	torch.Inference(func() { // tensors of inference mode, there and elsewhere
		in := of(p.rank, 3, torch.Float32)
		got := g.Gather(in)
		g.AllReduceSum(in)
		g.Broadcast(0, in)
		g.AllToAll(torch.Empty([]int{p.size, 2}), torch.Ones([]int{p.size, 2}), ones(p.size), ones(p.size))
		hold("sum in inference mode", in, got.To(torch.Float64).SumDim([]int{0}, false).To(torch.Float32))
	})
	leaf := of(p.rank, 3, torch.Float32).SetRequiresGrad(true)
	if got := g.Gather(leaf); got.RequiresGrad() {
		found = append(found, errors.New("gather: the result wants a gradient"))
	}
	for want, f := range map[string]func(){
		"Gloo sums no bfloat16": func() { g.AllReduceSum(of(0, 1, torch.BFloat16)) },
		"want tensors of one":   func() { g.AllReduceSum(of(0, 1, torch.Int32), of(0, 1, torch.Int64)) },
		"numbers of rows":       func() { g.AllToAll(of(0, 1, torch.Int32), of(0, 1, torch.Int32), []int{1}, []int{1}) },
	} {
		err := torch.Run(func() error { f(); return nil })
		if err == nil || !Failed(err) || !strings.Contains(err.Error(), want) {
			found = append(found, fmt.Errorf("want an error with %q, got %v", want, err))
		}
	}
	g.Barrier()
	return errors.Join(found...)
}

func ones(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

// TestGone ends a rank, and stops one: the others' collectives fail.
func TestGone(t *testing.T) {
	r := start(t, "gone", 2, false)
	if r[0].err == nil || !strings.Contains(r[0].output, "gather failed") || strings.Contains(r[0].output, "Timed out") {
		t.Errorf("rank 0 without rank 1: got %v\n%s", r[0].err, r[0].output)
	}
	r = start(t, "stopped", 2, false)
	if r[0].err == nil || !strings.Contains(r[0].output, "gather failed") || !strings.Contains(r[0].output, "Timed out") {
		t.Errorf("rank 0 with a stopped rank 1: got %v\n%s", r[0].err, r[0].output)
	}
}

func gone(p place) error {
	return without(p, time.Minute, func() { os.Exit(1) })
}

// stopped stops rank 1 until rank 0 has failed. Someone else has to wake a stopped process.
func stopped(p place) error {
	pid := os.Getpid()
	if p.rank == 1 {
		if err := p.store.Set("pid", fmt.Append(nil, pid)); err != nil {
			return err
		}
	}
	err := without(p, time.Second, func() { _ = syscall.Kill(pid, syscall.SIGSTOP) })
	if p.rank == 0 {
		text, getErr := p.store.Get("pid")
		if getErr != nil {
			return getErr
		}
		if _, scanErr := fmt.Sscan(string(text), &pid); scanErr != nil {
			return scanErr
		}
		return errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	}
	return err
}

// without gathers once, then leave is called by rank 1, and the others gather again.
func without(p place, timeout time.Duration, leave func()) error {
	g, err := p.group(timeout)
	if err != nil {
		return err
	}
	g.Barrier()
	if p.rank == 1 {
		leave()
	}
	err = torch.Run(func() error { g.Gather(of(p.rank, 1, torch.Float64)); return nil })
	if Failed(err) {
		return fmt.Errorf("gather failed: %w", err)
	}
	return fmt.Errorf("want an error of the group, got %w", err)
}

// Ranks whose exchanges have different sizes end with a sentence, though Gloo finds that on a thread
// where nothing can catch it.
func TestDifferentExchanges(t *testing.T) {
	said := 0
	for rank, r := range start(t, "different", 2, false) {
		if r.err == nil || strings.Contains(r.output, "terminate called") || strings.Contains(r.output, "goroutine ") {
			t.Errorf("rank %d: got %v\n%s", rank, r.err, r.output)
		}
		if strings.Contains(r.output, "contralens: another rank is in a different exchange than this one (Gloo: ") {
			if said++; strings.Count(strings.TrimSpace(r.output), "\n") > 0 {
				t.Errorf("rank %d: want one sentence, got\n%s", rank, r.output)
			}
		}
	}
	if said == 0 {
		t.Error("no rank says that the exchanges differ")
	}
}

func different(p place) error {
	g, err := p.group(20 * time.Second)
	if err != nil {
		return err
	}
	g.Barrier()
	return torch.Run(func() error {
		g.Gather(of(p.rank, 1+1000*p.rank, torch.Float64))
		g.Barrier() // Gloo may have buffered all that one rank waits for; then it misses the other one here
		return nil
	})
}

// TestBackends asks for backends that are not there, or have no GPU.
func TestBackends(t *testing.T) {
	s, err := NewFileStore(filepath.Join(t.TempDir(), "store"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := NewGroup(s, Options{Size: 1, Backend: "mpi"}); err == nil ||
		!strings.Contains(err.Error(), `has no backend "mpi", but gloo`) {
		t.Errorf("mpi: got %v", err)
	}
	if _, err := NewGroup(s, Options{Rank: 2, Size: 2}); err == nil || !strings.Contains(err.Error(), "got rank 2 of size 2") {
		t.Errorf("a wrong rank: got %v", err)
	}
	g, err := NewGroup(s, Options{Size: 1, Backend: NCCL, Device: torch.CUDA(0), Timeout: 10 * time.Second})
	if err == nil {
		g.Close() // a GPU is here
		return
	}
	want := `has no backend "nccl"`
	if slices.Contains(Backends(), NCCL) {
		want = "rank 0 of 1"
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("nccl: got %v, want %q", err, want)
	}
}

func TestAddresses(t *testing.T) {
	file := &Store{}
	for _, c := range []struct {
		environment string
		interfaces  []string
		store       *Store
		want        string
	}{
		{"", nil, file, "[at:127.0.0.1]"},
		{"", nil, &Store{address: "127.0.0.1", port: 1}, "[at:127.0.0.1]"},
		{"lo", nil, file, "[if:lo]"},
		{"lo, lo", nil, file, "[if:lo if:lo]"},
		{"none", []string{"lo"}, file, "[if:lo]"},
		{"none", nil, file, `group: this machine has no network interface "none", but lo`},
	} {
		t.Setenv("GLOO_SOCKET_IFNAME", c.environment)
		got, err := addresses(c.store, c.interfaces)
		text := fmt.Sprint(got)
		if err != nil {
			text = err.Error()
		}
		if !strings.HasPrefix(text, c.want) {
			t.Errorf("%+v: got %s", c, text)
		}
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.LookupHost(name); err != nil || outside() == nil {
		t.Skip("this machine has no name or no address that others could know")
	}
	if got, err := toward(name, 1); err != nil || net.ParseIP(got).IsLoopback() {
		t.Errorf("this machine by its name: got %s, %v, want no loopback address", got, err)
	}
}
