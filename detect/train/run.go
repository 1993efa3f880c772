package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"contralens/optim"
	"contralens/rundir"
	"contralens/torch"
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
	Test      func(ctx context.Context) (Score, error)
	Hooks     []Hook

	Iteration int // completed ones

	saved     string // newest checkpoint
	savedStep int
	began     int           // iterations completed when this process began
	aside     time.Duration // of this process in measuring norms and in tests
}

// Hook is something that hangs on the loop. Each of its functions may be nil. An error ends
// the training.
type Hook struct {
	Start func(*Run) error        // before the first iteration of this process
	Step  func(*Run, Step) error  // after each iteration
	Test  func(*Run, Score) error // after each test
}

// Step is what hooks learn about an iteration.
type Step struct {
	Iteration int // counted from 1
	Images    int
	Loss      float64 // sum of the terms
	Terms     []Value
	Losses    // its Terms are gone
	Rate      float64
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

// isNorm reports whether a parameter belongs to a norm.
func isNorm(name string) bool {
	return strings.HasSuffix(name, ".norm.weight") || strings.HasSuffix(name, ".norm.bias")
}

// Do trains to the last iteration. If ctx ends, it finishes the iteration, saves the state and
// returns ErrStopped. Call it within torch.Run.
func (r *Run) Do(ctx context.Context) error {
	r.began = r.Iteration
	for _, h := range r.Hooks {
		if h.Start != nil {
			if err := h.Start(r); err != nil {
				return err
			}
		}
	}
	if r.due() { // the last process ended between the checkpoint and the end of the test
		done, err := rundir.HasDetection(r.Dir, r.Iteration)
		if err == nil && !done {
			err = r.test(ctx)
		}
		if err != nil {
			return Stopped(ctx, err)
		}
	}
	if r.Iteration >= r.Schedule.Total {
		return nil
	}
	batches, err := r.Source(ctx, r.Seed, r.Iteration)
	if err != nil {
		return err
	}
	defer batches.Close()
	for r.Iteration < r.Schedule.Total {
		if err := r.iterate(ctx, batches); err != nil {
			return err
		}
		if ctx.Err() != nil && r.Iteration < r.Schedule.Total {
			if err := r.save(); err != nil {
				return fmt.Errorf("stopped, but the state could not be saved: %w", err)
			}
			return ErrStopped
		}
	}
	return nil
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

// iterate takes one step, and does what is due after it: the norms are measured before the
// checkpoint is written, and the checkpoint is written before the test.
func (r *Run) iterate(ctx context.Context, batches Batches) error {
	s, err := r.step(batches)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			if err := r.save(); err != nil {
				return fmt.Errorf("stopped, but the state could not be saved: %w", err)
			}
			return ErrStopped
		}
		return err
	}
	for _, h := range r.Hooks {
		if h.Step != nil {
			if err := h.Step(r, s); err != nil {
				return err
			}
		}
	}
	due := r.due()
	if due && r.PreciseBN > 0 {
		if err := r.measureNorms(ctx); err != nil {
			return Stopped(ctx, err)
		}
	}
	if due || r.Iteration%r.SaveEvery == 0 {
		if err := r.save(); err != nil {
			return err
		}
	}
	if due {
		return Stopped(ctx, r.test(ctx))
	}
	return nil
}

// step is one iteration: a batch, its losses, their gradient, an update.
func (r *Run) step(batches Batches) (s Step, err error) {
	start := time.Now()
	b, err := batches.Next()
	if err != nil {
		return s, err
	}
	s = Step{
		Iteration: r.Iteration + 1, Images: len(b.Samples), Rate: r.Schedule.At(r.Iteration), Wait: time.Since(start),
	}
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
		s.read(read, losses, total)
		err = r.update(&s, read, total)
	})
	if err != nil {
		return s, err
	}
	r.Iteration++
	s.Compute = time.Since(start)
	return s, nil
}

