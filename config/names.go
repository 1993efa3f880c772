package config

import (
	"fmt"
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

// UpstreamName is the name that the reference implementation gives the run of a
// resolved configuration.
func (c *Contrast) UpstreamName() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s_%s_%s_Jig_%s_%s_aug_%s_%s_%s", c.Method, c.Arch, c.Modal, pythonBool(c.Jigsaw), c.Memory, c.Aug, c.Head, python(c.Temperature))
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

// RunName names the run of a resolved configuration.
func (c *Contrast) RunName() RunName {
	seedless := *c
	seedless.Seed = DefaultContrast().Seed
	return c.runName(c.Seed, c.nameParts(), seedless.nameParts())
}

func (c *Contrast) nameParts() nameParts {
	d := DefaultContrast()
	d.Crop = usualCrop(c.Memory)
	long := c.UpstreamName() + suffixes(c, &d,
		"dataset", "limit", "imbalance", "imbalance_seed", "width", "stem", "feat_dim", "input_res", "seed", "dim_mask", "norm_target",
		"crop", "crop_min", "jitter_p", "gray_p", "blur_p", "decode", "beta", "nce_m", "symmetric",
		"mix_start_epoch", "mix_start_step", "mix_start", "bn_splits", "accum",
		"weight_decay", "momentum", "lr_decay_epochs", "lr_decay_rate", "init") + precisionSuffix(&c.Machine)
	short := c.Method + "_" + c.Arch + suffixes(c, &d, "width", "dataset")
	if c.MixNorm {
		short += "_ft-" + c.MixTarget
	}
	short += fmt.Sprintf("_epoch%d_bs%d_lr%s", c.Epochs, c.BatchSize, python(c.LearningRate))
	if c.ExpIter >= 0 {
		short += fmt.Sprintf("_iter%d", c.ExpIter)
	}
	return nameParts{upstream: long, head: short, whole: long}
}

func precisionSuffix(m *Machine) string {
	if m.Precision == "bf16" && !m.Amp {
		return "_precision-bf16"
	}
	return ""
}

// suffixes are _key-value for the named options that differ from the defaults.
func suffixes(config, defaults any, names ...string) string {
	have, usual := Values(config), Values(defaults)
	var b strings.Builder
	for _, n := range names {
		if have[n] != usual[n] {
			value := strings.Map(func(r rune) rune {
				if r == '/' || r == ' ' {
					return '-'
				}
				return r
			}, have[n])
			b.WriteString("_" + n + "-" + value)
		}
	}
	return b.String()
}
