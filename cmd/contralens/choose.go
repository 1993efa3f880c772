package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"contralens/config"
	"contralens/nn"
	"contralens/torch"
	"contralens/train"
	"contralens/tune"
)

// choose settles in which precision and memory format a network is trained, where
// the options leave it open, by measuring, once for each machine and configuration.
// parts is what a batch is cut into. said tells what was chosen, "" that nothing was
// left open.
func choose(s *config.Shared, net nn.Config, parts int, print func(format string, args ...any)) (said string, err error) {
	defer s.Settle()
	t := tune.Task{Net: net, Batch: s.BatchSize / max(1, parts), Side: s.InputRes, Threads: torch.Threads(), Given: tune.Choice{Precision: s.Precision, Format: s.MemoryFormat}}
	if !t.Given.Open() || !net.Device.IsCPU() || t.Given.Precision == "fp32" && t.Given.Format == tune.Auto {
		return "", nil // in fp32 results must not depend on a measurement
	}
	cache := choices()
	found, err := cache.Load(t)
	if err != nil {
		print("note: measuring again, since %v", err)
	}
	remembered := len(found) > 0 && !s.Retune
	if !remembered {
		report, done := measuring()
		found, err = tune.Measure(t, tune.NativeBF16(tune.Instructions()), report)
		if done(); err != nil {
			return "", err
		}
		if err := cache.Store(t, found); err != nil {
			print("note: it will be measured again next time, since the measurement cannot be kept: %v", err)
		}
	}
	chosen := tune.Best(found)
	s.Precision, s.MemoryFormat = chosen.Precision, chosen.Format
	said = tune.Describe(chosen, found)
	if remembered {
		said += "; measured by an earlier run, --retune measures again"
	}
	return said, nil
}

// resumeAs has a run that is resumed go on in the precision and the memory format
// that it was begun in, where the options leave them open. dir is the run directory.
func resumeAs(s *config.Shared, dir string) {
	if s.Precision != tune.Auto && s.MemoryFormat != tune.Auto {
		return
	}
	precision, format := train.Kept(s.Resume, dir)
	if s.Precision == tune.Auto && precision != "" {
		s.Precision = precision
	}
	if s.MemoryFormat == tune.Auto && format != "" {
		s.MemoryFormat = format
	}
}

// choices are those that were measured on this machine with this program.
func choices() tune.Cache {
	return tune.Cache{
		Path: tune.CacheFile(),
		Key:  fmt.Sprintf("%s, %d cores, %s; contralens %s, libtorch %s", train.Processor(), runtime.NumCPU(), strings.Join(vectors(), " "), train.Commit(), torch.Version()),
	}
}

// measuring shows on a terminal what is measured, until done.
func measuring() (report func(tune.Measured), done func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	show := func(s string) { fmt.Fprintf(os.Stderr, "\r\033[K%s", s) }
	show("measuring how to compute …")
	return func(m tune.Measured) { show(fmt.Sprintf("measuring: %s …", m)) }, func() { show("") }
}
