package classify

import (
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/torch"
)

// Test evaluates classifiers on the images of a dataset, all in one pass, and returns
// the scores of each. counts are the numbers of training images per class.
func Test(m *nn.Model, heads []*Linear, d data.Dataset, counts []int, o features.Options) ([]eval.Scores, error) {
	tallies := newTallies(heads)
	defer func() {
		for _, t := range tallies {
			t.Free()
		}
	}()
	err := features.EachBatch(m, d, o, func(f *torch.Tensor, b *prefetch.Batch) error {
		add(tallies, heads, f, b.Labels)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return scores(tallies, counts), nil
}

// TestCached evaluates classifiers on features [N, D] that were computed beforehand.
func TestCached(heads []*Linear, features *torch.Tensor, labels []int64, counts []int) []eval.Scores {
	const chunk = 4096
	tallies := newTallies(heads)
	torch.NoGrad(func() {
		for at := 0; at < len(labels); at += chunk {
			n := min(chunk, len(labels)-at)
			torch.Scoped(func() {
				f := features.Narrow(0, at, n).ToDevice(heads[0].Weight.Device())
				add(tallies, heads, f, labels[at:at+n])
			})
		}
	})
	return scores(tallies, counts)
}

func newTallies(heads []*Linear) []*eval.Tally {
	tallies := make([]*eval.Tally, len(heads))
	for i, h := range heads {
		tallies[i] = eval.NewTally(h.Classes())
	}
	return tallies
}

func add(tallies []*eval.Tally, heads []*Linear, f *torch.Tensor, labels []int64) {
	for i, h := range heads {
		tallies[i].Add(h.Logits(f), labels)
	}
}

func scores(tallies []*eval.Tally, counts []int) []eval.Scores {
	all := make([]eval.Scores, len(tallies))
	for i, t := range tallies {
		all[i] = t.Scores(counts)
	}
	return all
}
