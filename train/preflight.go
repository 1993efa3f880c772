package train

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"contralens/config"
	"contralens/contrast"
	"contralens/data/loader"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/scores/record"
)

// Warnings returns sentences about what may go wrong in the training, each with a
// suggestion. It is called before the training.
func (r *Run) Warnings() []string {
	var w []string
	n, c := r.Train.Len(), r.Config
	if n < c.BatchSize {
		w = append(w, fmt.Sprintf("the dataset (%d images) is smaller than a batch: every step sees all of it; give "+
			"--batch_size %d or less", n, max(2, n/8)))
	}
	keys, of := n, fmt.Sprintf("the dataset (%d images)", n)
	if c.Symmetric {
		keys, of = 2*n, fmt.Sprintf("the %d keys of an epoch", 2*n)
	}
	if c.K > keys && r.Model.Method.State().Queue > 0 && !c.MaskSelf {
		w = append(w, fmt.Sprintf("the queue (%d keys) is longer than %s: it holds older keys of "+
			"every image, so that each meets itself among its negatives; give -k %d or less", c.K, of, powerBelow(keys)))
	}
	w = append(w, tooLate(&r.Config, r.Batches, r.fresh())...)
	need := r.diskNeed()
	if free, err := machine.DiskFree(r.Dir); err == nil && need > free {
		w = append(w, fmt.Sprintf("checkpoints and scores will need about %s, but %s has %s left: make room, or give "+
			"--keep or a larger --save_freq", megabytes(need), r.Dir, megabytes(free)))
	}
	return w
}

// TooLate returns notes on options that would take effect only after the training has ended, each with a suggestion.
// images is the number of training images.
func TooLate(c *config.Contrast, images int) []string {
	batches, queue := loader.Batches(images, c.BatchSize, dropsLast(images, c.BatchSize)), 0
	if c.Memory == "moco" {
		queue = c.K
	}
	return tooLate(c, batches, renewed(c, batches, queue, c.Memory == "bank"))
}

// tooLate returns the notes of TooLate. batches is the number of steps in an epoch, and fresh the one of steps after
// which the memory has replaced all the features it started with.
func tooLate(c *config.Contrast, batches, fresh int) (w []string) {
	all := c.Epochs * batches
	if c.WarmSteps >= all && all > 1 {
		w = append(w, fmt.Sprintf("the warm-up of %d steps (--warm_steps) does not end within the training of %s, so the "+
			"learning rate is below %v until the last step; give fewer, such as a tenth of the training", c.WarmSteps,
			humanize.Count(all, "step"), c.LearningRate))
	}
	if c.MixNorm && !c.Transforms() {
		w = append(w, fmt.Sprintf("features are not transformed: that would start after epoch %d, and the training has %s; "+
			"give a smaller --mix_start_epoch", c.MixEpoch, humanize.Count(c.Epochs, "epoch")))
	}
	if c.Transforms() {
		first, why, instead := c.MixStep, "--mix_start_step", "give a smaller one"
		if auto := max(c.MixEpoch*batches, max(1, fresh)+separatedSteps-1); c.MixStart == "auto" && auto > first {
			first, why = auto, "--mix_start auto"
			instead = fmt.Sprintf("train for longer, or let it start after an epoch: --ft %s --mix_start_epoch", c.MixTarget)
		}
		if first >= all {
			w = append(w, fmt.Sprintf("features are not transformed: that would start after step %d at the earliest (%s), "+
				"and the training has %s; %s", first, why, humanize.Count(all, "step"), instead))
		}
	}
	if c.Synthetic != "none" && !c.Synthesizes() {
		w = append(w, fmt.Sprintf("no synthetic negatives are added (--synthetic %s): they would start after epoch %d, and "+
			"the training has %s; give a smaller --synthetic_start_epoch", c.Synthetic, c.SyntheticStart,
			humanize.Count(c.Epochs, "epoch")))
	}
	return w
}

// powerBelow is the largest power of two that is not above n/2, at least 1.
func powerBelow(n int) int {
	p := 1
	for 2*p <= n/2 {
		p *= 2
	}
	return p
}

func megabytes(n int64) string {
	if n >= 10e9 {
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

// diskNeed returns an upper estimate of the bytes that the run's checkpoints and scores
// will take, minus those that exist already.
func (r *Run) diskNeed() int64 {
	m, c, n := r.Model, r.Config, r.Train.Len()
	memory := m.Method.State()
	states := slices.Concat(m.Query.State, memory.Contrast, memory.Own)
	if m.Key != nil {
		states = append(states, m.Key.State...)
	}
	values := 0
	for _, e := range states {
		values += e.Tensor.Numel()
	}
	for _, b := range m.Optimizer.State() {
		values += b.Numel()
	}
	for _, origins := range memory.Origins[:min(1, len(memory.Origins))] {
		values += origins.Numel()
	}
	kept := c.Epochs / c.SaveFreq
	if c.Keep > 0 {
		kept = min(kept, c.Keep+1) // the oldest is removed after the newest is written
	}
	total := int64(4*values) * int64(kept+2) // plus current.pth and the temporary file
	steps := int64(c.Epochs * r.Batches)
	if c.SaveScore {
		total += steps * int64(4*c.BatchSize*contrast.ScoreColumns)
	}
	if c.Record || c.SaveScore {
		h := record.NewHeader(record.TrainingNames(), record.TrainingHistograms(m.Transform.On()))
		row := len(h.Series)
		for _, k := range h.Histograms {
			row += k.Bins
		}
		total += steps * int64(4*row) * 8 / 7 // and the coarser levels
	}
	if images := min(c.Probe, n); images > 0 && (c.Record || c.SaveScore) {
		probed := c.Epochs/probeEvery(c.Epochs, n, images) + 2
		total += int64(4*images*m.Query.FeatureDim()) * int64(probed)
	}
	filepath.WalkDir(r.Dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				total -= info.Size()
			}
		}
		return nil
	})
	return max(total, 0)
}
