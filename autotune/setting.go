// Package autotune chooses how a network is computed on this machine: in fp32 or
// bfloat16, in which memory format, and how the processors are split between computing
// and loading images. It measures networks of its own on random images, so training
// does not depend on whether a setting was measured or remembered.
//
// A Tuner chooses the settings that the options leave open. Beneath it, Measure times
// the candidates for a Workload, Best picks one of the trials, and a Cache remembers
// them.
package autotune

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/humanize"
)

// Auto is an option's value that leaves the setting open.
const Auto = "auto"

// Setting determines how a network is computed.
type Setting struct {
	Precision string `json:"precision"`     // fp32 or bf16
	Format    string `json:"memory_format"` // channels_last or contiguous
	// The split of the processors: compute threads, and workers that load images at the
	// same time. 0 until a split is chosen.
	Threads int `json:"threads,omitempty"`
	Workers int `json:"workers,omitempty"`
}

func (s Setting) String() string {
	if s.split() {
		return fmt.Sprintf("computing with %s, loading with %s",
			humanize.Count(s.Threads, "thread"), humanize.Count(s.Workers, "worker"))
	}
	return s.Precision + " " + s.Format
}

// Open reports whether the precision or the format is open.
func (s Setting) Open() bool { return s.Precision == Auto || s.Format == Auto }

// split reports whether the setting includes a split of the processors.
func (s Setting) split() bool { return s.Threads > 0 && s.Workers > 0 }

// Trial is the measured speed of a setting.
type Trial struct {
	Setting
	// Rate counts images that pass forward and backward through the encoder. For a
	// split, they also pass forward through the key encoder, while images are loaded.
	Rate float64 `json:"images_per_second"`
}

func (t Trial) String() string {
	return fmt.Sprintf("%s %s images/s", t.Setting, humanize.Number(t.Rate))
}

// candidates returns the settings that given leaves open, preferred ones first. A
// processor without bfloat16 instructions emulates bf16, which is then not a candidate
// unless given asks for it.
func candidates(given Setting, bf16 bool) (all []Setting) {
	for _, precision := range []string{"fp32", "bf16"} {
		if precision == "bf16" && !bf16 && given.Precision == Auto {
			continue
		}
		for _, format := range []string{"channels_last", "contiguous"} {
			if (given.Precision == Auto || given.Precision == precision) && (given.Format == Auto || given.Format == format) {
				all = append(all, Setting{Precision: precision, Format: format})
			}
		}
	}
	return all
}

// splits returns the ways to split the processors that given leaves open, preferred
// ones first: all processors for both, fewer workers, and each processor for one of the
// two.
func splits(processors int, given Setting) (all []Setting) {
	n := processors
	for _, load := range []int{n, (n + 1) / 2, (n + 3) / 4} {
		for _, compute := range []int{n, n - load} {
			s := given
			if s.Threads == 0 {
				s.Threads = compute
			}
			if s.Workers == 0 {
				s.Workers = load
			}
			if s.split() && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// A setting replaces a preferred one if it is faster by these factors. A format must
// gain more than the noise of a measurement. A split must gain more than that, because
// loading images disturbs the measurement. bf16 must gain enough to be worth its
// rounding errors.
const (
	formatGain    = 1.03
	splitGain     = 1.1
	precisionGain = 1.1
)

// Best returns the best setting among the trials, of which there must be at least one.
// Trials of preferred settings come first.
func Best(all []Trial) Setting {
	best := all[0]
	for _, t := range all[1:] {
		gain := formatGain
		switch {
		case t.split():
			gain = splitGain
		case t.Precision != best.Precision:
			gain = precisionGain
		}
		if t.Rate > gain*best.Rate {
			best = t
		}
	}
	return best.Setting
}

// Describe describes in one line what was chosen, and how fast the alternatives were.
func Describe(chosen Setting, all []Trial) string {
	own, others := "", []string(nil)
	for _, t := range all {
		switch {
		case t.Setting == chosen:
			own = humanize.Number(t.Rate)
		case t.split():
			others = append(others, fmt.Sprintf("%d and %d at %s", t.Threads, t.Workers, humanize.Number(t.Rate)))
		default:
			others = append(others, fmt.Sprintf("%s %s", t.Setting, humanize.Number(t.Rate)))
		}
	}
	line := fmt.Sprintf("computing in %s: %s images/s forward and backward", chosen, own)
	options := "--precision and --memory_format"
	if chosen.split() {
		line, options = fmt.Sprintf("%s: %s images/s", chosen, own), "--threads and -j"
	}
	if len(others) > 0 {
		line += " (" + strings.Join(others, ", ") + ")"
	}
	return line + "; " + options + " choose otherwise"
}
