package train

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"contralens/optim"
	"contralens/peers"
	"contralens/rundir"
	"contralens/torch"
	"contralens/world"
)

// ErrStopped ends a run that was asked to stop, after its state was saved.
var ErrStopped = errors.New("stopped")

// Run is the training of a detector and its place in it.
type Run struct {
	Model     Model
	Source    Source
	Optimizer *optim.SGD // see NewOptimizer
	Schedule  optim.Iterations
	Seed      uint64
	Dir       string
	Record    Record
	SaveEvery int // iterations between checkpoints
	TestEvery int // iterations between tests; 0: one test after the last iteration
	PreciseBN int // batches over which the norms are measured before a test; 0: none
	// Test tests the model; of several processes, the first alone.
	Test  func(ctx context.Context) (Score, error)
	Hooks []Hook // of several processes, the first alone runs them
	// Peers are the other processes of the training, each of which has its share of every batch;
	// nil: none. Together says that the model's norms use the statistics of the whole batch.
	// Otherwise those of each process move by its own images, and become their mean in every step.
	Peers    *peers.Peers
	Together bool

	Iteration int // completed ones

	saved      string // newest checkpoint
	savedStep  int
	good       atomic.Pointer[string] // names it in a sentence
	unmeasured bool                   // a stop came before the norms of this iteration were measured
	began      int                    // iterations completed when this process began
	aside      time.Duration          // of this process in measuring norms and in tests
	heard      []told                 // of the last step, by rank
	stopping   bool                   // a process was asked to stop
	compared   int                    // iterations after which the weights of all processes were the same
}

// Hook is something that hangs on the loop. Each of its functions may be nil. An error ends
// the training.
type Hook struct {
	Start func(*Run) error        // before the first iteration of this process
	Step  func(*Run, Step) error  // after each iteration
	Test  func(*Run, Score) error // after each test
}

// Step is what hooks learn about an iteration: of several processes, the sum of their images, and
// means of the rest.
type Step struct {
	Iteration int // counted from 1
	Images    int
	Loss      float64 // sum of the terms
	Terms     []Value
	Losses    // its tensors are gone
	Rate      float64
	// Right, RightForeground and Missed are the numbers of Losses.Classified, over all images.
	Right, RightForeground, Missed float64
	// Wait is the time for the batch, and Compute that for the rest.
	Wait, Compute time.Duration
}

// Value is a term of the loss as a number.
type Value struct {
	Name  string
	Value float64
}

// NewOptimizer makes the optimizer of a model's parameters: SGD, with weight decay on all but
// norms. Free it when done.
func NewOptimizer(m Model, momentum, decay float64) *optim.SGD {
	s := optim.NewSGD(m.Trained().Parameters(), momentum, decay)
	s.Decays = decays(m.Trained(), decay)
	return s
}

// Do trains to the last iteration. If ctx ends, it finishes the iteration, saves the state and
// returns ErrStopped; of several processes, the end of one's ctx stops all after the same
// iteration. Call it within torch.Run.
func (r *Run) Do(ctx context.Context) error {
	r.began, r.compared = r.Iteration, r.Iteration
	if err := r.each(func(h Hook) error { return call(h.Start, r) }); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	if r.Iteration >= r.Schedule.Total {
		return nil
	}
	batches, err := r.Source(r.loading(ctx), r.Seed, r.Iteration)
	if err != nil {
		return err
	}
	defer batches.Close()
	for r.Iteration < r.Schedule.Total {
		if err := r.iterate(ctx, batches); err != nil {
			return err
		}
		if r.ended(ctx) && r.Iteration < r.Schedule.Total {
			return r.stop()
		}
	}
	return nil
}

// stop saves the state of a run that was asked to stop.
func (r *Run) stop() error {
	if err := r.save(); err != nil {
		return fmt.Errorf("stopped, but the state could not be saved: %w", err)
	}
	return ErrStopped
}

// each calls f for every hook, in the first process.
func (r *Run) each(f func(Hook) error) error {
	if !r.Peers.First() {
		return nil
	}
	for _, h := range r.Hooks {
		if err := f(h); err != nil {
			return err
		}
	}
	return nil
}

