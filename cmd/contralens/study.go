package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/study"
	"contralens/study/jobs"
	"contralens/study/runner"
	"contralens/train"
)

func studyCommand() *cobra.Command {
	var out, folder, baseline string
	var dry, retry, only, asJSON bool
	cmd := &cobra.Command{
		Use:   "study FILE.yaml",
		Short: "Compare trainings fairly: several seeds, equal tuning, intervals",
		Long: `Train every arm of a study with several seeds, evaluate the encoders, and write a
table with means, 95 % confidence intervals and differences from the baseline, paired
by seed. Arms can be tuned first, all with the same budget, on a validation split.

FILE.yaml describes the study (docs/study.md); the names of ready ones work, too. The
same command resumes a study that was stopped or killed. On several machines that share
the folder, it divides the work. A training that fails is recorded, and the study goes
on.`,
		Args: cli.Arguments(1, "the file of a study", "study ft-cifar10 --dry_run"),
		Example: `  # what it would train, and how long it would take
  contralens study ft-cifar10 --dry_run
  contralens study mine.yaml -o studies/mine
  # the tables of what is done so far
  contralens study mine.yaml -o studies/mine --report
  # differences from another arm
  contralens study mine.yaml -o studies/mine --report --baseline ft`,
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case baseline != "" && !only:
				return cli.Wrong(errors.New("--baseline: want --report with it: a study has the baseline of its file"))
			case only && (dry || retry):
				return cli.Wrong(errors.New("--report: want neither --dry_run nor --retry with it: it trains nothing"))
			case dry && asJSON:
				return cli.Wrong(errors.New("--json: want no --dry_run with it: it prints the report"))
			}
			s, text, err := study.Load(args[0])
			if err != nil {
				return cli.Wrong(err)
			}
			if folder != "" {
				s.SetFolder(folder)
			}
			if out == "" {
				out = filepath.Join("studies", study.Name(args[0]))
			}
			say := func(s string) { fmt.Fprintln(os.Stderr, s) }
			r := &runner.Runner{
				Study: s, Dir: out, Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), Columns: cli.Columns(),
				Tuner: tuner(false, nil), Note: printNote, Retry: retry,
			}
			if asJSON { // what is printed is the report alone
				r.Out, r.Terminal = os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))
			}
			begun, err := s.Begun(out)
			if err == nil && begun && !only {
				err = s.SameRecipe(out)
			}
			switch {
			case err != nil:
				return err
			case only && !begun:
				return fmt.Errorf("%s: want the folder of a study that has begun, but there is none", out)
			case baseline != "":
				if err := s.SetBaseline(baseline); err != nil {
					return cli.Wrong(fmt.Errorf("--baseline: %w", err))
				}
			}
			if dry {
				ctx, end := interruptible(say)
				defer end()
				err := r.Plan(ctx, display)
				if errors.Is(err, jobs.ErrStopped) {
					return train.ErrStopped
				}
				return err
			}
			if !only {
				r.Begin = func() error { return s.Begin(out, text) }
				ctx, end := interruptible(say)
				defer end()
				if err := stopped(r.Run(ctx)); err != nil {
					return err
				}
			}
			return printStudy(r, baseline == "", asJSON)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder of the study; empty: studies/ and the name of the file")
	cmd.Flags().StringVar(&folder, "data_folder", "", "folder with the images, in place of that of the file")
	cmd.Flags().BoolVar(&dry, "dry_run", false, "show the trainings and how long they take, and stop")
	cmd.Flags().BoolVar(&retry, "retry", false, "train again what failed")
	cmd.Flags().BoolVar(&only, "report", false, "train nothing, and write the tables of what is done")
	cmd.Flags().StringVar(&baseline, "baseline", "",
		"with --report: another arm as the baseline; the tables are printed, and no file changes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// stopped makes the error of a study that a signal stopped that of a stopped training.
func stopped(err error) error {
	if errors.Is(err, jobs.ErrStopped) {
		fmt.Fprintln(os.Stderr, "stopped; the same command resumes the study")
		return train.ErrStopped
	}
	return err
}

// printStudy prints the report; write says that the files of the study are written, too.
func printStudy(r *runner.Runner, write, asJSON bool) error {
	report, published, err := r.Report()
	if err != nil {
		return err
	}
	write = write && report.Done > 0 // or nothing would take the place of what is there
	if published {
		write = false
		printNote(fmt.Sprintf("%s has no outcomes of trainings in %s: the tables are those of %s, and no file changes", r.Dir,
			study.StateDir, study.ReportFile))
	}
	show := report.Print
	if asJSON {
		show = report.JSON
	}
	if err := show(cli.Out); err != nil {
		return err
	}
	if write { // after the tables, which can be read where nothing can be written
		if err := report.Write(r.Dir); err != nil {
			return err
		}
	}
	if report.Failed > 0 && report.Failed == report.Done {
		return fmt.Errorf("%s: every training failed; %s has the reasons", r.Dir, filepath.Join(r.Dir, study.MarkdownFile))
	}
	if !write || asJSON {
		return nil
	}
	fmt.Fprintf(cli.Out, "\n%s has everything, %s and %s the numbers\n", filepath.Join(r.Dir, study.MarkdownFile),
		study.TableFile, study.ReportFile)
	return nil
}
