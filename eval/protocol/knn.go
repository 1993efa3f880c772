package protocol

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/internal/humanize"
	"contralens/nn"
	"contralens/peers/join"
	"contralens/rundir"
	"contralens/setup"
)

// KNN classifies the test images by a vote of the training images with the nearest
// features (Wu et al., 2018). If the checkpoint is in a run directory, the result is
// appended to its results.jsonl.
func KNN(ctx context.Context, c config.KNN, o Options) (result rundir.Result, err error) {
	err = compute(ctx, &o, &c.Machine, &c.Net, c.BatchSize, func(ctx context.Context) error {
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
	setup.Host(&c.Machine, e.Model.Config.Device)
	bank, queries, err := setup.Datasets(ctx, c.Data, c.Net, o.Note)
	if stopped(ctx, err) {
		return rundir.Result{}, ErrStopped
	}
	if err != nil {
		return rundir.Result{}, err
	}
	bank, queries, said := setup.HoldOut(bank, queries)
	if said != "" {
		o.note("%s", said)
	}
	h := join.Hello("k-NN of "+filepath.Base(filepath.Dir(c.Ckpt)), &c)
	seen(&h, c.DataFolder, e.SHA256, bank, queries)
	if err := o.join(ctx, h, e.Model.Config.Device, "start it again", nil); err != nil {
		return rundir.Result{}, err
	}
	vote := eval.Vote{K: c.Neighbors, Temperature: c.KNNTemperature, Standardize: c.Standardize}
	p := &neighborVote{c, o, bank, queries, vote}
	accuracy, err := p.accuracy(ctx, e.Model)
	if err != nil {
		return rundir.Result{}, err
	}
	metrics := map[string]any{
		"top1": accuracy, "k": c.Neighbors, "temperature": c.KNNTemperature, "standardized": c.Standardize,
		"chance": eval.Chance(queries), "train_images": bank.Len(), "test_images": queries.Len(),
	}
	if said != "" {
		metrics["held_out"] = true
	}
	beside := fmt.Sprintf("chance %.2f %%", metrics["chance"])
	untrained, known, err := p.untrained(ctx, e)
	if err != nil {
		return rundir.Result{}, err
	}
	if known {
		metrics["untrained"] = untrained
		beside = fmt.Sprintf("untrained %.2f %%, %s", untrained, beside)
	}
	result := e.result("knn", bank.Name(), metrics, c.Seed, config.Values(&c))
	if dir := filepath.Dir(c.Ckpt); c.Ckpt != "" && rundir.IsRun(dir) && o.Launch.World().First() {
		if err := result.Append(dir); err != nil {
			o.note("%v", err)
		}
	}
	features := ""
	if c.Standardize {
		features = " of standardized features"
	}
	o.line(fmt.Sprintf("k-NN top-1%s: %.2f %% (%s)\n%s, τ %v; %d training images, %d test images",
		features, accuracy, beside, humanize.Count(min(c.Neighbors, bank.Len()), "neighbor"), c.KNNTemperature,
		bank.Len(), queries.Len()))
	return result, o.result(result)
}

// neighborVote is a k-NN evaluation of networks on the same images.
type neighborVote struct {
	config.KNN
	Options
	bank, queries data.Dataset
	vote          eval.Vote
}

func (p *neighborVote) accuracy(ctx context.Context, m *nn.Model) (float64, error) {
	accuracy, err := eval.KNNAccuracy(m, p.bank, p.queries, p.vote, features.Options{
		Size: p.InputRes, Batch: p.BatchSize, Workers: p.Workers, Precision: setup.Dtype(p.Precision),
		Progress: p.Features, Context: ctx, Peers: p.company.peers(),
	})
	if stopped(ctx, err) {
		err = ErrStopped
	}
	return accuracy, err
}

// fewImages is the number of images up to which an untrained network is evaluated, too,
// unless the user decides.
const fewImages = 20_000

// untrained returns the accuracy of the encoder's network before training, if it is asked
// for and e is not untrained itself.
func (p *neighborVote) untrained(ctx context.Context, e *evaluatedEncoder) (accuracy float64, known bool, err error) {
	images := p.bank.Len() + p.queries.Len()
	switch {
	case p.Ckpt == "" || !p.Untrained:
		return 0, false, nil
	case images > fewImages && !p.Set["untrained"]:
		p.note("an untrained network is not evaluated beside it, because of %d images; --untrained does", images)
		return 0, false, nil
	}
	model, err := nn.New(e.Model.Config, p.Seed)
	if err != nil {
		return 0, false, err
	}
	defer model.Free()
	accuracy, err = p.accuracy(ctx, model)
	return accuracy, err == nil, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
