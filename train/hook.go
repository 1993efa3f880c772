package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/methods"
	"contralens/rundir"
)

// Hook is something that hangs on the loop: logging, records, checkpoints, monitors.
// Each of its functions may be nil. An error ends the training: ErrDone as complete,
// ErrStopped as one to resume, any other as failed. After ErrDone and ErrStopped, the
// same function of the hooks that follow still runs, so that the files of the run agree.
type Hook struct {
	// Name is the key of State in a checkpoint's record; "" for hooks without a state. It
	// must not be a key that the record has anyway.
	Name  string
	Order Order
	// EveryRank runs the hook in every process, which is for hooks that decide something.
	// Other hooks run in the first process alone: what they write is written once.
	EveryRank bool
	// Together runs Start and Epoch in every process at once, after those of the other hooks, for
	// hooks whose work the processes share. All must end alike: as all agree, or with an error.
	Together bool

	Start func(*Run) error       // before the first step
	Step  func(*Run, Step) error // after each step; on a device, while the next one runs
	Epoch func(*Run) error       // after an epoch, when StepInEpoch is Batches
	Save  func(*Run) error       // before a checkpoint is written: writes what is buffered
	Stop  func(*Run) error       // at the end, also if the run was stopped or failed

	// Settle reports whether Step must run before the next step is launched, for hooks whose
	// Step reads or saves the model. On a device the training then waits. It is asked after
	// the launch of each step.
	Settle func(*Run) bool

	// Collect returns what the next step measures for this hook.
	Collect func(*Run) methods.Collect
	// Transform reports whether the next step may transform features. It does if every
	// hook agrees.
	Transform func(*Run) bool

	// State returns what a checkpoint stores of the hook: a struct that checkpoint.Encode
	// takes. Load restores it; its argument is nil if the checkpoint has no such entry.
	State func() any
	Load  func(state checkpoint.Dict)
}

// Order is a hook's place among the others. Hooks of the same order run as they are
// listed.
type Order int

// The orders. Files that a checkpoint must not be ahead of are written before it. What
// takes long comes after it.
const (
	Display  Order = iota * 10 // lines for the user
	Metrics                    // metrics.jsonl
	Monitor                    // hooks that watch the scores
	Records                    // scores, event files; hooks from outside
	Probes                     // features of the probe set
	Save                       // checkpoints
	Evaluate                   // k-NN
)

// Always returns a Hook.Collect that measures c in every step.
func Always(c methods.Collect) func(*Run) methods.Collect {
	return func(*Run) methods.Collect { return c }
}

// hooks returns the run's monitors and r.Hooks, by their order.
func (r *Run) hooks() []Hook {
	all := slices.Concat(r.monitors, r.Hooks)
	if !r.World.First() {
		all = slices.DeleteFunc(all, func(h Hook) bool { return !h.EveryRank && !h.Together })
	}
	slices.SortStableFunc(all, func(a, b Hook) int { return cmp.Compare(a.Order, b.Order) })
	return all
}

// each calls one function of every hook, in their order. A failure ends it at once. After
// ErrDone or ErrStopped it continues, because the state is saved then: a record that lacks
// a step of the checkpoint would be wrong after resuming.
func (r *Run) each(function func(Hook) func(*Run) error) (end error) {
	return r.eachOf(r.hooks(), function)
}

// eachOf is each for some hooks.
func (r *Run) eachOf(hooks []Hook, function func(Hook) func(*Run) error) (end error) {
	for _, h := range hooks {
		f := function(h)
		if f == nil {
			continue
		}
		err := f(r)
		if err != nil && !ends(err) {
			return err
		}
		end = endOf(end, err)
	}
	return end
}

// ends reports whether an error ends the training with its state saved.
func ends(err error) bool { return errors.Is(err, ErrStopped) || errors.Is(err, ErrDone) }

// endOf joins two ends of the training, each nil, ErrDone or ErrStopped, in the order in
// which they came. Any other second error is the result.
func endOf(first, second error) error {
	if first == nil || second != nil && !errors.Is(second, ErrDone) {
		return second
	}
	return first
}

// after returns h.Step for the step s, in the form that each takes.
func (h Hook) after(s Step) func(*Run) error {
	if h.Step == nil {
		return nil
	}
	return func(r *Run) error { return h.Step(r, s) }
}

// event adds an event to metrics.jsonl.
func (r *Run) event(m rundir.Metrics) error {
	if !r.World.First() {
		return nil
	}
	return rundir.AddMetrics(r.Dir, m)
}

// checkNames refuses hooks with a state that have no name of their own.
func (r *Run) checkNames() error {
	taken := map[string]bool{"": true, methodKey: true, queueKey: true, originsKey: true}
	for _, i := range checkpoint.Encode(checkpointRecord{}) {
		taken[i.Key.(string)] = true
	}
	for _, h := range r.hooks() {
		if h.State == nil {
			continue
		}
		if taken[h.Name] {
			return fmt.Errorf("hook %q: want a name of its own, under which checkpoints keep its state", h.Name)
		}
		taken[h.Name] = true
	}
	return nil
}

// states are the hooks' entries in a checkpoint's record.
func (r *Run) states() (items []checkpoint.Item, err error) {
	if err := r.checkNames(); err != nil {
		return nil, err
	}
	for _, h := range r.hooks() {
		if h.State != nil {
			items = append(items, checkpoint.Item{Key: h.Name, Value: checkpoint.Encode(h.State())})
		}
	}
	return items, nil
}

// loadStates restores the hooks from a checkpoint's record.
func (r *Run) loadStates(record checkpoint.Dict) {
	for _, h := range r.hooks() {
		if h.Load != nil {
			h.Load(record.Dict(h.Name))
		}
	}
}
