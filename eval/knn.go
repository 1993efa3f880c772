// Package eval evaluates encoders. It has the k-NN classifier (KNN) and the metrics
// that all evaluations share (Tally, Scores). Package classify trains linear
// classifiers, package protocol runs whole protocols, and package report collects
// results in a table.
package eval

import (
	"fmt"
	"slices"

	"contralens/data"
	"contralens/features"
	"contralens/nn"
	"contralens/peers"
	"contralens/torch"
	"contralens/world"
)

// Vote describes how the nearest neighbors vote.
type Vote struct {
	K           int     // number of neighbors; at most the size of the bank is used
	Temperature float64 // τ
	// Standardize subtracts from each feature its mean over the bank and divides it by
	// its standard deviation there, so that a few large features do not dominate.
	Standardize bool
}

// PaperVote is the vote of Wu et al. (2018): 200 neighbors, τ = 0.1.
var PaperVote = Vote{K: 200, Temperature: 0.1}

// KNN classifies each query [M, D] by a vote of its K nearest neighbors in bank [N, D],
// and returns the accuracy in percent. Neighbors are nearest by cosine similarity s,
// and a vote has the weight exp(s/τ).
func KNN(
	bank *torch.Tensor, bankLabels []int64, queries *torch.Tensor, queryLabels []int64, v Vote, classes int,
) float64 {
	right := knn(bank, bankLabels, queries, queryLabels, v, classes, nil)
	return 100 * float64(right) / float64(len(queryLabels))
}

// knn returns how many of this process's queries are right. Each process of a world has every
// Size-th chunk of the queries, so that products have the same shapes as in one process.
func knn(
	bank *torch.Tensor, bankLabels []int64, queries *torch.Tensor, queryLabels []int64, v Vote, classes int,
	p *peers.Peers,
) (right int) {
	w := worldOf(p)
	const chunk = 1000
	k := min(v.K, len(bankLabels))
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if v.Standardize {
				variance, mean := bank.VarMean([]int{0}, true, true)
				deviation := variance.Sqrt().AddScalar_(1e-6)
				bank, queries = bank.Sub(mean).Div(deviation), queries.Sub(mean).Div(deviation)
			}
			b := bank.Normalize(1).T()
			labels := torch.FromInt64(bankLabels, len(bankLabels))
			for start := w.Rank * chunk; start < len(queryLabels); start += max(1, w.Size) * chunk {
				n := min(chunk, len(queryLabels)-start)
				p.Tell(start+1, world.Computing)
				torch.Scoped(func() {
					s, at := queries.Narrow(0, start, n).Normalize(1).Mm(b).TopK(k, 1)
					voters := labels.IndexSelect(0, at.Reshape(-1)).Reshape(n, k)
					votes := torch.Zeros([]int{n, classes}).ScatterAdd_(1, voters, s.DivScalar(v.Temperature).Exp_())
					for i, c := range votes.Argmax(1, false).Int64s() {
						if c == queryLabels[start+i] {
							right++
						}
					}
				})
			}
		})
	})
	return right
}

// Labeled returns an error if an image of the dataset has no class.
func Labeled(d data.Dataset) error {
	for i := range d.Len() {
		if d.Label(i) < 0 {
			return fmt.Errorf("dataset %s: want a class for every image, but %s has none", d.Name(), d.Path(i))
		}
	}
	return nil
}

// KNNAccuracy returns the k-NN accuracy of a network's features, in percent. The bank
// is the training set; the queries are the test set. Several processes (o.Peers) share the
// features and the queries, and all return the accuracy.
func KNNAccuracy(m *nn.Model, train, test data.Dataset, v Vote, o features.Options) (accuracy float64, err error) {
	if len(train.Classes()) < 2 {
		return 0, fmt.Errorf("k-NN: want images of at least 2 classes, such as a folder per class, got %d in dataset %s; "+
			"without labels, look at neighbors (contralens features, then contralens neighbors)",
			len(train.Classes()), train.Name())
	}
	if err := Labeled(train); err != nil {
		return 0, err
	}
	if test == nil {
		return 0, fmt.Errorf("k-NN: want a val/ or test/ folder beside train/, or classes of at least 2 images, "+
			"found neither in dataset %s", train.Name())
	}
	if err := Labeled(test); err != nil {
		return 0, err
	}
	total := train.Len() + test.Len()
	done := 0
	if report := o.Progress; report != nil {
		o.Progress = func(n, _ int) { report(done+n, total) }
	}
	torch.Scoped(func() {
		var bank, queries *torch.Tensor
		var bankLabels, queryLabels []int64
		if bank, bankLabels, err = features.Compute(m, train, o); err != nil {
			return
		}
		done = train.Len()
		if queries, queryLabels, err = features.Compute(m, test, o); err != nil {
			return
		}
		var right int
		if d := m.Config.Device; d.IsCPU() {
			right = knn(bank, bankLabels, queries, queryLabels, v, len(train.Classes()), o.Peers)
		} else {
			right = knnOn(d, bankRows, bank, bankLabels, queries, queryLabels, v, len(train.Classes()), o.Peers)
		}
		accuracy = 100 * float64(sumOver(o.Peers, right)) / float64(len(queryLabels))
	})
	return accuracy, err
}

// worldOf is where this process is among others that may be.
func worldOf(p *peers.Peers) world.World {
	if p.One() {
		return world.Single()
	}
	return p.World
}

// sumOver returns the sum of a count over the processes.
func sumOver(p *peers.Peers, n int) int {
	if p.One() {
		return n
	}
	sum := torch.FromInt64([]int64{int64(n)}, 1).ToDevice(p.Device)
	defer sum.Free()
	p.Group.AllReduceSum(sum)
	return int(sum.Int64s()[0])
}

// Chance returns the accuracy of naming the most frequent class of a dataset for every
// image, in percent.
func Chance(d data.Dataset) float64 {
	return 100 * float64(slices.Max(data.ClassCounts(d))) / float64(max(1, d.Len()))
}
