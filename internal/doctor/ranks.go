package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"contralens/dist"
	"contralens/internal/humanize"
	"contralens/peers/join"
	"contralens/torch"
	group "contralens/torch/dist"
)

// Ranks checks what the processes of a job need to train together. Each of them calls Examine.
type Ranks struct {
	Launch  dist.Launch
	Join    time.Duration // for all ranks to come
	Version string        // of the program; ranks must have one
	Report  func(Finding) // called on rank 0 as soon as something is known
	Note    func(string)  // tells the user what is waited for
	Fail    func()        // ends this process after the last Report, because another rank is gone
}

// collective limits how long a rank waits for the others in one exchange.
const collective = 30 * time.Second

// gradients is the size of what a step of ResNet-50 with a head of two layers sums over the ranks:
// 28.0 million numbers of 4 bytes.
const gradients = 28_000_000

// Examine meets the other ranks, tries whether each reaches each, and measures a sum over all of
// them. Rank 0 reports. The error is what ends the check of this rank early; on rank 0 it has been
// reported as the problem of a Finding.
func (r *Ranks) Examine(ctx context.Context) error {
	c := &checked{Ranks: r}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"meeting", c.meet}, {"ranks", c.join}, {"network", c.reach}, {"exchange", c.connect}, {"clocks", c.clocks},
		{"sums", c.sums},
	} {
		err := torch.Run(func() error { return step.do(ctx) })
		if err == nil {
			continue
		}
		if group.Failed(err) && c.member != nil {
			err = c.member.Explain(err)
		}
		r.report(Finding{What: step.what, Problem: err.Error()})
		if c.member != nil {
			c.member.Will(err)
		}
		return err // the group is left as it is: to end it would wait for others
	}
	if err := c.member.Leave(ctx); err != nil {
		return err
	}
	c.close()
	return nil
}

func (r *Ranks) report(f Finding) {
	if r.Launch.Rank == 0 {
		r.Report(f)
	}
}

// Launcher says what started the processes and where they meet. seen are the variables of the
// launcher, each with its value.
func Launcher(l dist.Launch, seen []string) []Finding {
	found := []Finding{{What: "launcher", Found: l.String()}} // torchrun: rank 0 of 8, …
	if len(seen) > 0 {
		found = append(found, Finding{What: "variables", Found: strings.Join(seen, " ")})
	}
	for _, note := range l.Notes {
		found = append(found, Finding{What: "launcher", Found: note})
	}
	return found
}

// checked is what one check has opened.
type checked struct {
	*Ranks
	stores  []*group.Store
	table   *group.Store // of this check
	member  *dist.Member
	group   *group.Group
	reports []report
	device  torch.Device
}

func (c *checked) close() {
	c.group.Close()
	c.table.Close()
	for _, s := range c.stores {
		s.Close()
	}
}

// meet opens the store, or connects to it.
func (c *checked) meet(ctx context.Context) error {
	l := c.Launch
	var err error
	if c.stores, err = join.Stores(ctx, l, c.Join, c.Note); err != nil {
		return err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, l.Host)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("port %d of %s is open", l.Port, l.Host)
	if !slices.Contains(addresses, l.Host) {
		text += " (" + strings.Join(addresses, ", ") + ")"
	}
	c.report(Finding{What: "meeting", Found: text})
	return nil
}

// join waits for all ranks, and compares their programs.
func (c *checked) join(ctx context.Context) (err error) {
	hello := dist.Here()
	hello.Run, hello.Build, hello.Torch = "doctor", c.Version, torch.Version()
	began := time.Now()
	c.member, err = dist.Join(ctx, c.stores[1], c.Launch, hello, dist.Timing{Join: c.Join, Timeout: 2 * collective},
		dist.Hooks{Note: c.Note, Fail: func(err error) {
			c.report(Finding{What: "ranks", Problem: err.Error()})
			c.Fail()
		}})
	if err != nil {
		return err
	}
	hosts := map[string]bool{}
	for _, h := range c.member.Hellos() {
		hosts[h.Host] = true
	}
	c.report(Finding{What: "ranks", Found: fmt.Sprintf("all %d came in %s, from %s, with contralens %s and libtorch %s",
		c.Launch.Size, humanize.Duration(time.Since(began)), humanize.Count(len(hosts), "host"), hello.Build, hello.Torch)})
	c.table = group.Prefix(c.stores[0], c.Launch.Prefix()+"doctor")
	return nil
}

