package dist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// brisk makes signs of life frequent: 20 a second.
var brisk = Timing{Join: 20 * time.Second, Timeout: time.Second, Stall: time.Minute}

func launched(rank, size int) Launch {
	return Launch{Source: "test", Rank: rank, Size: size, LocalRank: rank, LocalSize: size, Nodes: 1, Host: "node0", Port: 29500, Run: "job"}
}

// greeting is what a rank says that was started like the others.
func greeting(rank int) Hello {
	return Hello{
		Host: fmt.Sprintf("node%d", rank), PID: 4711, Run: "moco-a", Build: "a1b2c3", Torch: "2.6",
		Options: map[string]string{"--batch_size": "256", "--method": "MoCov2"},
		Folder:  "/data", Images: 1281167, Names: "n1", Weights: "0123456789abcdef", Groups: 4,
	}
}

// joined runs n ranks until all have joined or failed.
func joined(t *testing.T, n int, s func(rank int) Store, change func(rank int, h *Hello), timing Timing, hooks func(rank int) Hooks) ([]*Member, []error) {
	t.Helper()
	members, errs := make([]*Member, n), make([]error, n)
	var all sync.WaitGroup
	for r := range n {
		all.Go(func() {
			h := greeting(r)
			if change != nil {
				change(r, &h)
			}
			var k Hooks
			if hooks != nil {
				k = hooks(r)
			}
			members[r], errs[r] = Join(t.Context(), s(r), launched(r, n), h, timing, k)
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, m := range members {
			if m != nil {
				m.quit()
			}
		}
	})
	return members, errs
}

func shared() func(int) Store {
	m := NewMemory(5 * time.Second)
	return func(int) Store { return m }
}

// Three ranks meet, take turns, and leave; the store is empty of them then.
func TestJoin(t *testing.T) {
	table := NewMemory(5 * time.Second)
	if err := Prefix(table, launched(0, 3).Prefix()).Set(Choice, []byte("fp32")); err != nil {
		t.Fatal(err)
	}
	members, errs := joined(t, 3, func(int) Store { return table }, nil, brisk, nil)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	calls := make([]int, 3)
	for r, m := range members {
		all.Go(func() {
			if len(m.Hellos()) != 3 || m.Hellos()[2].Host != "node2" {
				t.Errorf("rank %d: %+v", r, m.Hellos())
			}
			for step := range 3 {
				m.At(step, "images")
				if err := m.Alone(t.Context(), func() error { calls[r]++; return nil }); err != nil {
					t.Error(err)
				}
				if p := m.at.Load(); p.step != step || p.phase != "images" {
					t.Errorf("rank %d after Alone: %+v", r, p)
				}
			}
			if err := m.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if fmt.Sprint(calls) != "[3 0 0]" {
		t.Errorf("calls of what only rank 0 does: %v", calls)
	}
	for name := range table.values {
		t.Errorf("the store still has %s", name)
	}
}

// Every rank finds the same difference, in the same words.
func TestDisagreement(t *testing.T) {
	for want, change := range map[string]func(*Hello){
		`rank 2 (node2) belongs to run "x", rank 0 to "moco-a"`:                                   func(h *Hello) { h.Run = "x" },
		"rank 2 (node2) runs contralens d4e5f6, rank 0 a1b2c3":                                    func(h *Hello) { h.Build = "d4e5f6" },
		"rank 2 (node2) has libtorch 2.7, rank 0 2.6":                                             func(h *Hello) { h.Torch = "2.7" },
		"rank 2 (node2) was started with --batch_size 512, rank 0 with 256":                       func(h *Hello) { h.Options["--batch_size"] = "512" },
		`rank 2 (node2) was started with --ft posneg, rank 0 with ""`:                             func(h *Hello) { h.Options["--ft"] = "posneg" },
		`rank 2 (node2) was started with --batch_size "", rank 0 with 256`:                        func(h *Hello) { h.Options = nil },
		"rank 2 (node2) sees 1,281,166 images below /data, rank 0 1,281,167 below /data":          func(h *Hello) { h.Images-- },
		"rank 2 (node2) sees images with other names below /mnt than rank 0 below /data":          func(h *Hello) { h.Names, h.Folder = "n2", "/mnt" },
		"rank 2 (node2) starts from other weights than rank 0: SHA-256 none, rank 0 0123456789ab": func(h *Hello) { h.Weights = "" },
		"rank 2 (node2) has 2 batch-norm groups in a batch, rank 0 4":                             func(h *Hello) { h.Groups = 2 },
		"rank 2 (node2) is number 1 of 3 on its node, where --shuffle_bn node wants nodes with 2 each, as rank 0's, and " +
			"ranks that follow each other: take --shuffle_bn exchange": func(h *Hello) { h.PerNode = 3 },
		"rank 2 (node2) is number 2 of 2 on its node, where --shuffle_bn node wants nodes with 2 each, as rank 0's, and " +
			"ranks that follow each other: take --shuffle_bn exchange": func(h *Hello) { h.Place = 1 },
		"": func(h *Hello) { h.Host, h.PID, h.Device, h.Folder = "elsewhere", 1, "cuda:7", "/scratch" },
	} {
		// The owner of the store is checked before, so run names are compared here alone.
		hellos := make([]*Hello, 3)
		for r := range hellos {
			h := greeting(r)
			h.Options["--shuffle_bn"], h.PerNode, h.Place = "node", 2, r%2
			hellos[r] = &h
		}
		change(hellos[2])
		err := verdict(hellos)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, errs := joined(t, 3, shared(), func(rank int, h *Hello) {
		if rank >= 1 {
			h.Options["--batch_size"] = fmt.Sprint(256 + rank)
		}
	}, brisk, nil)
	for rank, err := range errs {
		var d *Disagreement
		if !errors.As(err, &d) || d.Rank != 1 || d.Text != "rank 1 (node1) was started with --batch_size 257, rank 0 with 256" {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// A rank that was started as one of more processes would wait for those that never come.
func TestSizes(t *testing.T) {
	table := NewMemory(time.Second)
	var all sync.WaitGroup
	for rank := range 2 {
		all.Go(func() {
			_, err := Join(t.Context(), table, launched(rank, 2+rank), greeting(rank), brisk, Hooks{})
			var d *Disagreement
			if want := "rank 1 (node1) was started as one of 3 processes, rank 0 as one of 2"; !errors.As(err, &d) || d.Text != want {
				t.Errorf("rank %d: got %v, want %s", rank, err, want)
			}
		})
	}
	all.Wait()
}

func TestMissing(t *testing.T) {
	table := NewMemory(time.Second)
	timing := brisk
	timing.Join = 300 * time.Millisecond
	errs := make([]error, 8)
	var all sync.WaitGroup
	for _, r := range []int{0, 1, 3} {
		all.Go(func() { _, errs[r] = Join(t.Context(), table, launched(r, 8), greeting(r), timing, Hooks{}) })
	}
	all.Wait()
	for _, r := range []int{0, 1, 3} {
		if err := errs[r]; err == nil || err.Error() != "3 of 8 ranks came in 0s; missing: 2, 4 to 7" {
			t.Errorf("rank %d: %v", r, err)
		}
	}
	_, err := Join(t.Context(), NewMemory(time.Second), launched(1, 2), greeting(1), timing, Hooks{})
	var missing *Missing
	if !errors.As(err, &missing) || fmt.Sprint(missing.Ranks) != "[0]" {
		t.Errorf("without rank 0: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped by a signal"))
	if _, err = Join(ctx, NewMemory(time.Second), launched(1, 2), greeting(1), brisk, Hooks{}); err == nil || err.Error() != "stopped by a signal" {
		t.Errorf("canceled: %v", err)
	}
}

// Two trainings that meet at one port are told apart, and so are two processes of one rank.
func TestOccupied(t *testing.T) {
	table := NewMemory(time.Second)
	if err := table.Set("contralens/owner", []byte("moco-a")); err != nil {
		t.Fatal(err)
	}
	h := greeting(1)
	h.Run = "moco-b"
	_, err := Join(t.Context(), table, launched(1, 2), h, brisk, Hooks{})
	var occupied *Occupied
	if want := `the store at node0:29500 belongs to run "moco-a", not to "moco-b": give each training its own port`; !errors.As(err, &occupied) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := table.Add("contralens/job/0/joined/1", 1); err != nil {
		t.Fatal(err)
	}
	_, err = Join(t.Context(), table, launched(1, 2), greeting(1), brisk, Hooks{})
	if !errors.As(err, &occupied) || !strings.HasPrefix(err.Error(), "rank 1 came twice to the store at node0:29500") {
		t.Errorf("twice: %v", err)
	}
}

func TestCheckPort(t *testing.T) {
	l := launched(0, 2)
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	l.Port = listener.Addr().(*net.TCPAddr).Port
	want := fmt.Sprintf("another program listens on port %d, at which the ranks are to meet (a training that still runs?): give another port", l.Port)
	if err := CheckPort(l); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	other := l
	other.Rank = 1 // does not serve
	if err := CheckPort(other); err != nil {
		t.Error(err)
	}
	listener.Close()
	if err := CheckPort(l); err != nil {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	for want, ranks := range map[string][]int{"5": {5}, "3, 5": {3, 5}, "3, 4": {3, 4}, "3 to 5": {3, 4, 5}, "0, 2 to 4, 9, 10": {0, 2, 3, 4, 9, 10}} {
		if got := list(ranks); got != want {
			t.Errorf("%v: %s, want %s", ranks, got, want)
		}
	}
}
