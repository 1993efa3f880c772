// Package tune chooses how a network is computed on this machine, by measuring: in
// fp32 or bfloat16, and in which memory format. It computes on random images with
// networks of its own, so that a training learns the same whether its choice was
// measured or remembered.
package tune

import (
	"fmt"
	"strings"
)

// Auto stands for what is to be chosen.
const Auto = "auto"

// Choice is a way to compute.
type Choice struct {
	Precision string `json:"precision"`     // fp32 or bf16
	Format    string `json:"memory_format"` // channels_last or contiguous
}

func (c Choice) String() string { return c.Precision + " " + c.Format }

// Open says whether something of it is to be chosen.
func (c Choice) Open() bool { return c.Precision == Auto || c.Format == Auto }

// Measured is what a choice gave.
type Measured struct {
	Choice
	Rate float64 `json:"images_per_second"` // through the encoder and back
}

func (m Measured) String() string { return fmt.Sprintf("%s %.3g images/s", m.Choice, m.Rate) }

// candidates are the ways to compute that given leaves open, those preferred first.
// Without bfloat16 instructions bf16 is emulated, and never taken unasked.
func candidates(given Choice, bf16 bool) (all []Choice) {
	for _, precision := range []string{"fp32", "bf16"} {
		if precision == "bf16" && !bf16 && given.Precision == Auto {
			continue
		}
		for _, format := range []string{"channels_last", "contiguous"} {
			if (given.Precision == Auto || given.Precision == precision) && (given.Format == Auto || given.Format == format) {
				all = append(all, Choice{precision, format})
			}
		}
	}
	return all
}

// What a choice must gain to be taken in place of one that is preferred: a format
// more than measurements vary by, bf16 enough to be worth its rounding errors.
const (
	formatGain    = 1.03
	precisionGain = 1.1
)

// Best is the choice among what was measured, those preferred first.
func Best(all []Measured) Choice {
	best := all[0]
	for _, m := range all[1:] {
		gain := formatGain
		if m.Precision != best.Precision {
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
			own = fmt.Sprintf("%.3g", m.Rate)
		} else {
			others = append(others, fmt.Sprintf("%s %.3g", m.Choice, m.Rate))
		}
	}
	return fmt.Sprintf("computing in %s: %s images/s through the encoder and back (%s); --precision and --memory_format choose otherwise", chosen, own, strings.Join(others, ", "))
}