// connect makes the group, with NCCL if every rank has it and a GPU.
func (c *checked) connect(context.Context) error {
	o := group.Options{Rank: c.Launch.Rank, Size: c.Launch.Size, Backend: group.Gloo, Timeout: collective}
	f := backends(c.reports)
	if f.nccl {
		o.Backend, o.Device = group.NCCL, torch.CUDA(c.Launch.LocalRank)
		c.device = o.Device
	}
	var err error
	if c.group, err = group.NewGroup(c.table, o); err != nil {
		return fmt.Errorf("%w: Gloo listens at ports of its own, so open all ports between the nodes, or name "+
			"another network interface in GLOO_SOCKET_IFNAME", err)
	}
	c.report(f.Finding)
	return nil
}

// clocks compares the clocks of the ranks with that of rank 0.
func (c *checked) clocks(context.Context) error {
	least := make([]time.Duration, c.Launch.Size)
	for round := range 5 { // the one in which ranks left the barrier closest to each other counts
		c.group.Barrier()
		for rank, ns := range c.gathered(time.Now().UnixNano()) {
			d := time.Duration(ns[1] - ns[0])
			if round == 0 || d.Abs() < least[rank].Abs() {
				least[rank] = d
			}
		}
	}
	c.report(clocks(least, c.member.Hellos()))
	return nil
}

// gathered returns a number of rank 0 and of each rank.
func (c *checked) gathered(n int64) [][2]int64 {
	var pairs [][2]int64
	torch.Scoped(func() {
		all := c.group.Gather(torch.FromInt64([]int64{n}, 1)).Int64s()
		for _, x := range all {
			pairs = append(pairs, [2]int64{all[0], x})
		}
	})
	return pairs
}

// tolerance is how far clocks may be apart before it is a problem.
const tolerance = 2 * time.Second

// clocks says how far the clocks of the ranks are from rank 0's.
func clocks(apart []time.Duration, hellos []*dist.Hello) Finding {
	worst := 0
	for rank, d := range apart {
		if d.Abs() > apart[worst].Abs() {
			worst = rank
		}
	}
	f := Finding{What: "clocks", Found: fmt.Sprintf("at most %s apart", milliseconds(apart[worst].Abs()))}
	if apart[worst].Abs() > tolerance {
		f.Problem = fmt.Sprintf("the clock of %s is %s off that of %s, so times in logs and records mislead: start chrony "+
			"or systemd-timesyncd on both", hellos[worst].Host, humanize.Duration(apart[worst].Abs()), hellos[0].Host)
	}
	return f
}

// sums tries a sum over the ranks, and measures it.
func (c *checked) sums(context.Context) (err error) {
	n := c.Launch.Size
	torch.Scoped(func() {
		one := torch.FromFloat32([]float32{float32(c.Launch.Rank + 1)}, 1).ToDevice(c.device)
		c.group.AllReduceSum(one)
		if got, want := one.Item(), float64(n*(n+1)/2); got != want {
			err = fmt.Errorf("a sum over the ranks is %v, want %v: the network or the memory of a machine changes bits",
				got, want)
			return
		}
		all := torch.Zeros([]int{gradients}).ToDevice(c.device)
		latency, whole := c.timed(one, 30), c.timed(all, 3)
		c.report(Finding{What: "sums", Found: speed(n, latency, whole)})
	})
	return err
}

// timed returns how long a sum takes, the median of some. The first one is not counted.
func (c *checked) timed(t *torch.Tensor, times int) time.Duration {
	var took []time.Duration
	for i := range times + 1 {
		began := time.Now()
		c.group.AllReduceSum(t)
		t.Narrow(0, 0, 1).Item() // waits for a GPU
		if i > 0 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// speed says how long sums over n ranks take. In a ring, each rank sends 2(n-1)/n of the tensor.
func speed(n int, one, all time.Duration) string {
	const bytes = 4 * gradients
	rate := 2 * float64(n-1) / float64(n) * bytes / all.Seconds() / 1e9
	return fmt.Sprintf("%d MB, the gradients of a ResNet-50, in %s (%s GB/s a rank); one number in %s",
		bytes/1_000_000, milliseconds(all), humanize.Number(rate), milliseconds(one))
}

func milliseconds(d time.Duration) string {
	return humanize.Number(float64(d.Microseconds())/1000) + " ms"
}
