package main

import (
	"fmt"
	"os"
	"os/signal"

	"contralens/config"
	"contralens/dist"
	"contralens/torch"
)

// exited is the error of a process whose children have ended with a code and said why.
type exited struct{ status int }

func (e exited) Error() string { return fmt.Sprintf("the processes ended with code %d", e.status) }

// join finds out which process of how many this is, as a launcher or the options say. If this
// process has to start the others, it does, waits for them, and returns how they ended with done.
func (t *training) join(d *config.Dist) (done bool, err error) {
	t.timing.Timeout, t.timing.Stall, t.timing.Join = d.Times()
	url := d.DistURL
	var usual config.Dist
	if config.Defaults(&usual); url == usual.DistURL && d.WorldSize <= 1 {
		url = "" // one machine finds a free port
	}
	t.launch, err = dist.FromEnvironment(dist.Options{
		Nodes: d.WorldSize, Node: d.Rank, URL: url, Multiprocessing: d.Multiproc, Processes: d.NProc,
		GPUs: torch.CUDADevices(),
	}, os.Getenv)
	if err != nil || t.launch.Children == 0 {
		return false, err
	}
	if err := dist.CheckPort(t.launch); err != nil {
		return true, err
	}
	t.signals.Close()
	signals := stopSignals()
	defer signal.Stop(signals)
	code, err := dist.Spawn(dist.Spawning{
		Launch: t.launch, Args: os.Args, Env: os.Environ(), Signals: signals, Grace: t.timing.Timeout, Err: os.Stderr,
	})
	if err == nil && code != 0 {
		err = exited{code}
	}
	return true, err
}
