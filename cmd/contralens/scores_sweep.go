package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/rundir"
	"contralens/study"
	"contralens/study/jobs"
	"contralens/train"
	"contralens/viz"
)

func scoresSweepCommand() *cobra.Command {
	var vary []string
	out := "sweep"
	var o viz.Options
	cmd := &cobra.Command{
		Use:   "sweep --vary OPTION=VALUE,VALUE... -- OPTIONS of contrast",
		Short: "Train with several values of an option and compare the scores",
		Long: `Train a grid of runs that differ in one or two options, one after the other, and plot
their scores together, with k-NN accuracies in the legend. This is how the paper found
its transformation.

With several --vary, every combination is trained. The options after -- go to each
training (see contralens contrast --help). The same command resumes an interrupted
sweep: it skips finished runs and resumes the interrupted one. A run that fails is left
out of the figures. Images without labels have no k-NN accuracy: add --knn_every 0.`,
		Example: `  contralens scores sweep --vary alpha=1,.999,.99,.9,.5 -o momentum -- \
    --method MoCov2 --dataset fashion-mnist --arch resnet18 --width 0.25 \
    --stem cifar --input_res 28 -k 4096 --epochs 5 --cosine
  contralens scores sweep --vary nce_t=.05,.1,.2 --vary ft=none,posneg -- \
    --data_folder photos --arch resnet18 --epochs 50`,
		RunE: func(_ *cobra.Command, options []string) error {
			if len(vary) == 0 {
				return cli.Wrong(errors.New("scores sweep: want --vary, for example --vary alpha=1,.99,.9"))
			}
			grid, err := study.ParseGrid(vary)
			if err != nil {
				return cli.Wrong(ofVary(err))
			}
			if _, err := viz.ParseStyle(o.Style); err != nil {
				return cli.Wrong(err)
			}
			if err := grid.CheckMethod(methodAmong(options)); err != nil {
				return cli.Wrong(ofVary(err))
			}
			return runSweep(grid, out, options, o)
		},
	}
	cmd.Flags().StringArrayVar(&vary, "vary", nil, "an option of contrast and its values, such as alpha=1,.99,.9")
	cmd.Flags().StringVarP(&out, "out", "o", out, "folder for the runs and their figures")
	cmd.Flags().StringVar(&o.Style, "style", "web", "size of figures and text: paper, slides or web")
	cmd.Flags().StringSliceVar(&o.Formats, "format", []string{"png", "svg"}, "formats of the figures: png, svg, pdf")
	cmd.Flags().StringVar(&o.Title, "title", "", "title of the pages")
	return cmd
}

// ofVary names the option that an error is about.
func ofVary(err error) error {
	var value *config.ValueError
	if errors.As(err, &value) {
		return err
	}
	return fmt.Errorf("scores sweep: --vary: %w", err)
}

// methodAmong returns the value of --method among options, or "".
func methodAmong(options []string) (method string) {
	for i, o := range options {
		if value, ok := strings.CutPrefix(o, "--method="); ok {
			method = value
		} else if o == "--method" && i+1 < len(options) {
			method = options[i+1]
		}
	}
	return method
}

func runSweep(grid study.Grid, out string, options []string, o viz.Options) error {
	s, err := study.OpenSweep(out, options)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(cli.Out, "== "+format+"\n", args...) }
	runs, failed, err := s.Do(context.Background(), grid, say, func(name string, varied []string) error {
		return trainOne(out, name, varied, options)
	})
	var fatal *jobs.Fatal
	if errors.As(err, &fatal) {
		err = fatal.Err
	}
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.Join(failed...)
	}
	o.Accuracy = true
	figures := filepath.Join(out, "figures")
	files, err := viz.Plot(runs, figures, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(cli.Out, "== %d figures in %s; %s has all statistics\n", len(files), figures, files[0])
	return errors.Join(failed...)
}

// trainOne trains or resumes one run of the grid. After a signal or wrong usage, the error is
// a *jobs.Fatal, which ends the sweep.
func trainOne(out, name string, varied, options []string) error {
	// An accuracy before and after training, unless the options say otherwise.
	args := append([]string{"contrast", "--knn_every", "1000000"}, options...)
	args = append(args, "--model_path", out, "--tb_path", filepath.Join(out, "tb"), "--name", name)
	if rundir.IsRun(filepath.Join(out, name)) {
		args = append(args, "--resume", "auto")
	}
	for _, g := range varied {
		args = append(args, "--"+g)
	}
	root := rootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if errors.Is(err, train.ErrStopped) {
		fmt.Fprintln(cli.Out, "== the same command resumes from here")
	}
	if errors.Is(err, train.ErrStopped) || cli.WrongUsage(err) {
		return &jobs.Fatal{Err: err}
	}
	return err
}
