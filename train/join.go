package train

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/dist"
	"contralens/internal/version"
	"contralens/torch"
	group "contralens/torch/dist"
)

// joined is this process among those that a launcher started.
type joined struct {
	member *dist.Member
	group  *group.Group
	stores []*group.Store
}

// join meets the other processes of the run, and gives them to it. Processes that would train
// something else together are found here, before anything is written.
func join(ctx context.Context, r *Run, l dist.Launch, t dist.Timing) (*joined, error) {
	if err := dist.CheckPort(l); err != nil {
		return nil, err
	}
	hello, err := r.hello()
	if err != nil {
		return nil, err
	}
	j := &joined{}
	// One client is for the group. The signs of life have one of their own, that no wait holds up.
	for i := range 2 {
		s, err := group.NewTCPStore(group.TCPOptions{
			Host: l.Host, Port: l.Port, Server: i == 0 && l.Serves(), World: l.Size, Timeout: t.Join,
		})
		if err != nil {
			return nil, err
		}
		j.stores = append(j.stores, s)
	}
	hooks := dist.Hooks{Note: func(s string) { r.say("note: %s", s) }, Advice: r.advice}
	if j.member, err = dist.Join(ctx, j.stores[1], l, hello, t, hooks); err != nil {
		return nil, err
	}
	o := group.Options{Rank: l.Rank, Size: l.Size, Device: r.Model.Device(), Backend: backend(r.Model.Device())}
	if o.Timeout = time.Minute; t.Stall > 0 {
		o.Timeout += t.Stall // signs of life tell of a failure first
	}
	if j.group, err = group.NewGroup(group.Prefix(j.stores[0], l.Prefix()+"group"), o); err != nil {
		return nil, j.end(err)
	}
	p := Through(j.group)
	p.Alone = func(f func() error) error { return j.member.Alone(context.WithoutCancel(ctx), f) }
	p.At = j.member.At
	for rank, h := range j.member.Hellos() {
		p.Names = append(p.Names, fmt.Sprintf("rank %d (%s)", rank, h.Host))
	}
	if err := r.Connect(p); err != nil {
		return nil, j.end(err)
	}
	return j, nil
}

// ownGPU gives each process of a machine its own of so many GPUs, unless a launcher shows each
// process one alone.
func ownGPU(m *config.Machine, l dist.Launch, gpus int) error {
	switch {
	case l.LocalSize <= 1:
		return nil
	case m.GPU != "" || m.Device != "auto" && m.Device != "cuda":
		return &config.ValueError{
			Option: "device", Want: "auto, cuda or cpu with several processes", Got: m.DeviceName(),
			Hint: "each takes the GPU of its own rank",
		}
	case l.LocalRank >= gpus:
		return &config.ValueError{
			Option: "device", Want: fmt.Sprintf("a GPU for each of the %d processes of this machine", l.LocalSize), Got: gpus,
			Hint: "start fewer processes, or give --device cpu",
		}
	}
	m.Device = fmt.Sprintf("cuda:%d", l.LocalRank)
	return nil
}

// backend is the one for the tensors of a device.
func backend(d torch.Device) string {
	if !d.IsCPU() && slices.Contains(group.Backends(), group.NCCL) {
		return group.NCCL
	}
	return group.Gloo
}

// exchange begins the names of the group's operators.
const exchange = "dist."

// end ends the connection with the others after a training that returned err, and returns the
// error that explains it best.
func (j *joined) end(err error) error {
	if err == nil || errors.Is(err, ErrStopped) {
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
	var op *torch.Error
	if errors.As(err, &op) && strings.HasPrefix(op.Op, exchange) {
		err = j.member.Explain(err)
	}
	j.member.Will(err)
	return err
}

// hello is what this process tells the others before the first step.
func (r *Run) hello() (h dist.Hello, err error) {
	h = dist.Here()
	h.Run, h.Build, h.Torch = filepath.Base(r.Dir), version.Commit(), torch.Version()
	h.Device, h.Groups = r.Model.Device().String(), r.Model.Groups
	h.Options = map[string]string{}
	for _, f := range config.Fields(&r.Config) {
		if !f.Runtime && !f.Ignored {
			h.Options["--"+f.Name] = f.String()
		}
	}
	h.Folder, h.Images, h.Names = r.Config.DataFolder, r.Train.Len(), namesOf(r.Train, r.Config.DataFolder)
	path := r.saved
	if path == "" {
		path = r.Config.Init
	}
	if path != "" {
		h.Weights, err = checkpoint.SHA256(path)
	}
	return h, err
}

// namesOf returns a hash of the names of about a thousand images, spread over a dataset, below
// its folder.
func namesOf(d data.Dataset, folder string) string {
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

// advice says how to go on after a failure. It may be called from any goroutine.
func (r *Run) advice() string {
	if s := r.good.Load(); s != nil {
		return *s
	}
	return "no checkpoint has been saved yet"
}

// setSaved remembers the newest checkpoint.
func (r *Run) setSaved(path string, step int) {
	r.saved, r.savedStep = path, step
	r.good.Store(new(fmt.Sprintf("the last checkpoint is %s, of step %d: the same command with --resume auto goes on",
		path, step)))
}
