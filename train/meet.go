package train

import (
	"contralens/contrast"
	"contralens/torch"
)

// target is what queries meet: their keys [N, d] and the negatives.
type target struct {
	keys      *torch.Tensor
	negatives contrast.Negatives
}

// meet contrasts the queries of each branch with targets, one a branch. With CMC a
// modality's images meet the other's target, its jigsaws their own. Losses of
// branches are added; jigsaws weigh β and images then 1-β. Features are transformed
// for images only.
//
// What is reported is the mean over the branches, statistics are those of all
// queries; score rows, one an image, are the first branch's.
func (m *Model) meet(b *Batch, images, jigsaws []*torch.Tensor, targets []target) Outcome {
	var sum Outcome
	weight := 1.0
	if jigsaws != nil {
		weight = 1 - m.Beta
	}
	for i, q := range images {
		t := targets[len(targets)-1-i]
		draw := b.Random.Draw(q.Size(0), t.negatives.Len(), q.Size(1))
		sum.add(contrast.InfoNCE(q, t.keys, t.negatives, draw, m.ContrastOptions(b, draw)), weight, len(images))
	}
	if jigsaws == nil {
		return sum
	}
	sum.Jigsaw = &Jigsaw{}
	for i, q := range jigsaws {
		t := targets[i]
		out := contrast.InfoNCE(q, t.keys, t.negatives, contrast.Draw{}, contrast.Options{Temperature: m.Temperature})
		sum.Jigsaw.Loss += out.Value / float64(len(jigsaws))
		sum.Jigsaw.Accuracy += out.Accuracy / float64(len(jigsaws))
		sum.Loss = sum.Loss.AddScaled(out.Loss, m.Beta)
	}
	return sum
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
// watched.
func (o *Outcome) mergeStatistics(out contrast.Output) {
	if o.Statistics != nil {
		o.Statistics.Merge(out.Statistics)
	}
}

// both is the outcome of two directions: losses added, figures averaged, statistics
// those of all queries, score rows the first one's.
func both(a, b Outcome) Outcome {
	a.Loss = a.Loss.Add(b.Loss)
	a.Value, a.Accuracy = (a.Value+b.Value)/2, (a.Accuracy+b.Accuracy)/2
	a.mergeStatistics(b.Output)
	if a.Jigsaw != nil {
		a.Jigsaw = &Jigsaw{Loss: (a.Jigsaw.Loss + b.Jigsaw.Loss) / 2, Accuracy: (a.Jigsaw.Accuracy + b.Jigsaw.Accuracy) / 2}
	}
	return a
}
