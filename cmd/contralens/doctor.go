package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/internal/doctor"
	"contralens/internal/version"
)

func doctorCommand() *cobra.Command {
	c := config.DefaultDoctor()
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what this machine has and what is missing",
		Long: `Check what this machine has and what is missing.

With --dist, check instead what a training in several processes needs: which launcher
started them, where they meet, whether each reaches each, by which network, and how
long it takes to sum the gradients of a ResNet-50. Start it as the training, by
torchrun, srun or mpirun, or with --nproc. Alone, it starts two processes.`,
		Args: cli.NoArguments,
		Example: `  contralens doctor
  # two processes of this machine
  contralens doctor --dist
  # the processes of a job, before it starts
  srun --ntasks-per-node 8 contralens doctor --dist
  torchrun --no_python --nproc_per_node 8 contralens doctor --dist
  # a machine of two, on each with its rank
  contralens doctor --dist --world-size 2 --rank 0 --nproc 8 --dist-url tcp://node0:29500`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		f := &findings{json: c.JSON}
		if c.Processes {
			return examineRanks(&c, f)
		}
		f.add(doctor.Examine(version.Commit())...)
		if c.Measure {
			f.add(doctor.Measure()...)
		}
		return f.end()
	}
	return cmd
}

// launchVariable tells the processes of a node how their parent was started.
const launchVariable = "CONTRALENS_LAUNCH"

// examineRanks checks the processes of a job.
func examineRanks(c *config.Doctor, f *findings) error {
	getenv, seen := doctor.Seen(os.Getenv)
	l, err := launchOf(&c.Dist, getenv)
	if err == nil && l.Alone() {
		c.NProc = 2
		l, err = launchOf(&c.Dist, getenv)
	}
	if err != nil {
		return cli.Wrong(err)
	}
	timing, launcher := timingOf(&c.Dist), doctor.Launcher(l, seen())
	if l.Children > 0 {
		text, err := json.Marshal(launcher)
		if err == nil {
			err = os.Setenv(launchVariable, string(text))
		}
		if err != nil {
			return err
		}
		return spawnRanks(l, timing.Timeout)
	}
	if text := os.Getenv(launchVariable); text != "" {
		if err := json.Unmarshal([]byte(text), &launcher); err != nil {
			return fmt.Errorf("%s: want what contralens doctor has set, got %q", launchVariable, text)
		}
	}
	if l.World().First() {
		f.add(launcher...)
	}
	r := doctor.Ranks{
		Launch: l, Join: timing.Join, Version: version.Commit(), Report: func(found doctor.Finding) { f.add(found) },
		Note: printNote, Fail: func() {
			printError(f.end())
			os.Exit(exitFailed)
		},
	}
	err = r.Examine(context.Background())
	switch {
	case !l.World().First():
		return err // rank 0 prints for all
	case f.problems == 0 && err != nil:
		f.add(doctor.Finding{What: "ranks", Problem: err.Error()})
	}
	return f.end()
}

// findings prints what was found. Its methods may be called from any goroutine.
type findings struct {
	mutex    sync.Mutex
	json     bool // all in one list, at the end
	all      []doctor.Finding
	problems int
}

func (f *findings) add(found ...doctor.Finding) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, one := range found {
		f.all = append(f.all, one)
		if one.Problem != "" {
			f.problems++
		}
		if f.json {
			continue
		}
		if one.Found != "" {
			fmt.Fprintf(cli.Out, "%-14s %s\n", one.What, one.Found)
		}
		if one.Problem != "" {
			what := one.What
			if one.Found != "" {
				what = ""
			}
			fmt.Fprintf(cli.Out, "%-14s ! %s\n", what, one.Problem)
		}
	}
}

// end prints how many problems there are, and returns an error if there are any.
func (f *findings) end() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.json {
		if err := json.NewEncoder(cli.Out).Encode(f.all); err != nil {
			return err
		}
	}
	if f.problems > 0 {
		return fmt.Errorf("%d problem(s) found, marked with ! above", f.problems)
	}
	if !f.json {
		fmt.Fprintln(cli.Out, "no problems found")
	}
	return nil
}
