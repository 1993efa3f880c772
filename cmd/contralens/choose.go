package main

import (
	"fmt"
	"strings"

	"contralens/autotune"
	"contralens/config"
	"contralens/internal/machine"
	"contralens/internal/version"
	"contralens/nn"
	"contralens/torch"
)

// choose settles in which precision and memory format a network is trained, where
// the options leave it open, by measuring, once for each machine and configuration.
// parts is what a batch is cut into. said tells what was chosen, "" that nothing was
// left open.
func choose(s *config.Shared, net nn.Config, parts int, print func(format string, args ...any)) (said string, err error) {
	defer s.Settle()
	if s.Precision == "bf16" && net.Device.IsCPU() && !machine.NativeBF16() {
		print("note: this processor has no bfloat16 instructions: emulated, bf16 is many times slower than --precision fp32")
	}
	t := task(s, net, parts)
	t.Given = autotune.Choice{Precision: s.Precision, Format: s.MemoryFormat}
	if s.Precision == "fp32" && s.MemoryFormat == autotune.Auto {
		return "", nil // in fp32 results must not depend on a measurement
	}
	chosen, said, err := fastest(t, s.Retune, print)
	s.Precision, s.MemoryFormat = chosen.Precision, chosen.Format
	return said, err
}

// share settles, likewise, how the processors are split between threads that compute
// and workers that load images. asked is the precision of the options before choose:
// fp32 that is asked for is reproducible, so nothing is measured, since sums are rounded
// otherwise with other threads; where auto became fp32, a measurement decided already.
func share(s *config.Shared, asked string, net nn.Config, parts int, images autotune.Images, print func(format string, args ...any)) (said string, err error) {
	if asked == "fp32" {
		return "", nil
	}
	t := task(s, net, parts)
	t.Given = autotune.Choice{Precision: s.Precision, Format: s.MemoryFormat, Threads: s.Threads, Workers: s.Workers}
	t.Images = &images
	chosen, said, err := fastest(t, s.Retune, print)
	if said != "" {
		s.Threads, s.Workers = chosen.Threads, chosen.Workers
		torch.SetThreads(chosen.Threads)
	}
	return said, err
}

// task is what is computed: a batch in that many parts.
func task(s *config.Shared, net nn.Config, parts int) autotune.Task {
	return autotune.Task{Net: net, Batch: s.BatchSize / max(1, parts), Side: s.InputRes, Threads: torch.Threads()}
}

// disturbed is the part of the processors that other programs may take while something
// is measured, for it to be remembered.
const disturbed = 0.1

// watchOthers is machine.WatchLoad, or what a test has in its place.
var watchOthers = machine.WatchLoad

// fastest is the best choice for a task and says what it is; "" that nothing was
// open.
func fastest(t autotune.Task, retune bool, print func(format string, args ...any)) (chosen autotune.Choice, said string, err error) {
	if !t.Open() || !t.Net.Device.IsCPU() {
		return t.Given, "", nil
	}
	cache := choices()
	found, err := cache.Load(t)
	if err != nil {
		print("note: measuring again, since %v", err)
	}
	remembered := len(found) > 0 && !retune
	if !remembered {
		report, done := measuring()
		others := watchOthers()
		found, err = autotune.Measure(t, machine.NativeBF16(), report)
		if done(); err != nil {
			return t.Given, "", err
		}
		if taken := others(); taken > disturbed {
			what := "precision and memory format"
			if t.Images != nil {
				what = "splits of the processors"
			}
			print("note: other programs took %.0f %% of the processors while %s were measured: this is not remembered", 100*taken, what)
		} else if err := cache.Store(t, found); err != nil {
			print("note: it will be measured again next time, since the measurement cannot be kept: %v", err)
		}
	}
	chosen = autotune.Best(found)
	said = autotune.Describe(chosen, found)
	if remembered {
		said += "; measured by an earlier run, --retune measures again"
	}
	return chosen, said, nil
}

// choices are those that were measured on this machine with this program.
func choices() autotune.Cache {
	return autotune.Cache{
		Path: autotune.CacheFile(),
		Key:  fmt.Sprintf("%s, %d cores, %s; contralens %s, libtorch %s", machine.Model(), machine.Processors(), strings.Join(machine.Vectors(), " "), version.Commit(), torch.Version()),
	}
}

// measuring shows on a terminal what is measured, until done.
func measuring() (report func(autotune.Measured), done func()) {
	display("measuring how to compute …")
	return func(m autotune.Measured) { display(fmt.Sprintf("measuring: %s …", m)) }, func() { display("") }
}
