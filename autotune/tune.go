// Package autotune chooses how a network is computed on this machine, by measuring: in
// fp32 or bfloat16, in which memory format, and how the processors are shared with
// the loading of images. It computes on random images with networks of its own, so
// that a training learns the same whether its choice was measured or remembered.
package autotune

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/humanize"
)

// Auto stands for what is to be chosen.
const Auto = "auto"

// Choice is a way to compute.
type Choice struct {
	Precision string `json:"precision"`     // fp32 or bf16
	Format    string `json:"memory_format"` // channels_last or contiguous
	// How the processors are split: threads that compute and workers that load
	// images beside them; 0 before that is chosen.
	Threads int `json:"threads,omitempty"`
	Workers int `json:"workers,omitempty"`
}

func (c Choice) String() string {
	if c.split() {
		return fmt.Sprintf("%d compute, %d load", c.Threads, c.Workers)
	}
	return c.Precision + " " + c.Format
}

// Open says whether precision or format is to be chosen.
func (c Choice) Open() bool { return c.Precision == Auto || c.Format == Auto }

// split says whether the choice is one between splits of the processors.
func (c Choice) split() bool { return c.Threads > 0 && c.Workers > 0 }

// Measured is what a choice gave.
type Measured struct {
	Choice
	// Rate is through the encoder and back; of a split through the key encoder as
	// well, while the images are loaded.
	Rate float64 `json:"images_per_second"`
}

func (m Measured) String() string {
	return fmt.Sprintf("%s %s images/s", m.Choice, humanize.Number(m.Rate))
}

// candidates are the ways to compute that given leaves open, those preferred first.
// Without bfloat16 instructions bf16 is emulated, and never taken unasked.
func candidates(given Choice, bf16 bool) (all []Choice) {
	for _, precision := range []string{"fp32", "bf16"} {
		if precision == "bf16" && !bf16 && given.Precision == Auto {
			continue
		}
		for _, format := range []string{"channels_last", "contiguous"} {
			if (given.Precision == Auto || given.Precision == precision) && (given.Format == Auto || given.Format == format) {
				all = append(all, Choice{Precision: precision, Format: format})
			}
		}
	}
	return all
}

// splits are the ways to share that many processors that given leaves open, those
// preferred first: all for both, fewer workers, and each processor for one of them.
func splits(processors int, given Choice) (all []Choice) {
	n := processors
	for _, load := range []int{n, (n + 1) / 2, (n + 3) / 4} {
		for _, compute := range []int{n, n - load} {
			c := given
			if c.Threads == 0 {
				c.Threads = compute
			}
			if c.Workers == 0 {
				c.Workers = load
			}
			if c.split() && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// What a choice must gain to be taken in place of one that is preferred: a format
// more than measurements vary by, which the loading of images disturbs; bf16 enough to
// be worth its rounding errors.
const (
	formatGain    = 1.03
	splitGain     = 1.1
	precisionGain = 1.1
)

// Best is the choice among what was measured, those preferred first.
func Best(all []Measured) Choice {
	best := all[0]
	for _, m := range all[1:] {
		gain := formatGain
		switch {
		case m.split():
			gain = splitGain
		case m.Precision != best.Precision:
			gain = precisionGain
		}
		if m.Rate > gain*best.Rate {
			best = m
		}
	}
	return best.Choice
}

// Describe says in a line what was chosen, and what the alternatives gave.
func Describe(chosen Choice, all []Measured) string {
	own, others := "", []string(nil)
	for _, m := range all {
		if m.Choice == chosen {
			own = humanize.Number(m.Rate)
		} else {
			others = append(others, fmt.Sprintf("%s %s", m.Choice, humanize.Number(m.Rate)))
		}
	}
	what, between, options := "computing in %s: %s images/s through the encoder and back", ", ", "--precision and --memory_format"
	if chosen.split() {
		what, between, options = "processors are shared as %s: %s images/s", "; ", "--threads and -j"
	}
	said := fmt.Sprintf(what, chosen, own)
	if len(others) > 0 {
		said += " (" + strings.Join(others, between) + ")"
	}
	return said + "; " + options + " choose otherwise"
}
