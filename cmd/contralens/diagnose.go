package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/diagnose"
	"contralens/internal/humanize"
	"contralens/rundir"
)

func diagnoseCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diagnose DIR",
		Short: "Say why a training goes wrong, without labels",
		Long: `Say why a training goes wrong, from what it has recorded: the cause, the numbers that
show it and where they are, and which option to change. Where the evidence is mixed, it
says that it cannot tell, and what would tell. Trainings do the same while they run. Of a
directory with runs, each is diagnosed. docs/diagnosis.md has the causes.`,
		Example: `  contralens diagnose save/run
  contralens diagnose save
  contralens diagnose save/run --json`,
		Args: cli.Arguments(1, "a run directory, or a directory with runs", "diagnose save/run"),
		RunE: func(_ *cobra.Command, args []string) error {
			dirs, err := rundir.Below(args[0])
			if err != nil {
				return fmt.Errorf("diagnose: %w", err)
			}
			if len(dirs) == 0 || rundir.IsRun(args[0]) {
				d := diagnosed{Run: args[0], Diagnoses: []diagnose.Diagnosis{}}
				if err := d.read(args[0]); err != nil {
					return err
				}
				return d.print(asJSON)
			}
			return diagnoseAll(args[0], dirs, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the diagnoses as JSON, a line for each run")
	return cmd
}

// diagnosed is a run with its diagnoses.
type diagnosed struct {
	Run       string               `json:"run"`
	Early     string               `json:"early,omitempty"`   // why it cannot be called healthy yet
	Error     string               `json:"error,omitempty"`   // why it could not be diagnosed
	Failure   string               `json:"failure,omitempty"` // with what the training ended
	Diagnoses []diagnose.Diagnosis `json:"diagnoses"`
	of        diagnose.Case
}

func (d *diagnosed) read(dir string) (err error) {
	if d.of, err = diagnose.Read(dir); err == nil {
		d.Early, d.Failure, d.Diagnoses = d.of.Early(), d.of.Failure, append(d.Diagnoses, diagnose.Diagnose(d.of)...)
	}
	return err
}

func (d *diagnosed) print(asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cli.Out).Encode(d)
	}
	return diagnose.Write(cli.Out, d.of, d.Diagnoses)
}

// diagnoseAll diagnoses the runs below a directory. It is an error if none can be.
func diagnoseAll(root string, dirs []string, asJSON bool) error {
	faulty, unread := 0, 0
	var reason error
	for _, dir := range dirs {
		name, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		d := diagnosed{Run: name, Diagnoses: []diagnose.Diagnosis{}}
		if err := d.read(dir); err != nil {
			d.Error, reason = err.Error(), err
			unread++
		}
		if slices.ContainsFunc(d.Diagnoses, diagnose.Diagnosis.IsSure) {
			faulty++
		}
		switch {
		case asJSON:
			err = d.print(true)
		case d.Error != "":
			_, err = fmt.Fprintf(cli.Out, "%s: not diagnosed: %s\n\n", name, d.Error)
		default:
			fmt.Fprintf(cli.Out, "%s: ", name)
			err = d.print(false)
			fmt.Fprintln(cli.Out)
		}
		if err != nil {
			return err
		}
	}
	if unread == len(dirs) {
		return fmt.Errorf("%s: none of %s could be diagnosed: %w", root, humanize.Count(unread, "run"), reason)
	}
	if !asJSON {
		fmt.Fprintf(cli.Out, "%s: %d with a fault that is sure, %d that could not be diagnosed\n",
			humanize.Count(len(dirs), "run"), faulty, unread)
	}
	return nil
}
