package classify

import (
	"fmt"
	"math"

	"contralens/torch"
)

// readEvery is the number of steps after which the figures of a GPU's steps are read. A step
// on cached features takes a tenth of a millisecond, less than waiting for it.
const readEvery = 50

// launched is a step whose figures have not been read.
type launched struct {
	step    Step
	images  int
	figures *torch.Tensor // float32 [3]: the loss, and the images right by top-1 and top-5
	told    *torch.Tensor // float32 [size, 1]: what processes asked for; nil in one process
}

// figures measures a batch: loss [], logits [N, C], labels int64 [N].
func figures(loss, logits, labels *torch.Tensor) (f *torch.Tensor) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			_, best := logits.TopK(min(5, logits.Size(1)), 1)
			hits := best.Eq(labels.View(-1, 1)).To(torch.Float32) // of each rank
			f = torch.Stack([]*torch.Tensor{loss, hits.Narrow(1, 0, 1).Sum(), hits.Sum()}, 0).Keep()
		})
	})
	return f
}

// most is the number of steps that may wait for their figures to be read.
func (t *Trainer) most(d torch.Device) int {
	if d.IsCPU() && !t.late {
		return 1
	}
	return readEvery
}

// settle reads the figures of the steps so far, adds them to the totals and reports the
// steps in order.
func (t *Trainer) settle() error {
	if len(t.pending) == 0 {
		return nil
	}
	defer t.drop()
	var rows [][]float64
	torch.Scoped(func() {
		r := torch.NewReadback(t.pending[0].figures.Device())
		for _, p := range t.pending {
			r.Values(p.figures, func(v []float64) { rows = append(rows, v) })
			if p.told != nil {
				r.Values(p.told, t.Shared.hear)
			}
		}
		r.Wait()
	})
	for i, p := range t.pending {
		s, n := p.step, float64(p.images)
		s.Loss, s.Top1 = rows[i][0], 100*rows[i][1]/n
		t.Totals.Images += p.images
		t.Totals.Loss += n * s.Loss
		t.Totals.Top1 += n * s.Top1
		t.Totals.Top5 += n * (100 * rows[i][2] / n)
		if !t.Diverging && (math.IsNaN(s.Loss) || math.IsInf(s.Loss, 0)) {
			return fmt.Errorf("the loss became %v in epoch %d, step %d; a lower --learning_rate than %v may help",
				s.Loss, s.Epoch, s.Batch, s.Rate)
		}
		if t.OnStep != nil {
			if err := t.OnStep(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets the steps whose figures have not been read.
func (t *Trainer) drop() {
	for _, p := range t.pending {
		p.figures.Free()
		p.told.Free()
	}
	t.pending = nil
}
