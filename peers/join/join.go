// Package join meets the other processes that a launcher started, for what they compute together
// with tensors: by signs of life (package dist) and a group of libtorch's c10d (torch/dist).
package join

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"contralens/autotune"
	"contralens/config"
	"contralens/data"
	"contralens/dist"
	"contralens/internal/option"
	"contralens/internal/version"
	"contralens/peers"
	"contralens/torch"
	group "contralens/torch/dist"
	"contralens/world"
)

// Joined is this process among those that a launcher started.
type Joined struct {
	*peers.Peers
	member *dist.Member
	group  *group.Group
	stores []*group.Store
}

// Meeting is where processes meet: the clients of their store, before they know that they belong
// together.
type Meeting struct {
	launch dist.Launch
	timing dist.Timing
	stores []*group.Store
}

// Meet opens the store in which the processes meet, as Stores does.
func Meet(ctx context.Context, l dist.Launch, t dist.Timing, note func(string)) (*Meeting, error) {
	stores, err := Stores(ctx, l, t.Join, note)
	if err != nil {
		return nil, err
	}
	return &Meeting{launch: l, timing: t, stores: stores}, nil
}

// Stores returns two clients of the store in which the processes meet, which rank 0 serves if no
// launcher does: one for the group, and one for the signs of life, so that no wait holds these up. It
// waits for the store at most for limit. note, which may be nil, is told why, by the first process of
// a node.
func Stores(
	ctx context.Context, l dist.Launch, limit time.Duration, note func(string),
) (stores []*group.Store, err error) {
	if err := dist.CheckPort(l); err != nil {
		return nil, err
	}
	if l.LocalRank != 0 || note == nil {
		note = func(string) {}
	}
	if limit <= 0 {
		limit = group.DefaultTimeout
	}
	late := time.Now().Add(limit)
	if err := dist.Reach(ctx, l, limit, note); err != nil {
		return nil, err
	}
	if !l.Serves() {
		silent := time.AfterFunc(5*time.Second, func() {
			note(fmt.Sprintf("a program listens at %s but does not answer yet", l.Address()))
		})
		defer silent.Stop()
	}
	for i := range 2 {
		s, err := group.NewTCPStore(ctx, group.TCPOptions{
			Host: l.Host, Port: l.Port, Server: i == 0 && l.Serves(), World: l.Size, Timeout: limit, Late: late,
		})
		if err != nil {
			for _, s := range stores {
				s.Close()
			}
			return nil, err
		}
		stores = append(stores, s)
	}
	return stores, nil
}

// Choose settles something on rank 0, before processes join, and returns on every rank what that came
// to. f runs on rank 0 alone, and the others wait for it as long as for a rank to come, or until ctx
// ends.
func (m *Meeting) Choose(ctx context.Context, f func() (string, error)) (string, error) {
	s := dist.Prefix(m.stores[0], m.launch.Prefix())
	if m.launch.Rank == 0 {
		text, err := f()
		if err == nil {
			err = s.Set(dist.Choice, []byte(text))
		}
		return text, err
	}
	for late := time.Now().Add(m.timing.Join); ; time.Sleep(20 * time.Millisecond) {
		if err := dist.Refused(s, m.launch); errors.As(err, new(*dist.Lost)) || errors.As(err, new(*dist.Disagreement)) {
			return "", err
		}
		switch ok, err := s.Check(dist.Choice); {
		case err != nil:
			return "", fmt.Errorf("rank 0, which measures for all, cannot be reached: %w", err)
		case ok:
			text, err := s.Get(dist.Choice)
			return string(text), err
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case m.timing.Join > 0 && time.Now().After(late):
			return "", fmt.Errorf("rank 0 has not come, or still measures what trains fastest, after %v (--dist_join): "+
				"give --precision and --memory_format, or more time", m.timing.Join)
		}
	}
}

// ChooseMachine lets rank 0 settle precision and memory format for all: measure sets them in m where
// they are left open. What each process measured would disturb the others, and they must compute alike.
func (m *Meeting) ChooseMachine(ctx context.Context, c *config.Machine, measure func() error) error {
	text, err := m.Choose(ctx, func() (string, error) {
		err := measure()
		return c.Precision + " " + c.MemoryFormat, err
	})
	if err != nil {
		return err
	}
	precision, format, _ := strings.Cut(text, " ")
	if c.Precision == autotune.Auto {
		c.Precision = precision
	}
	if c.MemoryFormat == autotune.Auto {
		c.MemoryFormat = format
	}
	return nil
}

// Fail ends a meeting after which this process did not join, because of err, if that is one. The others
// hear of it. A nil meeting is none.
func (m *Meeting) Fail(err error) {
	switch {
	case m == nil:
	case err == nil:
		m.Close()
	default:
		wrong := errors.As(err, new(*config.ValueError)) || errors.As(err, new(*option.Error))
		dist.Refuse(m.stores[0], m.launch, err, wrong) // the store lives as long as this process
	}
}

// Close ends the use of the store.
func (m *Meeting) Close() {
	for _, s := range m.stores {
		s.Close()
	}
}

