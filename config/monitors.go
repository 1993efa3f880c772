package config

import "strconv"

// mostMeasured is the largest number of images whose spectrum is measured: products of all pairs of
// them are kept.
const mostMeasured = 4096

// SpectrumImages returns the number of images whose spectrum is measured: 0 for none, -1 if the
// training chooses it.
func (m *Monitors) SpectrumImages() int {
	if m.Spectrum == "auto" {
		return -1
	}
	n, _ := strconv.Atoi(m.Spectrum) // check has read it
	return n
}

func (m *Monitors) check() error {
	if err := oneOf("stop", m.Stop, "auto", "advise", "off"); err != nil || m.Spectrum == "auto" {
		return err
	}
	n, err := strconv.Atoi(m.Spectrum)
	if err != nil || n < 0 || n == 1 || n > mostMeasured {
		return &ValueError{Option: "spectrum", Want: "auto, 0 or a number of images from 2 to 4096", Got: m.Spectrum}
	}
	if n == 0 && m.Stop == "auto" {
		return &ValueError{Option: "stop", Value: "auto", Want: "--spectrum auto or a number of images",
			Hint: "it judges by what is measured of them"}
	}
	return nil
}
