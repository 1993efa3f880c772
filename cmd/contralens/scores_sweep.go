package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/internal/durable"
	"contralens/train"
	"contralens/viz"
)

// sweep is sweep.json: a grid of trainings and how far it has come.
type sweep struct {
	Options  []string `json:"options"`  // of every run
	Finished []string `json:"finished"` // names of the runs that are done

	path string
}

// variation is an option and its values in the grid.
type variation struct {
	option string
	values []string
}

func scoresSweepCommand() *cobra.Command {
	var vary []string
	out := "sweep"
	var o viz.Options
	cmd := &cobra.Command{
		Use:   "sweep --vary OPTION=VALUE,VALUE... -- OPTIONS of contrast",
		Short: "Train a small grid one after the other and draw the comparison",
		Long: `Train a grid of runs that differ in an option or two, one after the other, and draw their scores over each other with their
k-NN accuracies in the legend: how the paper found its transformation. --vary several times makes every combination. What follows -- goes to
each training (see contralens contrast --help). The same command again goes on where it stopped: finished runs are skipped, an
interrupted one is resumed. A run that fails is left out of the figures. Images without labels have no k-NN accuracy: add --knn_every 0.`,
		Example: `  contralens scores sweep --vary alpha=1,.999,.99,.9,.5 -o momentum -- --method MoCov2 --dataset fashion-mnist --arch resnet18 --width 0.25 --stem cifar --input_res 28 -k 4096 --epochs 5 --cosine
  contralens scores sweep --vary nce_t=.05,.1,.2 --vary ft=none,posneg -- --data_folder photos --arch resnet18 --epochs 50`,
		RunE: func(_ *cobra.Command, options []string) error {
			grid, err := parseGrid(vary)
			if err != nil {
				return usageError{err}
			}
			if _, err := viz.ParseStyle(o.Style); err != nil {
				return usageError{err}
			}
			if err := overridden(grid, options); err != nil {
				return usageError{err}
			}
			return runSweep(grid, out, options, o)
		},
	}
	cmd.Flags().StringArrayVar(&vary, "vary", nil, "an option of contrast and its values, as alpha=1,.99,.9")
	cmd.Flags().StringVarP(&out, "out", "o", out, "folder for the runs and their figures")
	cmd.Flags().StringVar(&o.Style, "style", "web", "size and text of the figures: paper, slides or web")
	cmd.Flags().StringSliceVar(&o.Formats, "format", []string{"png", "svg"}, "kinds of figures: png, svg, pdf")
	cmd.Flags().StringVar(&o.Title, "title", "", "title of the pages")
	return cmd
}

// parseGrid reads --vary and checks options and values.
func parseGrid(vary []string) ([]variation, error) {
	if len(vary) == 0 {
		return nil, errors.New("scores sweep: want --vary, as --vary alpha=1,.99,.9")
	}
	var grid []variation
	for _, text := range vary {
		option, list, ok := strings.Cut(text, "=")
		if !ok || list == "" {
			return nil, fmt.Errorf("--vary: want OPTION=VALUE,VALUE, got %q", text)
		}
		v := variation{option, strings.Split(list, ",")}
		c := config.DefaultContrast()
		fields := config.Fields(&c)
		i := slices.IndexFunc(fields, func(f config.Field) bool {
			return strings.ReplaceAll(f.Name, "-", "_") == strings.ReplaceAll(option, "-", "_")
		})
		if i < 0 {
			return nil, fmt.Errorf("--vary: contrast has no option %q; contralens contrast --help lists them", option)
		}
		for _, value := range v.values {
			if err := fields[i].Set(value); err != nil {
				return nil, fmt.Errorf("--vary %s: %w", option, err)
			}
		}
		grid = append(grid, v)
	}
	return grid, nil
}

// overridden refuses to vary what the method sets: all trainings would be the same.
func overridden(grid []variation, options []string) error {
	method := ""
	for i, o := range options {
		if value, ok := strings.CutPrefix(o, "--method="); ok {
			method = value
		} else if o == "--method" && i+1 < len(options) {
			method = options[i+1]
		}
	}
	if _, ok := config.Methods[method]; !ok {
		return nil
	}
	for _, v := range grid {
		if v.option == "method" {
			return nil
		}
	}
	for _, v := range grid {
		if slices.Contains([]string{"nce_t", "modal", "jigsaw", "mem", "aug", "head"}, strings.ReplaceAll(v.option, "-", "_")) {
			return fmt.Errorf("--vary %s: %s sets it, so that all trainings would be the same; give --method Customize and what it consists of (docs/methods.md)", v.option, method)
		}
	}
	return nil
}

// combinations are the options of each run of a grid, as option=value.
func combinations(grid []variation) [][]string {
	all := [][]string{nil}
	for _, v := range grid {
		var next [][]string
		for _, given := range all {
			for _, value := range v.values {
				next = append(next, append(slices.Clone(given), v.option+"="+value))
			}
		}
		all = next
	}
	return all
}

func runSweep(grid []variation, out string, options []string, o viz.Options) error {
	s, err := openSweep(out, options)
	if err != nil {
		return err
	}
	runs, failed, err := s.train(combinations(grid), out)
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
	fmt.Printf("== %d figures in %s, all statistics on %s\n", len(files), figures, files[0])
	return errors.Join(failed...)
}

// openSweep begins a sweep in a folder, or goes on with the one that is there.
func openSweep(out string, options []string) (*sweep, error) {
	s := &sweep{path: filepath.Join(out, "sweep.json")}
	b, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.Options = options
		return s, os.MkdirAll(out, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: want what an earlier sweep wrote, got something else (%w); choose another folder with -o", s.path, err)
	}
	if !slices.Equal(s.Options, options) {
		return nil, fmt.Errorf("%s was made with other options of contrast: %s; choose another folder with -o, or give the same ones", out, strings.Join(s.Options, " "))
	}
	return s, nil
}

// train trains the runs of the grid that are not finished: the directories of those
// that there are then, and why the others failed.
func (s *sweep) train(all [][]string, out string) (runs []string, failed []error, err error) {
	for i, given := range all {
		name := strings.NewReplacer("=", "-", "/", "-", " ", "-").Replace(strings.Join(given, "_"))
		dir := filepath.Join(out, name)
		what := fmt.Sprintf("run %d of %d: %s", i+1, len(all), strings.Join(given, ", "))
		if slices.Contains(s.Finished, name) {
			fmt.Printf("== %s: finished\n", what)
			runs = append(runs, dir)
			continue
		}
		fmt.Printf("== %s\n", what)
		var usage usageError
		switch err := trainOne(out, name, given, s.Options); {
		case errors.Is(err, train.ErrStopped) || errors.As(err, &usage):
			return nil, nil, err
		case err != nil:
			fmt.Println("==", err)
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			continue
		}
		runs, s.Finished = append(runs, dir), append(s.Finished, name)
		if err := s.save(); err != nil {
			return nil, nil, err
		}
	}
	return runs, failed, nil
}

// trainOne trains a run of the grid, or goes on with it.
func trainOne(out, name string, given, options []string) error {
	// An accuracy before and after training, unless the options say otherwise.
	args := append([]string{"contrast", "--knn_every", "1000000"}, options...)
	args = append(args, "--model_path", out, "--tb_path", filepath.Join(out, "tb"), "--name", name, "--resume", "auto")
	for _, g := range given {
		args = append(args, "--"+g)
	}
	root := rootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if errors.Is(err, train.ErrStopped) {
		fmt.Println("== the same command goes on from here")
	}
	return err
}

func (s *sweep) save() error {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(s.path, func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err })
}
