package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// python prints a float as Python does: 30.0, 1e-05.
func python(v float64) string {
	if v != 0 && (v < 1e-4 || v >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// UpstreamName returns the name that the reference implementation gives the run of a
// resolved configuration.
func (c *Contrast) UpstreamName() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s_%s_%s_Jig_%s_%s_aug_%s_%s_%s",
		c.Method, c.Arch, c.Modal, pythonBool(c.Jigsaw), c.Memory, c.Aug, c.Head, python(c.Temperature))
	if c.Amp {
		b.WriteString("_amp_" + c.OptLevel)
	}
	if c.Cosine {
		b.WriteString("_cosine")
	}
	if c.Warm {
		b.WriteString("_warm")
	}
	fmt.Fprintf(&b, "_alpha%s_ncet%s_ncek%d", python(c.Alpha), python(c.Temperature), c.K)
	if c.MixNorm {
		fmt.Fprintf(&b, "_mixnorm_target%s_postnorm%s_distri%s", c.MixTarget, pythonBool(c.PostmixNorm), c.Distribution)
		if c.MixTarget != "neg" {
			b.WriteString("_expolation" + pythonBool(c.Extrapolate))
		}
		if c.Distribution == "beta" {
			if c.SepAlpha {
				fmt.Fprintf(&b, "_pos%s_neg%s", python(c.PosAlpha), python(c.NegAlpha))
			} else {
				b.WriteString("_alpha" + python(c.BetaAlpha))
			}
		}
	} else {
		b.WriteString("_baseline")
	}
	fmt.Fprintf(&b, "_epoch%d_bs%d_lr%s", c.Epochs, c.BatchSize, python(c.LearningRate))
	if c.ExpIter >= 0 {
		fmt.Fprintf(&b, "_iter%d", c.ExpIter)
	}
	return b.String()
}

// RunName returns the names of the run of a resolved configuration.
func (c *Contrast) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultContrast().Seed
	return c.runName(c.Seed, c.nameParts(), seedless.nameParts())
}

func (c *Contrast) nameParts() nameParts {
	d := DefaultContrast()
	d.Crop = usualCrop(c.Memory)
	long := c.UpstreamName() + suffixes("contrast", c, &d) + precisionSuffix(&c.Machine)
	short := c.Method + "_" + c.Arch
	if c.Width != d.Width {
		short += fmt.Sprintf("_width-%v", c.Width)
	}
	if c.Dataset != d.Dataset {
		short += "_dataset-" + c.Dataset
	}
	if c.MixNorm {
		short += "_ft-" + c.MixTarget
	}
	short += fmt.Sprintf("_epoch%d_bs%d_lr%s", c.Epochs, c.BatchSize, python(c.LearningRate))
	if c.ExpIter >= 0 {
		short += fmt.Sprintf("_iter%d", c.ExpIter)
	}
	return nameParts{upstream: long, head: short, whole: long}
}

// precisionSuffix names a precision that was asked for by name.
func precisionSuffix(m *Machine) string {
	switch m.Precision {
	case "auto", "fp32":
		return ""
	case "bf16", "fp16":
		if m.Amp {
			return ""
		}
	}
	return "_precision-" + m.Precision
}

// suffixes returns _key-value for each option that has a place in the names of a command's
// runs and differs from its default.
func suffixes(command string, config, defaults any) string {
	usual := Values(defaults)
	var named []Field
	for _, f := range Fields(config) {
		if f.place(command) > 0 && f.String() != usual[f.Name] {
			named = append(named, f)
		}
	}
	slices.SortFunc(named, func(a, b Field) int { return a.place(command) - b.place(command) })
	var b strings.Builder
	for _, f := range named {
		b.WriteString("_" + f.Name + "-" + strings.NewReplacer("/", "-", " ", "-").Replace(f.String()))
	}
	return b.String()
}

// place returns the option's place in the names of a command's runs, from 1, or 0 if it has
// none.
func (f Field) place(command string) int {
	for _, entry := range strings.Fields(f.named) {
		if place, ok := strings.CutPrefix(entry, command+"="); ok {
			n, err := strconv.Atoi(place)
			if err != nil {
				panic(fmt.Sprintf("config: place of --%s in names: %v", f.Name, err))
			}
			return n
		}
	}
	return 0
}
