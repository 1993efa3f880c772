package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/config"
	"contralens/contrast"
	"contralens/eval"
	"contralens/torch"
	"contralens/train"
)

func contrastCommand() *cobra.Command {
	c := config.DefaultContrast()
	cmd := &cobra.Command{
		Use:   "contrast",
		Short: "Pre-train an encoder by contrast",
		Args:  noArguments,
		Example: `  # MoCo v2 with the paper's feature transformation on your own photos
  contralens contrast --method MoCov2 --ft posneg --mix_start_epoch 2 --data_folder photos --arch resnet18 --batch_size 64 -k 4096 --epochs 50 --cosine --amp --save_score
  # small images, and how good the features are every 5 epochs
  contralens contrast --method MoCov2 --dataset fashion-mnist --arch resnet18 --width 0.25 --stem cifar --input_res 28 --batch_size 256 -k 4096 --epochs 10 --cosine --knn_every 5
  # what a command line would do
  contralens contrast --method MoCov2 --epochs 100 --dry-run`,
	}
	given := bind(cmd, &c)
	dry := cmd.Flags().Bool("dry_run", false, "say what would be done, and stop")
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := given()
		if err != nil {
			return err
		}
		warnings, err := c.Resolve(set)
		if err != nil {
			return usageError{err}
		}
		if *dry {
			fmt.Print(config.YAML(&c))
			describeContrast(c, warnings)
			return nil
		}
		return pretrain(c, warnings)
	}
	return cmd
}

// describeContrast says in words what a run would do.
func describeContrast(c config.Contrast, warnings []string) {
	fmt.Printf("\nrun directory: %s\nTensorBoard:   %s\n", c.RunFolder(c.RunName()), filepath.Join(c.TBPath, c.RunName()))
	fmt.Printf("method:        %s: %s, augmentation %s, head %s, memory %s, τ %v\n", c.Method, c.Modal, c.Aug, c.Head, c.Memory, c.Temperature)
	fmt.Printf("features:      %s\n", inWords(c))
	if err := c.Trainable(); err != nil {
		fmt.Printf("not trainable: %v\n", err)
	}
	for _, w := range warnings {
		fmt.Printf("note:          %s\n", w)
	}
}

// inWords is the feature transformation in a sentence.
func inWords(c config.Contrast) string {
	t := c.FeatureTransformation()
	var parts []string
	side := func(what string, alpha float64, plus string, elementwise bool) {
		from := fmt.Sprintf("Beta(%v, %v)", alpha, alpha)
		if t.Uniform {
			from = "U(0, 1)"
		}
		each := "one λ a step"
		if elementwise {
			each = "one λ an element"
		}
		parts = append(parts, fmt.Sprintf("%s with λ = %s%s, %s", what, plus, from, each))
	}
	if t.Positive && t.Extrapolate {
		side("positives extrapolated", t.PosAlpha, "1 + ", t.PosElementwise)
	} else if t.Positive {
		side("positives interpolated", t.PosAlpha, "", t.PosElementwise)
	}
	if t.Negative {
		side("negatives interpolated", t.NegAlpha, "", t.NegElementwise)
	}
	if len(parts) == 0 {
		return "not transformed"
	}
	if c.MixEpoch > 0 {
		parts = append(parts, fmt.Sprintf("from epoch %d on", c.MixEpoch+1))
	}
	if c.MixStep > 0 {
		parts = append(parts, fmt.Sprintf("from step %d on", c.MixStep+1))
	}
	return strings.Join(parts, "; ")
}

// interruptible is a context that the first Ctrl-C or SIGTERM ends; the second
// stops the program at once.
func interruptible(out func(string)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		out("stopping after this step; once more stops at once, without saving")
		cancel()
		if _, ok := <-signals; ok {
			os.Exit(exitFailed)
		}
	}()
	return ctx, func() { signal.Stop(signals); close(signals); cancel() }
}

