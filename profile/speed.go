package profile

import (
	"context"
	"errors"
	"time"

	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/nn"
	"contralens/torch"
	"contralens/train"
)

// Speed is how fast a machine trains and evaluates: what predicts the duration of a
// pre-training with k-NN evaluations.
type Speed struct {
	Train    float64       // images per second in training steps: views, recording and all
	Epoch    time.Duration // of an epoch, in addition to its steps
	Evaluate float64       // images per second whose features are computed
	Vote     float64       // pairs of a query and a neighbor per second in the vote of k-NN
}

const (
	// speedTime is how long training steps are measured, speedLimit how long if no epoch
	// has ended by then. Features take half as long.
	speedTime  = 3 * time.Second
	speedLimit = 3 * speedTime
	// speedSteps is the number of steps that are timed at least.
	speedSteps = 3
)

// MeasureSpeed measures the pre-training that c describes, with everything that it records,
// on c's own images, and chooses what c leaves open: c has it afterwards. A small c.Limit
// makes epochs short, so that their ends are measured, too. Call it inside torch.Run.
func MeasureSpeed(ctx context.Context, c *config.Contrast, o Options) (s Speed, err error) {
	r, err := o.build(ctx, c, c.DataFolder, false)
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return s, err
	}
	o.Show("measuring training steps …")
	watch := &epochWatch{}
	r.Say = o.Print
	r.Hooks = append(train.StepHooks(*c, c.TBPath), train.CheckpointHook(c.SaveFreq, c.Keep), watch.Hook())
	r.Config.Epochs = 1 << 30
	if err := r.Do(ctx); !errors.Is(err, ErrDone) {
		return s, err
	}
	s.Train, s.Epoch = watch.Speed()
	o.Show("measuring features …")
	s.Evaluate, err = featureSpeed(ctx, r)
	if err == nil {
		o.Show("measuring k-NN …")
		s.Vote = voteSpeed(r.Model.Query)
	}
	o.Show("")
	return s, err
}

// epochWatch times steps, and the ends of epochs apart from them.
type epochWatch struct {
	begin, last time.Time
	warm        bool // the first steps, which allocate memory, are done
	ended       bool // an epoch ended after the last step
	images      int  // in steps that follow a step of the same epoch
	endImages   int  // in those that follow the end of an epoch
	steps, ends int
	inSteps     time.Duration // for steps that follow a step of the same epoch
	inEnds      time.Duration // for steps that follow the end of an epoch
}

// Hook returns a hook that ends a run with ErrDone when enough is measured.
func (w *epochWatch) Hook() train.Hook {
	return train.Hook{
		Order: train.Evaluate + 1,
		Start: func(*train.Run) error { w.begin = time.Now(); return nil },
		Step:  func(_ *train.Run, s train.Step) error { return w.step(time.Now(), s.Images) },
		Epoch: func(*train.Run) error { w.ended = true; return nil },
	}
}

// step takes the end of a step.
func (w *epochWatch) step(now time.Time, images int) error {
	took, ended := now.Sub(w.last), w.ended
	w.last, w.ended = now, false
	switch {
	case !w.warm: // two steps at least, and as many as fit into a sixth of the time
		w.steps++
		if w.warm = w.steps >= 2 && now.Sub(w.begin) > speedTime/6; w.warm {
			w.steps, w.begin = 0, now
		}
		return nil
	case ended:
		w.ends, w.endImages, w.inEnds = w.ends+1, w.endImages+images, w.inEnds+took
	default:
		w.steps, w.images, w.inSteps = w.steps+1, w.images+images, w.inSteps+took
	}
	spent := now.Sub(w.begin)
	enough := w.steps >= speedSteps || w.steps == 0 && w.ends >= speedSteps // of epochs of one step
	if enough && (spent >= speedLimit || spent >= speedTime && w.ends > 0) {
		return ErrDone
	}
	return nil
}

// Speed returns the images per second in steps, and what the end of an epoch takes besides
// a step; that of a step if no epoch ended. If every epoch has one step, the ends are in the speed.
func (w *epochWatch) Speed() (images float64, end time.Duration) {
	if w.steps == 0 {
		return float64(w.endImages) / max(w.inEnds.Seconds(), 1e-9), 0
	}
	each := w.inSteps / time.Duration(max(1, w.steps))
	end = each
	if w.ends > 0 {
		end = max(0, w.inEnds/time.Duration(w.ends)-each)
	}
	return float64(w.images) / max(w.inSteps.Seconds(), 1e-9), end
}

// featureSpeed returns the images per second whose features an evaluation computes.
func featureSpeed(ctx context.Context, r *train.Run) (float64, error) {
	o := features.Options{Size: r.Config.InputRes, Workers: r.Config.Workers, Precision: r.Model.Precision, Context: ctx}
	n := min(r.Bank.Len(), 128)
	for {
		begin := time.Now()
		f, _, err := features.Compute(r.Model.Query, data.Repeat(r.Bank, n), o)
		if err != nil {
			return 0, err
		}
		f.Free()
		took := time.Since(begin)
		if took >= speedTime/6 || n >= most {
			return float64(n) / took.Seconds(), nil
		}
		n = min(most, 4*n)
	}
}

// most is the largest number of images whose features are computed to measure.
const most = 1 << 16

// voteSpeed returns the pairs of a query and a neighbor per second that k-NN compares.
func voteSpeed(m *nn.Model) float64 {
	const bank, queries = 4000, 1000
	d := m.FeatureDim()
	var took time.Duration
	torch.Scoped(func() {
		neighbors := torch.FromFloat32(normal(bank*d, 0), bank, d)
		asked := neighbors.Narrow(0, 0, queries)
		labels := make([]int64, bank)
		begin := time.Now()
		eval.KNN(neighbors, labels, asked, labels[:queries], eval.PaperVote, 2)
		took = time.Since(begin)
	})
	return bank * queries / took.Seconds()
}
