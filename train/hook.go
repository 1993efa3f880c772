package train

import (
	"cmp"
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/methods"
	"contralens/rundir"
)

// Hook is something that hangs on the loop: logging, records, checkpoints, monitors.
// Functions that are nil are left out. An error of one ends the training; ErrDone ends it
// as complete, ErrStopped as one to resume.
type Hook struct {
	// Name is the key of State in a checkpoint's record; "" for hooks without a state.
	Name  string
	Order Order
	// EveryRank is for hooks that decide something: they run in every process. Others run
	// in the first alone, which writes what is written once.
	EveryRank bool

	Start func(*Run) error       // before the first step
	Step  func(*Run, Step) error // after each step
	Epoch func(*Run) error       // after an epoch, when StepInEpoch is Batches
	Save  func(*Run) error       // before a checkpoint is written: writes what belongs to the steps done
	Stop  func(*Run) error       // at the end, also of a run that was stopped or failed

	// Collect says what the next step measures for this hook.
	Collect func(*Run) methods.Collect
	// Transform reports whether the next step may transform features. It does if every
	// hook agrees.
	Transform func(*Run) bool

	// State returns what a checkpoint keeps of the hook, a struct as checkpoint.Encode
	// takes it. Load puts the hook where a checkpoint left it; state is nil if the
	// checkpoint has none.
	State func() any
	Load  func(state checkpoint.Dict)
}

// Order says which hooks come first. Hooks of the same order run as they are listed.
type Order int

// The orders. What a checkpoint must not be ahead of comes before it, what takes long
// after it.
const (
	Display  Order = iota * 10 // lines for the user
	Metrics                    // metrics.jsonl
	Monitor                    // what watches the scores
	Records                    // scores, event files; hooks from outside
	Probes                     // features of the probe set
	Save                       // checkpoints
	Evaluate                   // k-NN
)

// Always collects the same in every step.
func Always(c methods.Collect) func(*Run) methods.Collect {
	return func(*Run) methods.Collect { return c }
}

// hooks are the run's own monitors and r.Hooks, in their order.
func (r *Run) hooks() []Hook {
	all := slices.Concat(r.monitors, r.Hooks)
	if !r.World.First() {
		all = slices.DeleteFunc(all, func(h Hook) bool { return !h.EveryRank })
	}
	slices.SortStableFunc(all, func(a, b Hook) int { return cmp.Compare(a.Order, b.Order) })
	return all
}

// each calls one function of every hook that has it.
func (r *Run) each(function func(Hook) func(*Run) error) error {
	for _, h := range r.hooks() {
		if f := function(h); f != nil {
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// after is Step of s, as each takes it.
func (h Hook) after(s Step) func(*Run) error {
	if h.Step == nil {
		return nil
	}
	return func(r *Run) error { return h.Step(r, s) }
}

// event adds a line about an event to metrics.jsonl.
func (r *Run) event(m rundir.Metrics) error {
	if !r.World.First() {
		return nil
	}
	return rundir.AddMetrics(r.Dir, m)
}

// states are the hooks' entries in a checkpoint's record.
func (r *Run) states() (items []checkpoint.Item, err error) {
	for _, h := range r.hooks() {
		if h.State == nil {
			continue
		}
		same := func(i checkpoint.Item) bool { return i.Key == h.Name }
		if h.Name == "" || slices.ContainsFunc(items, same) {
			return nil, fmt.Errorf("hook %q: want a name of its own, under which checkpoints keep its state", h.Name)
		}
		items = append(items, checkpoint.Item{Key: h.Name, Value: checkpoint.Encode(h.State())})
	}
	return items, nil
}

// loadStates puts the hooks where a checkpoint's record says they were.
func (r *Run) loadStates(record checkpoint.Dict) {
	for _, h := range r.hooks() {
		if h.Load != nil {
			h.Load(record.Dict(h.Name))
		}
	}
}
