package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"contralens/dist"
	"contralens/internal/humanize"
	"contralens/torch"
	group "contralens/torch/dist"
)

// report is what a rank tells the others about its machine.
type report struct {
	Host    string `json:"host"`
	Address string `json:"address"` // at which Gloo listens
	Network string `json:"network"` // the interface that has it
	Port    int    `json:"port"`    // at which the rank listens for this check
	GPUs    int    `json:"gpus"`
	Local   int    `json:"local"` // ranks on its machine
	NCCL    bool   `json:"nccl"`
	Error   string `json:"error,omitempty"` // why it does not listen
}

// dialTime is how long a rank tries to reach another one.
const dialTime = 3 * time.Second

// reach lets each rank connect to each, as Gloo will.
func (c *checked) reach(ctx context.Context) error {
	own := report{
		GPUs: torch.CUDADevices(), Local: c.Launch.LocalSize, NCCL: slices.Contains(group.Backends(), group.NCCL),
		Host: c.member.Hellos()[c.Launch.Rank].Host,
	}
	var err error
	if own.Address, own.Network, err = group.Listens(c.Launch.Host, c.Launch.Port); err == nil {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(own.Address, "0")); err == nil {
			defer l.Close()
			go accept(l)
			own.Port = l.Addr().(*net.TCPAddr).Port
		}
	}
	if err != nil {
		own.Error = err.Error()
	}
	texts, err := c.exchanged("report", own)
	if err != nil {
		return err
	}
	c.reports = make([]report, len(texts))
	for rank, text := range texts {
		if err := json.Unmarshal(text, &c.reports[rank]); err != nil {
			return fmt.Errorf("rank %d sent a report that is not one of contralens: %w", rank, err)
		}
	}
	if texts, err = c.exchanged("unreached", c.unreached(ctx)); err != nil {
		return err
	}
	var unreached [][]int
	for _, text := range texts {
		var ranks []int
		if err := json.Unmarshal(text, &ranks); err != nil {
			return err
		}
		unreached = append(unreached, ranks)
	}
	f := network(c.reports, unreached)
	if f.Problem != "" {
		return fmt.Errorf("%s", f.Problem) // all ranks find the same
	}
	c.report(f)
	return nil
}

func accept(l net.Listener) {
	for {
		way, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		way.Close()
	}
}

// exchanged tells the other ranks something and returns what each of them tells. It returns after
// all have told.
func (c *checked) exchanged(name string, own any) (texts [][]byte, err error) {
	key := func(rank int) string { return name + "/" + strconv.Itoa(rank) }
	text, err := json.Marshal(own)
	if err == nil {
		err = c.table.Set(key(c.Launch.Rank), text)
	}
	for rank := 0; rank < c.Launch.Size && err == nil; rank++ {
		if text, err = c.table.Get(key(rank)); err == nil {
			texts = append(texts, text)
		}
	}
	return texts, err
}

// unreached returns the ranks to which this one cannot connect.
func (c *checked) unreached(ctx context.Context) []int {
	ranks := []int{} // not null
	var mutex sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, 16) // connections at a time
	for rank, r := range c.reports {
		if r.Port == 0 {
			continue // it says why
		}
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			d := net.Dialer{Timeout: dialTime}
			way, err := d.DialContext(ctx, "tcp", net.JoinHostPort(r.Address, strconv.Itoa(r.Port)))
			if err == nil {
				way.Close()
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			ranks = append(ranks, rank)
		})
	}
	all.Wait()
	slices.Sort(ranks)
	return ranks
}

// network says at which interfaces the ranks listen, and which of them do not reach each other:
// unreached has those that each rank did not reach.
func network(reports []report, unreached [][]int) Finding {
	f := Finding{What: "network"}
	var hosts []string
	for _, r := range reports {
		hosts = append(hosts, r.Host)
	}
	several := len(slices.Compact(slices.Sorted(slices.Values(hosts)))) > 1
	var places []string
	for rank, r := range reports {
		ip := net.ParseIP(r.Address)
		switch {
		case r.Error != "":
			f.Problem = fmt.Sprintf("rank %d (%s): %s", rank, r.Host, r.Error)
		case several && ip != nil && ip.IsLoopback():
			f.Problem = fmt.Sprintf("rank %d (%s) listens at %s, which other machines cannot reach: give the address of rank "+
				"0's machine by a name or number that all know, or name an interface in GLOO_SOCKET_IFNAME",
				rank, r.Host, r.Address)
		}
		if f.Problem != "" {
			return f
		}
		place := fmt.Sprintf("%s (%s) of %s", r.Network, r.Address, r.Host)
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	for rank, missed := range unreached {
		if len(missed) == 0 {
			continue
		}
		r, other := reports[rank], reports[missed[0]]
		f.Problem = fmt.Sprintf("rank %d (%s) cannot connect to rank %d (%s) at %s", rank, r.Host, missed[0], other.Host,
			net.JoinHostPort(other.Address, strconv.Itoa(other.Port)))
		if len(missed) > 1 {
			f.Problem += fmt.Sprintf(" and %s more", humanize.Count(len(missed)-1, "rank"))
		}
		f.Problem += ": open all ports between the nodes, or name another interface in GLOO_SOCKET_IFNAME"
		return f
	}
	if n := len(places); n > 8 {
		places = append(places[:8], fmt.Sprintf("%d more", n-8))
	}
	f.Found = "each rank reaches each, by " + strings.Join(places, ", ")
	return f
}

// exchange is what moves tensors between the ranks.
type exchange struct {
	Finding
	nccl bool
}

// backends says what moves tensors between the ranks.
func backends(reports []report) exchange {
	e := exchange{Finding: Finding{What: "exchange", Found: "Gloo, on the CPU"}}
	gpus, without := 0, -1
	for rank, r := range reports {
		if r.GPUs > 0 {
			gpus++
		}
		if !r.NCCL && without < 0 {
			without = rank
		}
		if r.GPUs > 0 && r.GPUs < r.Local {
			e.Problem = fmt.Sprintf("%d ranks of %s share %s: start as many as there are, or train with --device cpu",
				r.Local, r.Host, humanize.Count(r.GPUs, "GPU"))
		}
	}
	switch {
	case gpus == 0 && without >= 0:
		e.Found += "; NCCL is not in this build, and there is no GPU"
	case gpus == 0:
		e.Found += "; NCCL is in this build, but there is no GPU"
	case gpus < len(reports):
		e.Problem = fmt.Sprintf("%d of %d ranks see a GPU: give each one, or train with --device cpu", gpus, len(reports))
	case without >= 0:
		e.Problem = fmt.Sprintf("the engine of rank %d (%s) has no NCCL, by which GPUs exchange tensors: install the "+
			"headers of NCCL and run contralens engine build, or train with --device cpu", without, reports[without].Host)
	case e.Problem == "":
		e.Found, e.nccl = "NCCL, between GPUs", true
	}
	return e
}

// Seen returns a function like getenv, and one that returns the variables that were read and are
// set, each with its value.
func Seen(getenv func(string) string) (read func(string) string, seen func() []string) {
	var names []string
	return func(name string) string {
			value := getenv(name)
			if value != "" && name != dist.Spawned {
				names = append(names, name+"="+value)
			}
			return value
		}, func() []string {
			slices.Sort(names)
			return slices.Compact(names)
		}
}
