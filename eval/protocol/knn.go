package protocol

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/eval"
	"contralens/features"
	"contralens/rundir"
	"contralens/setup"
)

// KNN classifies the test images by a vote of the training images with the nearest
// features (Wu et al., 2018). If the checkpoint is in a run directory, the result is
// appended to its results.jsonl.
func KNN(ctx context.Context, c config.KNN, o Options) (result rundir.Result, err error) {
	err = compute(ctx, c.Threads, func() error {
		result, err = knn(ctx, c, o)
		return err
	})
	return result, err
}

func knn(ctx context.Context, c config.KNN, o Options) (rundir.Result, error) {
	e, err := openEncoder(&c.Net, c.Machine, c.Weights, c.Seed, o)
	if err != nil {
		return rundir.Result{}, err
	}
	defer e.Model.Free()
	bank, queries, err := setup.Datasets(ctx, c.Data, o.Note)
	if stopped(ctx, err) {
		return rundir.Result{}, ErrStopped
	}
	if err != nil {
		return rundir.Result{}, err
	}
	vote := eval.Vote{K: c.Neighbors, Temperature: c.KNNTemperature, Standardize: c.Standardize}
	accuracy, err := eval.KNNAccuracy(e.Model, bank, queries, vote, features.Options{
		Size: c.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: c.Precision == "bf16",
		Progress: o.Features, Context: ctx,
	})
	if err != nil {
		return rundir.Result{}, err
	}
	metrics := map[string]any{
		"top1": accuracy, "k": c.Neighbors, "temperature": c.KNNTemperature, "standardized": c.Standardize,
	}
	result := e.result("knn", bank.Name(), metrics, c.Seed, config.Values(&c))
	if dir := filepath.Dir(c.Ckpt); c.Ckpt != "" && rundir.IsRun(dir) {
		if err := result.Append(dir); err != nil {
			o.note("%v", err)
		}
	}
	features := ""
	if c.Standardize {
		features = " of standardized features"
	}
	o.line(fmt.Sprintf("k-NN top-1%s: %.2f %% (%d neighbors, τ %v; %d training images, %d test images)",
		features, accuracy, c.Neighbors, c.KNNTemperature, bank.Len(), queries.Len()))
	return result, o.result(result)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
