package diagnose

import (
	"slices"
	"strings"

	"contralens/features/spectrum"
	"contralens/scores/vitals"
)

// Upto returns what was known of the run after an epoch.
func (c Case) Upto(epoch int) Case {
	lines := func(l vitals.Line) bool { return l.Epoch > epoch }
	spectra := func(l spectrum.Line) bool { return l.Epoch > epoch }
	c.Lines = slices.DeleteFunc(slices.Clone(c.Lines), lines)
	c.Spectra = slices.DeleteFunc(slices.Clone(c.Spectra), spectra)
	return c
}

// Faults returns the titles of the sure diagnoses, in lower case.
func (c Case) Faults() (titles []string) {
	for _, d := range Diagnose(c) {
		if d.IsSure() {
			titles = append(titles, strings.ToLower(d.Title[:1])+d.Title[1:])
		}
	}
	return titles
}

// Settled reports whether a training that was planned for a number of epochs has settled: its features change
// little (spectrum.Settled, which why quotes), and nothing is surely wrong with it. Features also stand still
// after a collapse, or at a rate that is too low. Then faults says what, and settled is false.
func (c Case) Settled(planned int) (why string, faults []string, settled bool) {
	if why, settled = spectrum.Settled(c.Spectra, planned); !settled {
		return "", nil, false
	}
	faults = c.Faults()
	return why, faults, len(faults) == 0
}
