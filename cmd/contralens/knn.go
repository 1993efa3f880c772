package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/config"
	"contralens/eval"
	"contralens/nn"
	"contralens/torch"
	"contralens/train"
)

func knnCommand() *cobra.Command {
	c := config.DefaultKNN()
	cmd := &cobra.Command{
		Use:   "knn",
		Short: "Judge an encoder's features by their nearest neighbours",
		Args:  noArguments,
		Example: `  contralens knn --ckpt save/run/current.pth --data_folder photos
  # the same network untrained, to compare
  contralens knn --dataset fashion-mnist --arch resnet18 --width 0.25 --stem cifar --input_res 28`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := given()
		if err != nil {
			return err
		}
		if _, err := c.Resolve(set); err != nil {
			return usageError{err}
		}
		if c.Threads > 0 {
			torch.SetThreads(c.Threads)
		}
		return torch.Run(func() error { return knn(&c, set) })
	}
	return cmd
}

func knn(c *config.KNN, set map[string]bool) error {
	model, epoch, err := encoder(&c.Shared, c.Ckpt, c.UseEMA, set)
	if err != nil {
		return err
	}
	defer model.Free()
	bank, queries, err := train.OpenData(c.Shared, printNote)
	if err != nil {
		return err
	}
	o := eval.Options{Size: c.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: c.Precision == "bf16"}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		o.Progress = func(done, total int) { fmt.Fprintf(os.Stderr, "\r\033[Kfeatures of %d of %d images", done, total) }
	}
	accuracy, err := eval.KNNAccuracy(model, bank, queries, c.Neighbours, c.KNNTemperature, o)
	if o.Progress != nil {
		fmt.Fprint(os.Stderr, "\r\033[K")
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"protocol": "knn", "dataset": bank.Name(), "checkpoint": c.Ckpt, "epoch": epoch, "metrics": map[string]any{"top1": accuracy, "k": c.Neighbours, "temperature": c.KNNTemperature}})
	}
	fmt.Printf("k-NN top-1: %.2f %% (%d neighbours, τ %v; %d training images, %d test images)\n", accuracy, c.Neighbours, c.KNNTemperature, bank.Len(), queries.Len())
	return nil
}

// encoder is the encoder of a checkpoint, or without one an untrained encoder.
func encoder(s *config.Shared, ckpt string, ema bool, set map[string]bool) (model *nn.Model, epoch int, err error) {
	if ckpt == "" {
		fmt.Fprintln(os.Stderr, "note: no --ckpt: the encoder is untrained")
		net, err := train.Network(*s)
		if err != nil {
			return nil, 0, err
		}
		model, err = nn.New(net, s.Seed)
		return model, 0, err
	}
	e, notes, err := train.LoadEncoder(ckpt, s, set, ema)
	if err != nil {
		return nil, 0, err
	}
	for _, n := range notes {
		fmt.Fprintln(os.Stderr, "note:", n)
	}
	return e.Model, e.Epoch, nil
}

// printNote tells the user something beside the results.
func printNote(s string) { fmt.Fprintln(os.Stderr, "note:", s) }