func call(f func(*Run) error, r *Run) error {
	if f == nil {
		return nil
	}
	return f(r)
}

// rest does what the process before did not come to: it was stopped before the norms were measured,
// or ended between the checkpoint and the end of the test.
func (r *Run) rest(ctx context.Context) error {
	if !r.due() {
		return nil
	}
	if r.unmeasured {
		return r.finish(ctx)
	}
	done := false
	err := r.Peers.ByFirst(func() (err error) {
		done, err = rundir.HasDetection(r.Dir, r.Iteration)
		return err
	})
	if err != nil || r.any(done) {
		return err
	}
	return r.test(ctx)
}

// Stopped returns ErrStopped for the error of a context that ended, and other errors as they are.
func Stopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ErrStopped
	}
	return err
}

// due reports whether a test follows the completed iterations.
func (r *Run) due() bool {
	if r.Iteration == 0 {
		return false
	}
	return r.Iteration == r.Schedule.Total || r.TestEvery > 0 && r.Iteration%r.TestEvery == 0
}

// iterate takes one step, and does what is due after it.
func (r *Run) iterate(ctx context.Context, batches Batches) error {
	s, err := r.step(ctx, batches)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return r.stop()
		}
		return err
	}
	err = r.each(func(h Hook) error {
		if h.Step == nil {
			return nil
		}
		return h.Step(r, s)
	})
	if err != nil {
		return err
	}
	return r.finish(ctx)
}

// finish does what is due after an iteration: the norms are measured before the checkpoint is
// written, and the checkpoint is written before the test. A stop while they are measured saves the
// state without them.
func (r *Run) finish(ctx context.Context) error {
	due := r.due()
	r.unmeasured = false
	if due && r.PreciseBN > 0 {
		err := r.stopped(ctx, r.measureNorms(ctx))
		if r.unmeasured = errors.Is(err, ErrStopped); r.unmeasured {
			return r.stop()
		}
		if err != nil {
			return err
		}
		r.savedStep = -1 // the state is another one
	}
	if due || r.Iteration%r.SaveEvery == 0 {
		if err := r.save(); err != nil {
			return err
		}
	}
	if due {
		return r.test(ctx)
	}
	return nil
}

// step is one iteration: a batch, its losses, their gradient, an update.
func (r *Run) step(ctx context.Context, batches Batches) (s Step, err error) {
	r.Peers.Tell(r.Iteration+1, "images")
	start := time.Now()
	b, err := batches.Next()
	if err != nil {
		return s, err
	}
	s = Step{
		Iteration: r.Iteration + 1, Images: len(b.Samples), Rate: r.Schedule.At(r.Iteration), Wait: time.Since(start),
	}
	r.Peers.Tell(r.Iteration+1, world.Computing)
	start = time.Now()
	torch.Scoped(func() {
		var losses Losses
		if losses, err = r.Model.Losses(b, r.Seed, r.Iteration); err != nil {
			err = r.diverged(s, err.Error())
			return
		}
		total := losses.Terms[0].Value
		for _, t := range losses.Terms[1:] {
			total = total.Add(t.Value)
		}
		r.Model.Backward(r.Optimizer.Scaled(total))
		read := torch.NewReadback(r.Model.Device())
		if r.Peers.One() {
			s.read(read, losses, total)
		} else {
			r.average()
			total = r.exchange(ctx, &s, read, losses, total)
		}
		err = r.update(&s, read, total)
	})
	if err != nil {
		return s, err
	}
	r.Iteration++
	s.Compute = time.Since(start)
	return s, r.agree()
}

// setAside counts the time since begin as none of the iterations'.
func (r *Run) setAside(begin time.Time) { r.aside += time.Since(begin) }

// test tests the model and writes the result, in the first process.
func (r *Run) test(ctx context.Context) error {
	defer r.setAside(time.Now())
	stopped, err := r.Peers.StoppedByFirst(func() error {
		score, err := r.Test(ctx)
		if err != nil {
			return err
		}
		return r.each(func(h Hook) error {
			if h.Test == nil {
				return nil
			}
			return h.Test(r, score)
		})
	}, func(err error) bool { return errors.Is(Stopped(ctx, err), ErrStopped) })
	if stopped {
		return ErrStopped
	}
	return err
}
