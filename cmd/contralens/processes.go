package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/dist"
	"contralens/torch"
)

// exited is the error of a process whose children have ended with a code and said why.
type exited struct{ status int }

func (e exited) Error() string { return fmt.Sprintf("the processes ended with code %d", e.status) }

// started says which process of how many this is, and how long they wait for each other.
type started struct {
	launch dist.Launch
	timing dist.Timing
}

// join finds out which process of how many this is, as a launcher or the options say. If this
// process has to start the others, it does, waits for them, and returns how they ended with done.
// before, which may be nil, is called before it starts them.
func (s *started) join(d *config.Dist, before func()) (done bool, err error) {
	s.timing = timingOf(d)
	s.launch, err = launchOf(d, os.Getenv)
	if err != nil || s.launch.Children == 0 {
		return false, err
	}
	if err := dist.CheckPort(s.launch); err != nil {
		return true, err
	}
	if before != nil {
		before()
	}
	return true, spawnRanks(s.launch, s.timing.Timeout)
}

func timingOf(d *config.Dist) (t dist.Timing) {
	t.Timeout, t.Stall, t.Join = d.Times()
	return t
}

// launchOf says which process of how many this is, as a launcher or the options say.
func launchOf(d *config.Dist, getenv func(string) string) (dist.Launch, error) {
	url := d.DistURL
	var usual config.Dist
	if config.Defaults(&usual); url == usual.DistURL && d.WorldSize <= 1 {
		url = "" // one machine finds a free port
	}
	l, err := dist.FromEnvironment(dist.Options{
		Nodes: d.WorldSize, Node: d.Rank, URL: url, Multiprocessing: d.Multiproc, Processes: d.NProc,
		GPUs: torch.CUDADevices(),
	}, getenv)
	l.Gloo = d.DistBackend == "gloo"
	return l, err
}

// spawnRanks starts the processes of this node and waits for them. Signals are passed on. Processes
// that do not end after one has failed are killed after grace.
func spawnRanks(l dist.Launch, grace time.Duration) error {
	signals := stopSignals()
	defer signal.Stop(signals)
	code, err := dist.Spawn(dist.Spawning{
		Launch: l, Args: os.Args, Env: os.Environ(), Signals: signals, Grace: grace, Err: os.Stderr,
	})
	if err == nil && code != 0 {
		err = exited{code}
	}
	return err
}

// launched reports whether a launcher started this process as one of several, or tried to.
func launched() bool {
	l, err := dist.FromEnvironment(dist.Options{Nodes: -1, Node: -1}, os.Getenv)
	return err != nil || !l.Alone()
}

// printing are the commands that print something soon, or serve it, by their path without the
// program's name. In a shell of a pod that a launcher has given its variables they are welcome.
var printing = []string{
	"data stats", "diagnose", "engine list", "inspect", "judge", "neighbors", "plan", "report", "scores replay", "serve",
	"version",
}

// inOneProcess lets commands refuse to run in each of several processes that a launcher started:
// all would do the same work and write the same files. Those with --nproc share the work.
func inOneProcess(root *cobra.Command) {
	for _, c := range runnable(root) {
		_, path, _ := strings.Cut(c.CommandPath(), " ")
		prints := slices.Contains(printing, path)
		out := c.Flags().Lookup("out")
		if out == nil {
			out = c.Flags().Lookup("output")
		}
		if c.HasSubCommands() || c.Flags().Lookup("nproc") != nil || prints && out == nil {
			continue
		}
		run := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if prints && !out.Changed {
				return run(cmd, args)
			}
			l, err := dist.FromEnvironment(dist.Options{Nodes: -1, Node: -1}, os.Getenv)
			if err == nil && !l.Alone() {
				err = fmt.Errorf("%s runs in one process, but %s started %d: start it without", cmd.CommandPath(),
					l.Source, l.Size)
			}
			if err != nil {
				return cli.Wrong(err)
			}
			return run(cmd, args)
		}
	}
}
