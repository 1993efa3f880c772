package methods

import (
	"fmt"

	"contralens/contrast"
	"contralens/nn"
	"contralens/torch"
)

// contrastBranches sums the losses of a batch's queries over the branches of the
// encoder. With CMC, images of one modality are contrasted with the keys and negatives
// of the other, and jigsaws with those of their own. loss gets the index of the branch
// whose keys and negatives the queries [N, d] are contrasted with. If there are
// jigsaws, their loss has weight β and that of the images 1-β. Jigsaws are neither
// transformed nor measured; the batch that loss gets says so. Reported figures are
// means over the branches, and statistics cover all queries. Rows of scores, one per
// image, are those of the first branch.
func (m *Model) contrastBranches(b *Batch, images []*torch.Tensor,
	loss func(branch int, q *torch.Tensor, b *Batch) *contrast.Output) (sum Outcome) {
	jigsaws := m.EmbedJigsaw(b)
	weight := 1.0
	if jigsaws != nil {
		weight = 1 - m.Beta
	}
	for i, q := range images {
		sum.add(loss(len(images)-1-i, q, b), weight, len(images), b.Readback)
	}
	if jigsaws == nil {
		return sum
	}
	mean := &Jigsaw{}
	sum.Jigsaw = mean
	plain := &Batch{Random: untransformed{b.Random}, Readback: b.Readback, Images: b.Images, Step: b.Step}
	for i, q := range jigsaws {
		out := loss(i, q, plain)
		b.Readback.Then(func() {
			mean.Loss += out.Value / float64(len(jigsaws))
			mean.Accuracy += out.Accuracy / float64(len(jigsaws))
		})
		sum.Loss = sum.Loss.AddScaled(out.Loss, m.Beta)
	}
	return sum
}

// queryLoss draws the feature transformation of queries q [N, d] and returns their loss with any keys
// of a branch. So both keys of mixed queries have the same λ and π.
type queryLoss func(branch int, q *torch.Tensor, b *Batch) keyLoss

// keyLoss is the loss of queries with keys k [N, d].
type keyLoss func(k *torch.Tensor, o contrast.Options) *contrast.Output

// contrastKeys contrasts the queries of each branch with keys, [N, d] per branch. See contrastBranches.
func (m *Model) contrastKeys(b *Batch, queries, keys []*torch.Tensor, loss queryLoss) Outcome {
	return m.contrastBranches(b, queries, func(i int, q *torch.Tensor, b *Batch) *contrast.Output {
		return loss(i, q, b)(keys[i], m.ContrastOptions(b))
	})
}

// untransformed draws no λ.
type untransformed struct{ Random }

// Transform transforms nothing.
func (untransformed) Transform(_, _, _ int) contrast.Draw { return contrast.Draw{} }

// ContrastOptions are the options of package contrast for a batch.
func (m *Model) ContrastOptions(b *Batch) contrast.Options {
	o := contrast.Options{Temperature: m.Temperature, Loss: m.Loss, Scores: b.Collect.Scores, Readback: b.Readback}
	if m.Synthesis != nil {
		o.Synthesis, o.Seed = m.Synthesis, b.Random.Seed()
	}
	if b.Collect.Statistics {
		// Transformed scores leave the range of unit features.
		if o.Bound = 1; m.Transform.On() {
			o.Bound = 2
		}
	}
	if m.MaskSelf && b.Images != nil && (m.Memory == "moco" || m.Memory == "bank") {
		o.Own = torch.FromInt64(b.Images, len(b.Images)).To(torch.Int32).ToDevice(m.Device())
	}
	if b.Collect.Trace > 0 && !b.traced {
		b.traced = true // by the first contrast, which stands for the others
		o.Trace = m.tracing(b)
	}
	return o
}