func pretrain(c config.Contrast, warnings []string) error {
	if err := c.Trainable(); err != nil {
		return usageError{err}
	}
	if c.Threads > 0 {
		torch.SetThreads(c.Threads)
	}
	dir := c.RunFolder(c.RunName())
	p := &train.Progress{Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), PrintFreq: c.PrintFreq}
	ctx, done := interruptible(func(s string) { p.Print("%s", s) })
	defer done()
	for _, w := range warnings {
		p.Print("note: %s", w)
	}
	return torch.Run(func() (err error) {
		r, err := train.NewRun(c, dir)
		if r != nil {
			defer r.Close()
		}
		if err != nil {
			return err
		}
		// What can be wrong with a checkpoint is found before a directory is made.
		if err := start(r, p); err != nil {
			return err
		}
		if err := train.Prepare(dir, &c, c.Shared, os.Args); err != nil {
			return err
		}
		var accuracies []string
		r.Hooks = hooks(c, p, &accuracies)
		p.Print("%s", summary(r))
		begin := time.Now()
		err = r.Do(ctx)
		switch {
		case errors.Is(err, train.ErrStopped):
			path := filepath.Join(dir, "interrupted.pth")
			if e := r.Save(path); e != nil {
				return fmt.Errorf("stopped, but the state could not be saved: %w", e)
			}
			fmt.Printf("stopped in epoch %d after %d of %d steps; %s has everything: go on with the same command and --resume auto\n", r.Epoch, r.StepInEpoch, r.Batches, path)
			return err
		case err != nil:
			return err
		}
		fmt.Printf("trained %d epochs in %s\n%s\n", c.Epochs, time.Since(begin).Round(time.Second), closing(dir, c, accuracies))
		return nil
	})
}

// start resumes the run, or gives it its first weights.
func start(r *train.Run, p *train.Progress) error {
	path := r.Config.Resume
	if path == "auto" {
		var skipped []error
		path, skipped = train.Newest(r.Dir)
		for _, err := range skipped {
			p.Print("note: passed over: %v", err)
		}
		if path == "" {
			p.Print("note: --resume auto: %s has no checkpoint yet, training starts at the beginning", r.Dir)
			return nil
		}
	}
	if path != "" {
		warning, err := r.Load(path)
		if err != nil {
			return err
		}
		if warning != "" {
			p.Print("note: %s", warning)
		}
		p.Print("resuming %s: epoch %d, step %d", path, r.Epoch, r.StepInEpoch+1)
		return nil
	}
	if r.Config.Init != "" {
		notes, err := r.LoadWeights(r.Config.Init)
		for _, n := range notes {
			fmt.Println("note:", n)
		}
		return err
	}
	return nil
}

func hooks(c config.Contrast, p *train.Progress, accuracies *[]string) []train.Hook {
	list := []train.Hook{p.Hook(), train.DataHook(p.Print), train.MetricsHook(c.PrintFreq), train.CheckpointHook(c.SaveFreq)}
	if c.SaveScore {
		list = append(list, train.ScoreHook())
	}
	if c.Record || c.SaveScore {
		list = append(list, train.RecordHook())
	}
	if c.Probe > 0 {
		list = append(list, train.ProbeHook(c.Probe, p.Evaluating))
	}
	if c.KNNEvery > 0 {
		list = append(list, train.KNNHook(c.KNNEvery, func(r *train.Run, epoch int, accuracy float64) error {
			what := fmt.Sprintf("after epoch %d", epoch)
			if epoch == 0 {
				what = "untrained"
			}
			*accuracies = append(*accuracies, fmt.Sprintf("%s %.1f %%", what, accuracy))
			p.Print("k-NN top-1 %s: %.2f %%", what, accuracy)
			if err := (train.Lines{Path: filepath.Join(r.Dir, "metrics.jsonl")}).Add(map[string]any{"epoch": epoch, "step": r.Step, "epoch_end": true, "knn": accuracy}); err != nil {
				return err
			}
			result := eval.NewResult("knn", r.Train.Name(), map[string]any{"top1": accuracy, "k": 200, "temperature": 0.1}, c.Seed)
			if epoch > 0 { // the checkpoint hook has just written it
				path := filepath.Join(r.Dir, "current.pth")
				sum, err := eval.SHA256(path)
				if err != nil {
					return err
				}
				result.Checkpoint, result.CheckpointSHA256 = path, sum
			}
			result.Epoch, result.Group = epoch, eval.Group("knn", r.Train.Name(), fmt.Sprint(epoch), config.Values(&c))
			return result.Append(r.Dir)
		}, p.Evaluating))
	}
	return list
}

func summary(r *train.Run) string {
	c := r.Config
	return fmt.Sprintf("%s on %d images of %s (%d classes), %s in %s, %d steps an epoch; features: %s; loss at chance ln(K+1) = %.3f\nrun directory: %s",
		c.Method, r.Train.Len(), r.Train.Name(), len(r.Train.Classes()), c.Arch, c.Precision, r.Batches, inWords(c), contrast.Chance(c.K), r.Dir)
}

func closing(dir string, c config.Contrast, accuracies []string) string {
	lines := []string{"weights: " + filepath.Join(dir, "current.pth")}
	if len(accuracies) > 0 {
		lines = append(lines, "k-NN top-1: "+strings.Join(accuracies, ", "))
	}
	if c.Record || c.SaveScore {
		lines = append(lines, "scores: contralens scores plot "+dir+" -o figures")
	}
	return strings.Join(lines, "\n")
}
