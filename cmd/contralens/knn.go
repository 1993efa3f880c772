package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"contralens/config"
	"contralens/eval"
	"contralens/setup"
)

func knnCommand() *cobra.Command {
	c := config.DefaultKNN()
	cmd := &cobra.Command{
		Use:   "knn",
		Short: "Judge an encoder's features by their nearest neighbors",
		Args:  noArguments,
		Example: `  contralens knn --ckpt save/run/current.pth --data_folder photos
  # the same network untrained, to compare
  contralens knn --dataset fashion-mnist --arch resnet18 --width 0.25 --stem cifar --input_res 28`,
	}
	given := bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		for _, w := range warnings {
			printNote(w)
		}
		return compute(c.Threads, func() error { return knn(&c, set) })
	}
	return cmd
}

func knn(c *config.KNN, set map[string]bool) error {
	e, err := encoder(&c.Shared, c.Ckpt, c.UseEMA, set)
	if err != nil {
		return err
	}
	defer e.Model.Free()
	bank, queries, err := setup.Datasets(c.Shared, printNote)
	if err != nil {
		return err
	}
	o := eval.Options{Size: c.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: c.Precision == "bf16", Progress: featureProgress()}
	vote := eval.Vote{K: c.Neighbors, Temperature: c.KNNTemperature, Standardize: c.Standardize}
	accuracy, err := eval.KNNAccuracy(e.Model, bank, queries, vote, o)
	if err != nil {
		return err
	}
	result := e.result("knn", bank.Name(), map[string]any{"top1": accuracy, "k": c.Neighbors, "temperature": c.KNNTemperature, "standardized": c.Standardize}, c.Seed, config.Values(c))
	// A checkpoint of a run directory has its results there.
	if dir := filepath.Dir(c.Ckpt); c.Ckpt != "" && isFile(filepath.Join(dir, "run.json")) {
		if err := result.Append(dir); err != nil {
			printNote(err.Error())
		}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	features := ""
	if c.Standardize {
		features = " of standardized features"
	}
	fmt.Printf("k-NN top-1%s: %.2f %% (%d neighbors, τ %v; %d training images, %d test images)\n", features, accuracy, c.Neighbors, c.KNNTemperature, bank.Len(), queries.Len())
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