// tracing asks for the trace of a batch.
func (m *Model) tracing(b *Batch) *contrast.Tracing {
	t := &contrast.Tracing{Top: b.Collect.Trace, Step: b.Step, Labels: b.Labels}
	if b.Images == nil {
		return t
	}
	origins := b.origins(0, nil, m.Device())
	t.Images = origins.Select(1, contrast.OriginImage).Contiguous()
	if len(b.Crops) > 1 {
		t.Batch = torch.Cat([]*torch.Tensor{origins, b.origins(1, nil, m.Device())}, 0)
	}
	return t
}

// add adds one of n contrasts: its weighted loss, and its share of the mean figures, once
// they are known.
func (o *Outcome) add(out *contrast.Output, weight float64, n int, r *torch.Readback) {
	loss := out.Loss
	if weight != 1 {
		loss = loss.MulScalar(weight)
	}
	first := o.Output == nil
	if first {
		o.Output = &contrast.Output{Loss: loss, Negatives: out.Negatives}
	} else {
		o.Loss = o.Loss.Add(loss)
	}
	sum := o.Output
	r.Then(func() {
		if first {
			sum.Scores, sum.Statistics, sum.Trace = out.Scores, out.Statistics, out.Trace
		} else {
			mergeStatistics(sum, out)
		}
		sum.Value += out.Value / float64(n)
		sum.Accuracy += out.Accuracy / float64(n)
	})
}

// mergeStatistics adds the statistics of a further contrast, if they are collected.
func mergeStatistics(to, from *contrast.Output) {
	if to.Statistics != nil {
		to.Statistics.Merge(from.Statistics)
	}
}

// average combines the outcomes of two directions: it adds the losses, averages the
// figures and merges the statistics. Rows of scores are those of the first direction.
func average(a, b Outcome, r *torch.Readback) Outcome {
	a.Loss = a.Loss.Add(b.Loss)
	r.Then(func() {
		a.Value, a.Accuracy = (a.Value+b.Value)/2, (a.Accuracy+b.Accuracy)/2
		mergeStatistics(a.Output, b.Output)
		if a.Jigsaw != nil {
			a.Jigsaw.Loss = (a.Jigsaw.Loss + b.Jigsaw.Loss) / 2
			a.Jigsaw.Accuracy = (a.Jigsaw.Accuracy + b.Jigsaw.Accuracy) / 2
		}
	})
	return a
}

// concat concatenates the keys of each branch: [2N, d].
func concat(first, second []*torch.Tensor) (all []*torch.Tensor) {
	for i := range first {
		all = append(all, torch.Cat([]*torch.Tensor{first[i], second[i]}, 0))
	}
	return all
}

// enqueue puts the keys of each branch, which have the same origins, into its queue.
func (m *Model) enqueue(queues []*contrast.Queue, keys []*torch.Tensor, origins *torch.Tensor) {
	defer m.Clock.Enter(Enqueue)()
	_, stopped := m.Optimizer.Guard()
	for i, queue := range queues {
		queue.EnqueueFrom(stopped, keys[i], origins)
	}
}

// updateBanks moves the rows of images, int64 [N], in each branch's bank towards
// their features, and notes their origins.
func (m *Model) updateBanks(
	banks []*contrast.MemoryBank, images *torch.Tensor, features []*torch.Tensor, origins *torch.Tensor,
) {
	defer m.Clock.Enter(Enqueue)()
	_, stopped := m.Optimizer.Guard()
	for i, bank := range banks {
		bank.UpdateUnless(stopped, images, features[i], m.BankMomentum)
		bank.MarkUnless(stopped, images, origins)
	}
}

// origins are those of a crop of the batch's images in an order (nil: as they are), int32 [N, 3].
func (b *Batch) origins(crop int, order []int64, device torch.Device) *torch.Tensor {
	images := b.Images
	if images != nil && order != nil {
		images = make([]int64, len(order))
		for i, row := range order {
			images[i] = b.Images[row]
		}
	}
	return contrast.Origins(images, b.Len(), b.Step, crop, device)
}

// named gives the memories their names in the PyTorch code: memory, or memory_1 and
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
