package protocol

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/stat"

	"contralens/eval"
	"contralens/eval/classify"
	"contralens/internal/humanize"
	"contralens/torch"
)

// fewShot fits a logistic regression to the features [N, D] of a few labeled images of each
// class, several times with other images, and tests each on all test images. Accuracies are
// means over the draws.
func (p *linearProbe) fewShot(ctx context.Context, features *torch.Tensor, labels []int64) error {
	n, draws := p.c.FewShot, p.c.Draws
	p.protocol = fmt.Sprintf("few-shot-%d", n)
	var all []eval.Scores
	var top1 []float64
	for d := range draws {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := p.oneDraw(ctx, features, labels, n, uint64(d))
		if err != nil {
			return fmt.Errorf("draw %d: %w", d+1, err)
		}
		all, top1 = append(all, s), append(top1, s.Top1)
		p.print("draw %d of %d: top-1 %.2f %%", d+1, draws, s.Top1)
	}
	p.scores = meanScores(all)
	p.metrics["l2"], p.metrics["labels_per_class"], p.metrics["top1_by_draw"] = p.c.L2, n, top1
	if draws > 1 {
		p.metrics["top1_std"] = stat.StdDev(top1, nil)
	}
	p.print("%s per class, %s: accuracies are means over the draws", humanize.Count(n, "label"),
		humanize.Count(draws, "draw"))
	return nil
}

// oneDraw tests the classifier of one draw.
func (p *linearProbe) oneDraw(
	ctx context.Context, features *torch.Tensor, labels []int64, n int, number uint64,
) (s eval.Scores, err error) {
	at, err := classify.DrawLabels(labels, p.classes, n, p.Seed, number)
	if err != nil {
		return s, err
	}
	torch.Scoped(func() {
		index, y := make([]int64, len(at)), make([]int64, len(at))
		for i, row := range at {
			index[i], y[i] = int64(row), labels[row]
		}
		x := features.IndexSelect(0, torch.FromInt64(index, len(index)))
		var head *classify.Linear
		if head, err = classify.Logistic(x, y, p.c.NClass, p.c.L2, lbfgsIterations); err == nil {
			defer head.Free()
			s, err = p.testWith(ctx, head)
		}
	})
	return s, err
}

// meanScores returns the means of scores on the same test images.
func meanScores(all []eval.Scores) (m eval.Scores) {
	n := float64(len(all))
	m.PerClass = make([]float64, len(all[0].PerClass))
	for _, s := range all {
		m.Top1, m.Top5, m.Loss = m.Top1+s.Top1/n, m.Top5+s.Top5/n, m.Loss+s.Loss/n
		for c, a := range s.PerClass {
			m.PerClass[c] += a / n
		}
	}
	return m
}
