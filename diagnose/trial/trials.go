// Package trial measures how well package diagnose finds faults: it trains small networks with one fault
// each, made in the data or in the options, and as many healthy ones, and compares what was diagnosed
// when with the k-NN accuracy.
package trial

import (
	"maps"

	"contralens/diagnose"
)

// Trial is a training whose state is known.
type Trial struct {
	Name    string
	Cause   diagnose.Cause    // of the fault; empty: healthy
	Twin    string            // the healthy trial that a fault is compared with
	Images  string            // one of the folders that prepare makes
	Options map[string]string // beside base
}

// The images of a trial.
const (
	plain  = "plain"
	dark   = "dark"   // values of 0 … 255 are divided by 255
	copies = "copies" // every tenth image, ten times
	packed = "packed" // in shards, class after class
)

// base are the options of all trials: MoCo v2 with a small ResNet-18.
var base = map[string]string{
	"method": "Customize", "mem": "moco", "head": "mlp", "aug": "B", "nce_t": "0.1", "nce_k": "512", "alpha": "0.99",
	"arch": "resnet18", "width": "0.125", "stem": "cifar", "input_res": "24", "blur_p": "0",
	"batch_size": "64", "learning_rate": "0.06", "cosine": "true", "cosine_by": "step", "weight_decay": "0.0005",
	"epochs": "8", "knn_every": "1", "probe": "0", "save_freq": "1000000",
	"precision": "fp32", "memory_format": "channels_last",
}

// Trials lists all trials, the healthy ones first.
var Trials = []Trial{
	{Name: "moco-v2"},
	{Name: "moco-v2-packed", Images: packed, Options: map[string]string{"streams": "8"}},
	{Name: "tau-0.2", Options: map[string]string{"nce_t": "0.2"}},
	{Name: "tau-0.5", Options: map[string]string{"nce_t": "0.5"}},
	{Name: "alpha-0.995", Options: map[string]string{"alpha": "0.995"}},
	{Name: "wider", Options: map[string]string{"width": "0.25", "epochs": "6"}},
	{Name: "rate-0.02", Options: map[string]string{"learning_rate": "0.02"}},
	{Name: "rate-0.12", Options: map[string]string{"learning_rate": "0.12"}},
	{Name: "splits", Options: map[string]string{"bn_splits": "8"}},
	{Name: "symmetric", Options: map[string]string{"symmetric": "true", "epochs": "6"}},
	{Name: "ft-late", Options: map[string]string{"ft": "posneg", "mix_start_epoch": "3"}},
	{Name: "simclr", Options: map[string]string{"mem": "batch", "batch_size": "128"}},
	{Name: "byol", Options: map[string]string{"method": "BYOL", "learning_rate": "0.1"}},
	{Name: "bank", Options: map[string]string{"method": "InsDis"}},

	{Name: "alpha-0.5", Cause: diagnose.CompleteCollapse, Options: map[string]string{"alpha": "0.5"}},
	{Name: "weights-decay", Cause: diagnose.CompleteCollapse, Options: map[string]string{"weight_decay": "1"}},
	{Name: "weights-decay-some", Cause: diagnose.DimensionalCollapse, Options: map[string]string{"weight_decay": "0.05"}},
	{Name: "no-shuffling", Cause: diagnose.BNLeak, Twin: "splits",
		Options: map[string]string{"bn_splits": "32", "shuffle_bn": "none"}},
	{Name: "queue", Cause: diagnose.QueueTooLong, Options: map[string]string{"nce_k": "8192"}},
	{Name: "copies", Cause: diagnose.Duplicates, Images: copies},
	{Name: "tau-5", Cause: diagnose.TauHigh, Options: map[string]string{"nce_t": "5"}},
	{Name: "tau-0.004", Cause: diagnose.TauLow, Options: map[string]string{"nce_t": "0.004"}},
	{Name: "alpha-1", Cause: diagnose.KeyFrozen, Options: map[string]string{"alpha": "1"}},
	{Name: "alpha-0", Cause: diagnose.KeyIdentical, Options: map[string]string{"alpha": "0"}},
	{Name: "rate-6", Cause: diagnose.RateHigh, Options: map[string]string{"learning_rate": "6"}},
	{Name: "rate-1e-6", Cause: diagnose.RateLow, Options: map[string]string{"learning_rate": "0.000001"}},
	{Name: "ft-first", Cause: diagnose.FTEarly, Twin: "ft-late", Options: map[string]string{"ft": "posneg"}},
	{Name: "views", Cause: diagnose.DeadViews, Options: map[string]string{"aug": "NULL", "crop": "0.98"}},
	{Name: "dark", Cause: diagnose.FlatInputs, Images: dark},
	{Name: "order", Cause: diagnose.NotShuffled, Twin: "moco-v2-packed", Images: packed,
		Options: map[string]string{"streams": "1", "shuffle_window": "1"}},
	{Name: "head-2", Cause: diagnose.NarrowHead, Options: map[string]string{"feat_dim": "2"}},
	{Name: "no-norm", Cause: diagnose.NaNNear,
		Options: map[string]string{"head": "linear_wo_norm", "learning_rate": "0.5"}},
}

// options are the options of a trial with a seed, as typed.
func (t Trial) options(seed string) map[string]string {
	all := maps.Clone(base)
	maps.Copy(all, t.Options)
	if t.Options["method"] != "" {
		for _, name := range []string{"mem", "head", "aug", "nce_t"} {
			delete(all, name) // the preset's
		}
	}
	all["seed"] = seed
	return all
}
