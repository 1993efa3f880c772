package autotune

import (
	"errors"
	"strings"

	"contralens/internal/machine"
	"contralens/torch"
)

// Tuner chooses the settings that options leave open. It measures once per machine and
// workload. Call its methods inside torch.Run.
type Tuner struct {
	Cache  Cache // of earlier trials
	Retune bool  // ignore the trials in the cache and measure again
	// Note, unless nil, receives sentences for the user.
	Note func(format string, args ...any)
	// Show, unless nil, receives what is being measured, and "" at the end.
	Show func(what string)
	// Load starts to watch the load by other programs. The function that it returns
	// gives the fraction of the processors that they took. nil: machine.WatchLoad.
	Load func() func() float64
}

// disturbed is the fraction of the processors that other programs may take during a
// measurement. If they take more, it is not remembered.
const disturbed = 0.1

func (t *Tuner) note(format string, args ...any) {
	if t.Note != nil {
		t.Note(format, args...)
	}
}

// Precision chooses the precision and the memory format that w.Given leaves open.
// described is a line about the choice, or "" if nothing was open. If fp32 was asked
// for, results must not depend on a measurement, so w.Given is returned unchanged.
func (t *Tuner) Precision(w Workload) (chosen Setting, described string, err error) {
	if w.Given.Precision == "bf16" && w.Net.Device.IsCPU() && !machine.NativeBF16() {
		t.note("note: this processor has no bfloat16 instructions: " +
			"emulated, bf16 is many times slower than --precision fp32")
	}
	if w.Given.Precision == "fp32" && w.Given.Format == Auto {
		return w.Given, "", nil
	}
	w.Images = nil
	best, described, err := t.fastest(w)
	return best.Setting, described, err
}

// SplitThreads chooses how the processors are split for a workload with Images whose
// w.Given has 0 threads or workers, and sets the number of compute threads. described
// is a line about the choice, or "" if nothing was open; then the choice has no rate.
// asked is the precision in the options before Precision chose one. If asked is fp32,
// results must be reproducible, so w.Given is returned unchanged: another number of
// threads rounds sums differently.
func (t *Tuner) SplitThreads(w Workload, asked string) (chosen Trial, described string, err error) {
	if asked == "fp32" || w.Images == nil {
		return Trial{Setting: w.Given}, "", nil
	}
	if chosen, described, err = t.fastest(w); described != "" {
		torch.SetThreads(chosen.Threads)
	}
	return chosen, described, err
}

// fastest returns the best setting for a workload and its description, or w.Given and
// "" if nothing is open.
func (t *Tuner) fastest(w Workload) (chosen Trial, described string, err error) {
	if !w.Open() || !w.Net.Device.IsCPU() {
		return Trial{Setting: w.Given}, "", nil
	}
	trials, err := t.Cache.Load(w)
	if err != nil {
		t.note("note: measuring again, because %v", err)
	}
	remembered := len(trials) > 0 && !t.Retune
	if !remembered {
		if trials, err = t.measure(w); err != nil {
			return Trial{Setting: w.Given}, "", err
		}
	}
	best := Best(trials)
	for _, t := range trials {
		if t.Setting == best {
			chosen = t
		}
	}
	described = Describe(best, trials)
	if remembered {
		described += "; measured by an earlier run; --retune measures again"
	}
	return chosen, described, nil
}

// why says in a sentence why a setting could not be measured.
func why(err error) string {
	var e *torch.Error
	switch {
	case errors.As(err, &e) && e.Unsupported():
		return "this libtorch has no kernels for it on this processor"
	case errors.As(err, &e) && e.OutOfMemory:
		return "it needs more memory than there is"
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return "libtorch fails at it: " + first
}

// measure measures a workload and stores the trials, unless other programs disturbed
// them.
func (t *Tuner) measure(w Workload) ([]Trial, error) {
	show := func(what string) {
		if t.Show != nil {
			t.Show(what)
		}
	}
	watch := t.Load
	if watch == nil {
		watch = machine.WatchLoad
	}
	show("measuring settings for this machine …")
	load := watch()
	trials, err := Measure(w, machine.NativeBF16(), Reports{
		First:  func(r Trial) { show("measuring: " + r.String() + " …") },
		Failed: func(s Setting, err error) { t.note("note: %s is left out, because %s", s, why(err)) },
	})
	show("")
	if err != nil {
		return nil, err
	}
	if taken := load(); taken > disturbed {
		what := "precision and memory format"
		if w.Images != nil {
			what = "splits of the processors"
		}
		t.note("note: other programs took %.0f %% of the processors while %s were measured, so the result was not saved",
			100*taken, what)
	} else if err := t.Cache.Store(w, trials); err != nil {
		t.note("note: the measurement cannot be saved, so the next run measures again: %v", err)
	}
	return trials, nil
}
