package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"contralens/config"
	"contralens/eval"
	"contralens/optim"
	"contralens/train"
)

// linear trains and reports the linear probe.
func linear(c *config.Linear, set map[string]bool, warnings []string) error {
	dir := c.RunFolder(c.RunName(set))
	for _, w := range warnings {
		fmt.Println("note:", w)
	}
	if c.AugLinear == "RA" {
		return usageError{errors.New("--aug_linear RA: this build has NULL (crop and flip) only")}
	}
	model, epoch, err := encoder(&c.Shared, c.Ckpt, c.UseEMA, set)
	if err != nil {
		return err
	}
	defer model.Free()
	trainSet, testSet, err := train.OpenData(c.Shared, printNote)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ctx, done := interruptible(func(s string) { fmt.Println(s) })
	defer done()
	schedule := optim.Schedule{Rate: c.LearningRate, Epochs: c.Epochs, Cosine: c.Cosine, DecayRate: c.DecayRate, Milestones: c.Milestones}
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	result, err := eval.Linear(ctx, model, trainSet, testSet, eval.LinearOptions{
		Options: eval.Options{Size: c.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: c.Precision == "bf16"},
		Classes: c.NClass, Epochs: c.Epochs, Rate: schedule.Epoch, Momentum: c.Momentum, WeightDecay: c.WeightDecay, CropMin: c.Crop, Seed: c.Seed,
		Report: func(epoch, step, steps int, loss, top1 float64, rate float64) {
			switch line := fmt.Sprintf("epoch %d/%d step %d/%d  loss %.3f  top-1 %.1f %%  lr %.4g", epoch, c.Epochs, step, steps, loss, top1, rate); {
			case terminal:
				fmt.Printf("\r\033[K%s", line)
			case step%c.PrintFreq == 0 || step == steps:
				fmt.Println(line)
			}
		},
		EpochEnd: func(epoch int, top1, top5 float64) {
			if terminal {
				fmt.Print("\r\033[K")
			}
			fmt.Printf("epoch %d/%d  test top-1 %.2f %%  top-%d %.2f %%\n", epoch, c.Epochs, top1, min(5, c.NClass), top5)
		},
	})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "results.jsonl")
	fmt.Printf("linear top-1: %.2f %% (best %.2f %%); results: %s\n", result.Top1, result.Best, path)
	return train.Lines{Path: path}.Add(map[string]any{
		"protocol": "linear", "dataset": trainSet.Name(), "checkpoint": c.Ckpt, "epoch": epoch,
		"metrics": map[string]any{"top1": result.Top1, "top5": result.Top5, "best_top1": result.Best}, "seed": c.Seed, "command": os.Args, "time": time.Now().Format(time.RFC3339),
	})
}
