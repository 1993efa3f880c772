package eval

import (
	"fmt"

	"contralens/data"
	"contralens/nn"
	"contralens/torch"
)

// KNN is the accuracy in percent of a vote of the k nearest of bank [N, D] for
// each query [M, D], by cosine similarity s, each vote weighing exp(s/τ) (Wu et
// al., 2018). k larger than the bank takes all of it.
func KNN(bank *torch.Tensor, bankLabels []int64, queries *torch.Tensor, queryLabels []int64, k int, τ float64, classes int) float64 {
	const chunk = 1000
	k = min(k, len(bankLabels))
	right := 0
	torch.NoGrad(func() {
		torch.Scoped(func() {
			b := bank.Normalize(1).T()
			labels := torch.FromInt64(bankLabels, len(bankLabels))
			for start := 0; start < len(queryLabels); start += chunk {
				n := min(chunk, len(queryLabels)-start)
				torch.Scoped(func() {
					s, at := queries.Narrow(0, start, n).Normalize(1).Mm(b).TopK(k, 1)
					voters := labels.IndexSelect(0, at.Reshape(-1)).Reshape(n, k)
					votes := torch.Zeros([]int{n, classes}).ScatterAdd_(1, voters, s.DivScalar(τ).Exp_())
					for i, c := range votes.Argmax(1, false).Int64s() {
						if c == queryLabels[start+i] {
							right++
						}
					}
				})
			}
		})
	})
	return 100 * float64(right) / float64(len(queryLabels))
}

// KNNAccuracy is KNN of a network's features: the bank is the training set, the
// queries are the test set.
func KNNAccuracy(m *nn.Model, train, test data.Dataset, k int, τ float64, o Options) (accuracy float64, err error) {
	if test == nil {
		return 0, fmt.Errorf("k-NN: want a val/ or test/ folder beside train/ for the queries, found none in dataset %s", train.Name())
	}
	if len(train.Classes()) < 2 {
		return 0, fmt.Errorf("k-NN: want at least 2 classes in dataset %s, got %d", train.Name(), len(train.Classes()))
	}
	total := train.Len() + test.Len()
	done := 0
	if report := o.Progress; report != nil {
		o.Progress = func(n, _ int) { report(done+n, total) }
	}
	torch.Scoped(func() {
		var bank, queries *torch.Tensor
		var bankLabels, queryLabels []int64
		if bank, bankLabels, err = Features(m, train, o); err != nil {
			return
		}
		done = train.Len()
		if queries, queryLabels, err = Features(m, test, o); err != nil {
			return
		}
		accuracy = KNN(bank, bankLabels, queries, queryLabels, k, τ, len(train.Classes()))
	})
	return accuracy, err
}