// read asks for the numbers of the losses.
func (s *Step) read(read *torch.Readback, l Losses, total *torch.Tensor) {
	s.Terms = make([]Value, len(l.Terms))
	for i, t := range l.Terms {
		s.Terms[i].Name = t.Name
		read.Value(t.Value, func(v float64) { s.Terms[i].Value = v })
	}
	read.Value(total, func(v float64) { s.Loss = v })
	s.Losses = l
	s.Losses.Terms = nil
}

// update moves the parameters, unless the loss or a gradient is not finite. On a device it is
// launched before the numbers of read arrive, for which it waits once.
func (r *Run) update(s *Step, read *torch.Readback, total *torch.Tensor) error {
	if read.Deferred() || r.Optimizer.Scale != nil {
		return r.guarded(s, read, total)
	}
	if err := r.lossError(s); err != nil {
		return err
	}
	if !r.Optimizer.Finite() {
		for name, p := range r.Model.Trained().NamedParameters() {
			if g := p.Grad(); g != nil && !torch.AllFinite([]*torch.Tensor{g}) {
				return r.diverged(*s, fmt.Sprintf("want finite gradients, but that of %s is not", name))
			}
		}
	}
	r.Optimizer.Step(s.Rate)
	return nil
}

// guarded is update where the device itself checks loss and gradients.
func (r *Run) guarded(s *Step, read *torch.Readback, total *torch.Tensor) error {
	stopped := false
	r.Optimizer.GuardedStep(s.Rate, total)
	r.Optimizer.Stopped(read, func(now bool) { stopped = now })
	read.Wait()
	switch {
	case !stopped:
		return nil
	case r.Optimizer.Scale != nil:
		return r.diverged(*s, "gradients overflow at any scale of the loss")
	}
	if err := r.lossError(s); err != nil {
		return err
	}
	return r.diverged(*s, "want finite gradients, but one is not")
}

// lossError returns the error of a step with a loss that is not finite.
func (r *Run) lossError(s *Step) error {
	for _, t := range s.Terms {
		if !finite(t.Value) {
			return r.diverged(*s, fmt.Sprintf("want a finite loss, got %v for %s", t.Value, t.Name))
		}
	}
	return nil
}

// diverged returns the error of an iteration whose values are not finite: what happened, what
// to change, and where to resume.
func (r *Run) diverged(s Step, what string) error {
	advice := fmt.Sprintf("the learning rate %.4g is too high for batches of %d; lower it, or make the warm-up longer",
		s.Rate, s.Images)
	if s.Images < 4 {
		advice += ", or freeze the norms, whose statistics so few images do not give"
	}
	last := "no checkpoint has been saved yet"
	if r.saved != "" {
		last = fmt.Sprintf("the last good checkpoint is %s, of iteration %d", r.saved, r.savedStep)
	}
	return fmt.Errorf("iteration %d of %d: %s: %s; %s", s.Iteration, r.Schedule.Total, what, advice, last)
}

// measured is added to the seed of the batches on which norms are measured.
const measured = 1 << 32

// measureNorms is precise BN: fresh batches, augmented as in training.
func (r *Run) measureNorms(ctx context.Context) error {
	defer r.setAside(time.Now())
	seed := r.Seed + measured + uint64(r.Iteration)
	batches, err := r.Source(ctx, seed, 0)
	if err != nil {
		return err
	}
	defer batches.Close()
	return r.Model.MeasureNorms(r.PreciseBN, seed, batches.Next)
}

// setAside counts the time since begin as none of the iterations'.
func (r *Run) setAside(begin time.Time) { r.aside += time.Since(begin) }

// test tests the model and writes the result.
func (r *Run) test(ctx context.Context) error {
	defer r.setAside(time.Now())
	score, err := r.Test(ctx)
	if err != nil {
		return err
	}
	for _, h := range r.Hooks {
		if h.Test != nil {
			if err := h.Test(r, score); err != nil {
				return err
			}
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