// Join joins the processes that have met. Those that would compute something else together (see
// dist.Hello) are found here, before anything is written. Tensors of exchanges are on the device.
func (m *Meeting) Join(
	ctx context.Context, h dist.Hello, device torch.Device, hooks dist.Hooks,
) (j *Joined, err error) {
	l, t := m.launch, m.timing
	j = &Joined{stores: m.stores}
	if j.member, err = dist.Join(ctx, j.stores[1], l, h, t, hooks); err != nil {
		return nil, err
	}
	o := group.Options{Rank: l.Rank, Size: l.Size, Device: device}
	if o.Backend, err = backend(device, group.Backends(), l.Gloo); err != nil {
		return nil, j.End(false, err)
	}
	if o.Timeout = time.Minute; t.Stall > 0 {
		o.Timeout += t.Stall // signs of life tell of a failure first
	}
	if j.group, err = group.NewGroup(group.Prefix(j.stores[0], l.Prefix()+"group"), o); err != nil {
		return nil, j.End(false, err)
	}
	j.Peers = Through(j.group)
	j.Group = telling{j.group, j.member}
	plain := j.NewReducer
	j.NewReducer = func(parameters []*torch.Tensor, layout [][]int) (peers.Reducer, error) {
		r, err := plain(parameters, layout)
		return tellingReducer{r, j.member}, err
	}
	j.World, j.Device = World(l), device
	j.Alone = func(f func() error) error { return j.member.Alone(context.WithoutCancel(ctx), f) }
	j.At = j.member.At
	for rank, h := range j.member.Hellos() {
		j.Names = append(j.Names, fmt.Sprintf("rank %d (%s)", rank, h.Host))
	}
	return j, nil
}

// World is that of a launch, with the number of processes on each node.
func World(l dist.Launch) world.World {
	w := l.World()
	w.Node = l.LocalSize
	return w
}

// Through returns the peers in a group.
func Through(g *group.Group) *peers.Peers {
	return &peers.Peers{
		World: world.World{Rank: g.Rank(), Size: g.Size()}, Group: g, Backend: g.Backend(),
		NewReducer: func(parameters []*torch.Tensor, layout [][]int) (peers.Reducer, error) {
			r, err := group.NewReducer(g, parameters, layout)
			return reducer{r}, err
		},
	}
}

// telling is a group whose exchanges tell the others that this process waits for them. In Backward of a
// reducer it computes as well, so that nothing is told there.
type telling struct {
	*group.Group
	member *dist.Member
}

func (t telling) AllGather(x *torch.Tensor) []*torch.Tensor {
	defer t.member.Waiting()()
	return t.Group.AllGather(x)
}

func (t telling) AllReduceSum(ts ...*torch.Tensor) {
	defer t.member.Waiting()()
	t.Group.AllReduceSum(ts...)
}

func (t telling) Broadcast(root int, ts ...*torch.Tensor) {
	defer t.member.Waiting()()
	t.Group.Broadcast(root, ts...)
}

func (t telling) AllToAll(out, in *torch.Tensor, outRows, inRows []int) {
	defer t.member.Waiting()()
	t.Group.AllToAll(out, in, outRows, inRows)
}

type tellingReducer struct {
	peers.Reducer
	member *dist.Member
}

func (t tellingReducer) Reduce() {
	defer t.member.Waiting()()
	t.Reducer.Reduce()
}

type reducer struct{ *group.Reducer }

// Layout returns the parameters of each bucket.
func (r reducer) Layout() [][]int { return r.Reducer.Layout() }

// End ends the connection with the others after a work that returned err, and returns the error
// that explains it best. agreed says that all have ended so, as after a stop.
func (j *Joined) End(agreed bool, err error) error {
	if err == nil || agreed {
		if left := j.member.Leave(context.Background()); left != nil && err == nil {
			return left
		}
		j.group.Close()
		for _, s := range j.stores {
			s.Close()
		}
		return err
	}
	// The group is left as it is: to end it would wait for others.
	err = j.Explain(err)
	j.member.Will(err)
	return err
}

// Explain returns why an exchange failed: which process is gone, and how to go on. It returns other
// errors, and those of a nil j, as they are.
func (j *Joined) Explain(err error) error {
	if j == nil || !group.Failed(err) {
		return err
	}
	return j.member.Explain(err)
}

// Hello is what a process tells the others before it begins: its program, and the options of a
// configuration, to which c points, that all must have alike.
func Hello(run string, c any) dist.Hello {
	h := dist.Here()
	h.Run, h.Build, h.Torch = run, version.Commit(), torch.Version()
	h.Options = map[string]string{}
	for _, f := range config.Fields(c) {
		if !f.Runtime && !f.Ignored {
			h.Options["--"+f.Name] = f.String()
		}
	}
	return h
}

// NamesOf returns a hash of the names of about a thousand images, spread over a dataset, below
// its folder.
func NamesOf(d data.Dataset, folder string) string {
	sum := sha256.New()
	n := d.Len()
	for i := 0; i < n; i += max(1, n/1000) {
		name := d.Path(i)
		if below, err := filepath.Rel(folder, name); err == nil {
			name = below
		}
		fmt.Fprintln(sum, name, d.Label(i))
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// backend is the one for the tensors of a device, of those that the engine has. gloo says that Gloo is wanted.
func backend(d torch.Device, has []string, gloo bool) (string, error) {
	switch {
	case d.IsCPU():
		return group.Gloo, nil
	case gloo:
		return "", &config.ValueError{
			Option: "dist-backend", Want: "nccl, because Gloo exchanges no tensors of GPUs", Got: "gloo",
			Hint: "or --device cpu",
		}
	case slices.Contains(has, group.NCCL):
		return group.NCCL, nil
	}
	return "", errors.New("several processes exchange tensors of GPUs by NCCL, which this engine has not: install the " +
		"headers of NCCL and run contralens engine build, or train with --device cpu")
}
