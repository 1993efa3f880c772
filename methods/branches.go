package methods

import (
	"fmt"

	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// contrastBranches adds up the contrasts of a batch's queries, one for each branch
// of the encoder. With CMC a modality's images meet the other modality's keys and
// negatives, its jigsaws their own: contrast gets the number of the branch that the
// queries [N, d] meet. Jigsaws weigh β and images then 1-β; they are not
// transformed and not measured, which the batch that loss gets says.
//
// What is reported is the mean over the branches, statistics are those of all
// queries; score rows, one an image, are the first branch's.
func (m *Model) contrastBranches(b *Batch, images []*torch.Tensor,
	loss func(branch int, q *torch.Tensor, b *Batch) contrast.Output) (sum Outcome) {
	jigsaws := m.EmbedJigsaw(b)
	weight := 1.0
	if jigsaws != nil {
		weight = 1 - m.Beta
	}
	for i, q := range images {
		sum.add(loss(len(images)-1-i, q, b), weight, len(images))
	}
	if jigsaws == nil {
		return sum
	}
	sum.Jigsaw = &Jigsaw{}
	plain := &Batch{Random: untransformed{b.Random}}
	for i, q := range jigsaws {
		out := loss(i, q, plain)
		sum.Jigsaw.Loss += out.Value / float64(len(jigsaws))
		sum.Jigsaw.Accuracy += out.Accuracy / float64(len(jigsaws))
		sum.Loss = sum.Loss.AddScaled(out.Loss, m.Beta)
	}
	return sum
}

// untransformed draws no λ.
type untransformed struct{ Random }

// Transform transforms nothing.
func (untransformed) Transform(_, _, _ int) contrast.Draw { return contrast.Draw{} }

// ContrastOptions are the options of package contrast for a batch.
func (m *Model) ContrastOptions(b *Batch) contrast.Options {
	o := contrast.Options{Temperature: m.Temperature, Scores: b.Collect.Scores}
	if b.Collect.Statistics {
		// Transformed scores leave the range of unit features.
		if o.Bound = 1; m.Transform.On() {
			o.Bound = 2
		}
	}
	return o
}

// add takes in one of n contrasts: its loss with a weight, its figures to the mean.
func (o *Outcome) add(out contrast.Output, weight float64, n int) {
	loss := out.Loss
	if weight != 1 {
		loss = loss.MulScalar(weight)
	}
	if o.Loss == nil {
		o.Loss, o.Negatives, o.Scores, o.Statistics = loss, out.Negatives, out.Scores, out.Statistics
	} else {
		o.Loss = o.Loss.Add(loss)
		o.mergeStatistics(out)
	}
	o.Value += out.Value / float64(n)
	o.Accuracy += out.Accuracy / float64(n)
}

// mergeStatistics takes in the statistics of a further contrast, where they are
// collected.
func (o *Outcome) mergeStatistics(out contrast.Output) {
	if o.Statistics != nil {
		o.Statistics.Merge(out.Statistics)
	}
}

// average is the outcome of two directions: losses added, figures averaged,
// statistics those of all queries, score rows the first one's.
func average(a, b Outcome) Outcome {
	a.Loss = a.Loss.Add(b.Loss)
	a.Value, a.Accuracy = (a.Value+b.Value)/2, (a.Accuracy+b.Accuracy)/2
	a.mergeStatistics(b.Output)
	if a.Jigsaw != nil {
		a.Jigsaw = &Jigsaw{
			Loss:     (a.Jigsaw.Loss + b.Jigsaw.Loss) / 2,
			Accuracy: (a.Jigsaw.Accuracy + b.Jigsaw.Accuracy) / 2,
		}
	}
	return a
}

// concat puts the keys of each branch one behind the other: [2N, d].
func concat(first, second []*torch.Tensor) (all []*torch.Tensor) {
	for i := range first {
		all = append(all, torch.Cat([]*torch.Tensor{first[i], second[i]}, 0))
	}
	return all
}

// enqueue puts the keys of each branch into its queue.
func (m *Model) enqueue(queues []*contrast.Queue, keys []*torch.Tensor) {
	defer m.Clock.Enter(Enqueue)()
	for i, queue := range queues {
		queue.Enqueue(keys[i])
	}
}

// updateBanks moves the rows of images, int64 [N], in each branch's bank towards
// their features.
func (m *Model) updateBanks(banks []*contrast.MemoryBank, images *torch.Tensor, features []*torch.Tensor) {
	defer m.Clock.Enter(Enqueue)()
	for i, bank := range banks {
		bank.Update(images, features[i], m.BankMomentum)
	}
}

// named are memories by the names of PyTorch code: memory, or memory_1 and
// memory_2.
func named(rows []*torch.Tensor) nn.State {
	if len(rows) == 1 {
		return nn.State{{Name: "memory", Tensor: rows[0], Buffer: true}}
	}
	var s nn.State
	for i, r := range rows {
		s = append(s, nn.Entry{Name: fmt.Sprint("memory_", i+1), Tensor: r, Buffer: true})
	}
	return s
}
