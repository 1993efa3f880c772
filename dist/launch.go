package dist

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"contralens/world"
)

// Options are what the user says about processes. The zero values of Rank and Nodes would be
// numbers that a user may give, so -1 stands for an option that was not given.
type Options struct {
	Nodes           int    // world-size: how many nodes train; -1: not given
	Node            int    // rank: the number of this node; -1: not given
	URL             string // dist-url: where the processes meet, tcp://host:port or env://; empty: not given
	Multiprocessing bool   // multiprocessing-distributed: one process for each GPU
	Processes       int    // nproc: processes on this node; 0: not given
	GPUs            int    // that this process sees
}

// Launch is what a launcher, or else the options, say about this process.
type Launch struct {
	Source string // what said it: "torchrun", "Slurm"; empty if this process trains alone

	Rank, Size           int // of this process among all
	LocalRank, LocalSize int // of this process among those of its node
	Node, Nodes          int // of this node among all

	Host  string // where the processes meet
	Port  int
	Agent bool // the launcher keeps the store there, so no rank does

	Run     string // the launcher's name of the job; may be empty
	Restart int    // how often the launcher started it anew

	// Children is the number of processes that this one has to start, ranks Rank to
	// Rank+Children-1. This process is their parent then, and no rank itself.
	Children int

	Gloo bool // the user wants tensors to be exchanged by Gloo

	Notes []string // for the user: what was not taken as given
}

// alone is a training of one process.
func alone() Launch { return Launch{Size: 1, LocalSize: 1, Nodes: 1} }

// Alone reports whether this process trains without others.
func (l Launch) Alone() bool { return l.Size <= 1 && l.Children == 0 }

// Serves reports whether this process keeps the store.
func (l Launch) Serves() bool { return l.Rank == 0 && !l.Agent }

// Address returns host:port of the store.
func (l Launch) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// Prefix is what all keys of this start of the job begin with. Keys that another start left in
// the store are so never read.
func (l Launch) Prefix() string {
	run := l.Run
	if run == "" {
		run = "run"
	}
	return fmt.Sprintf("contralens/%s/%d/", strings.ReplaceAll(run, "/", "_"), l.Restart)
}

// World returns the rank among all processes.
func (l Launch) World() world.World { return world.World{Rank: l.Rank, Size: max(l.Size, 1)} }

// String describes the launch for a log.
func (l Launch) String() string {
	switch {
	case l.Alone():
		return "one process"
	case l.Children > 0:
		return fmt.Sprintf("%s: starts ranks %d to %d of %d, which meet at %s",
			l.Source, l.Rank, l.Rank+l.Children-1, l.Size, l.Address())
	default:
		return fmt.Sprintf("%s: rank %d of %d, %d of %d on node %d of %d, which meet at %s",
			l.Source, l.Rank, l.Size, l.LocalRank, l.LocalSize, l.Node, l.Nodes, l.Address())
	}
}

// check returns an error if the numbers of a launcher cannot be.
func (l Launch) check() error {
	switch {
	case l.Size < 1 || l.Rank < 0 || l.Rank >= l.Size:
		return fmt.Errorf("%s: want a rank from 0 to %d, got %d", l.Source, max(l.Size-1, 0), l.Rank)
	case l.LocalSize < 1 || l.LocalRank < 0 || l.LocalRank >= l.LocalSize:
		return fmt.Errorf("%s: want a local rank from 0 to %d, got %d", l.Source, max(l.LocalSize-1, 0), l.LocalRank)
	case l.LocalSize > l.Size:
		return fmt.Errorf("%s: want at most %d processes on this node, as many as there are in all, got %d",
			l.Source, l.Size, l.LocalSize)
	}
	return nil
}

// environment reads variables, and keeps the first error.
type environment struct {
	get    func(string) string
	source string
	err    error
}

func (e *environment) has(names ...string) bool {
	for _, name := range names {
		if e.get(name) == "" {
			return false
		}
	}
	return true
}

func (e *environment) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(e.source+": "+format, args...)
	}
}

// int returns the number that a variable has.
func (e *environment) int(name string) int {
	n, err := strconv.Atoi(e.get(name))
	if err != nil {
		e.fail("want a whole number in %s, got %q", name, e.get(name))
	}
	return n
}

// intOr returns the number that a variable has, or another if it is not set.
func (e *environment) intOr(name string, other int) int {
	if !e.has(name) {
		return other
	}
	return e.int(name)
}
