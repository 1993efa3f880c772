package autotune

import (
	"contralens/internal/machine"
	"contralens/torch"
)

// Tuner settles what options leave open, by measuring once for each machine and
// workload. Its methods must be called inside torch.Run.
type Tuner struct {
	Cache  Cache // of earlier trials
	Retune bool  // measure again what is in the cache
	// Note receives sentences for the user.
	Note func(format string, args ...any)
	// Show, unless it is nil, receives what is being measured, and "" at the end.
	Show func(what string)
	// Load starts watching what other programs take of the processors; nil:
	// machine.WatchLoad.
	Load func() func() float64
}

// disturbed is the fraction of the processors that other programs may take during a
// measurement that is remembered.
const disturbed = 0.1

// Precision settles the precision and the memory format that w.Given leaves open, and
// describes what it chose; "" if it measured nothing. In fp32, results must not depend
// on a measurement: asked for, it keeps w.Given as it is.
func (t *Tuner) Precision(w Workload) (chosen Setting, described string, err error) {
	if w.Given.Precision == "bf16" && w.Net.Device.IsCPU() && !machine.NativeBF16() {
		t.Note("note: this processor has no bfloat16 instructions: " +
			"emulated, bf16 is many times slower than --precision fp32")
	}
	if w.Given.Precision == "fp32" && w.Given.Format == Auto {
		return w.Given, "", nil
	}
	w.Images = nil
	return t.fastest(w)
}

// SplitThreads settles how the processors are split for a workload with Images, where
// w.Given has 0 threads or workers, and sets the number of compute threads. It
// describes what it chose; "" if it measured nothing. asked is the precision that the
// user asked for, before Precision settled it. An fp32 that was asked for is
// reproducible, so nothing is measured: other threads round sums in another order.
// Where auto became fp32 a measurement has decided already.
func (t *Tuner) SplitThreads(w Workload, asked string) (chosen Setting, described string, err error) {
	if asked == "fp32" || w.Images == nil {
		return w.Given, "", nil
	}
	if chosen, described, err = t.fastest(w); described != "" {
		torch.SetThreads(chosen.Threads)
	}
	return chosen, described, err
}

// fastest returns the best setting for a workload and a description; w.Given and "" if
// nothing is open.
func (t *Tuner) fastest(w Workload) (chosen Setting, described string, err error) {
	if !w.Open() || !w.Net.Device.IsCPU() {
		return w.Given, "", nil
	}
	trials, err := t.Cache.Load(w)
	if err != nil {
		t.Note("note: measuring again, since %v", err)
	}
	remembered := len(trials) > 0 && !t.Retune
	if !remembered {
		if trials, err = t.measure(w); err != nil {
			return w.Given, "", err
		}
	}
	chosen = Best(trials)
	described = Describe(chosen, trials)
	if remembered {
		described += "; measured by an earlier run, --retune measures again"
	}
	return chosen, described, nil
}

// measure measures a workload and remembers the trials, unless other programs
// disturbed them.
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
	show("measuring how to compute …")
	load := watch()
	trials, err := Measure(w, machine.NativeBF16(), func(r Trial) { show("measuring: " + r.String() + " …") })
	show("")
	if err != nil {
		return nil, err
	}
	if taken := load(); taken > disturbed {
		what := "precision and memory format"
		if w.Images != nil {
			what = "splits of the processors"
		}
		t.Note("note: other programs took %.0f %% of the processors while %s were measured: this is not remembered",
			100*taken, what)
	} else if err := t.Cache.Store(w, trials); err != nil {
		t.Note("note: it will be measured again next time, since the measurement cannot be kept: %v", err)
	}
	return trials, nil
}
