package config

import (
	"fmt"
	"strings"

	"contralens/contrast/ft"
)

// resolve expands --ft into the long options. negatives says that there are some to transform. The notes
// name long options in set that --ft overrides.
func (c *FeatureTransform) resolve(negatives bool, set map[string]bool) (notes []string, err error) {
	if c.FT == "" {
		return nil, nil
	}
	if err := oneOf("ft", c.FT, "none", "pos", "neg", "posneg", "auto"); err != nil {
		return nil, err
	}
	typed := Values(c)
	switch target := c.FT; target {
	case "none":
		c.MixNorm = false
	case "auto":
		c.MixStart, c.AlphaAuto = "auto", true
		if target = "posneg"; !negatives {
			target = "pos"
		}
		fallthrough
	default:
		c.MixNorm, c.MixTarget, c.SepAlpha, c.Extrapolate, c.Distribution = true, target, true, target != "neg", "beta"
	}
	for _, f := range Fields(c) {
		was := typed[f.Name]
		if was == "" {
			was = `""`
		}
		if set[f.Name] && typed[f.Name] != f.String() {
			notes = append(notes, fmt.Sprintf("--%s %s is overridden by --ft %s, which stands for %s", f.Name, was, c.FT, f))
		}
	}
	return notes, nil
}

func (c *FeatureTransform) check() error {
	if c.MixStart != "" && c.MixStart != "auto" {
		return &ValueError{
			Option: "mix_start",
			Want:   "auto", Got: c.MixStart,
			Hint: "--mix_start_epoch and --mix_start_step take numbers",
		}
	}
	if c.AlphaAuto && (c.MixStart != "auto" || !c.eachSide() || !c.MixNorm) {
		return &ValueError{Option: "alpha_auto", Value: true, Want: "--ft and --mix_start auto",
			Hint: "the alphas are chosen when the transformation starts; --ft auto sets all of them"}
	}
	if c.AlphaAuto && c.MixTarget != "neg" && !c.Extrapolate {
		return &ValueError{Option: "alpha_auto", Value: true, Want: "--expolation_mask",
			Hint: "the rule is that of extrapolated positives; --ft auto sets it"}
	}
	if c.AlphaAuto && (c.DimMask != "none" || c.PostmixNorm) {
		return &ValueError{Option: "alpha_auto", Value: true, Want: "no --dim_mask and no --postmix_norm",
			Hint: "the rule is that of one λ per step, without normalization; --ft auto sets --alpha_auto"}
	}
	if c.TauAuto && !c.AlphaAuto {
		return &ValueError{Option: "nce_t", Value: "auto", Want: "--ft auto or --alpha_auto",
			Hint: "the temperature is chosen with them; --nce_t_auto means the same"}
	}
	if !c.MixNorm {
		return nil
	}
	if c.MixTarget == "neg" && c.Extrapolate && c.FT == "" {
		return &ValueError{
			Option: "expolation_mask",
			Want:   "--mixnorm_target pos or posneg, because it extrapolates positives", Got: c.MixTarget,
			Hint: "or leave --expolation_mask out",
		}
	}
	other := map[string]string{"pos": "neg", "neg": "pos"}[c.FT]
	if other != "" && (c.DimMask == other || c.DimMask == "both") {
		return &ValueError{
			Option: "dim_mask",
			Want:   c.FT + " or none with --ft " + c.FT, Got: c.DimMask,
			Hint: "nothing else is transformed",
		}
	}
	if c.NormTarget != "" {
		if err := oneOf("norm_target", c.NormTarget, "pos", "neg", "both"); err != nil {
			return err
		}
	}
	return first(atLeast("mix_start_epoch", c.MixEpoch, 0), atLeast("mix_start_step", c.MixStep, 0),
		positive("pos_alpha", c.PosAlpha), positive("neg_alpha", c.NegAlpha), positive("beta_alpha", c.BetaAlpha),
		oneOf("mixnorm_target", c.MixTarget, "pos", "neg", "posneg"),
		oneOf("mask_distribution", c.Distribution, "uniform", "beta"),
		oneOf("dim_mask", c.DimMask, "pos", "neg", "both", "none"))
}

// eachSide reports whether positives and negatives each have their own alpha and dimension
// mask. --ft means the paper's transformation whichever side it names. The detailed options
// keep their meaning in the reference implementation, where a single side is elementwise.
func (c *FeatureTransform) eachSide() bool {
	return c.SepAlpha && c.Distribution == "beta" && (c.MixTarget == "posneg" || c.FT != "")
}

// Transform returns the feature transformation of resolved options.
func (c *FeatureTransform) Transform() ft.Transform {
	if !c.MixNorm {
		return ft.Transform{}
	}
	uniform := c.Distribution == "uniform"
	positive := ft.Side{On: c.MixTarget != "neg", Uniform: uniform, Alpha: c.BetaAlpha, Elementwise: true}
	negative := ft.Side{On: c.MixTarget != "pos", Uniform: uniform, Alpha: c.BetaAlpha, Elementwise: true}
	positive.Extrapolate = c.Extrapolate && positive.On
	if c.eachSide() {
		positive.Alpha, negative.Alpha = c.PosAlpha, c.NegAlpha
		positive.Elementwise = c.DimMask == "pos" || c.DimMask == "both"
		negative.Elementwise = c.DimMask == "neg" || c.DimMask == "both"
	}
	if c.PostmixNorm {
		positive.Normalize = c.NormTarget != "neg"
		negative.Normalize = c.NormTarget == "neg" || c.NormTarget == "both"
	}
	return ft.Transform{Positive: positive, Negative: negative}
}

// Transforms reports whether a training of resolved options transforms features before it ends.
func (c *Contrast) Transforms() bool { return c.MixNorm && c.MixEpoch < c.Epochs }

// Brief says in a few words what the transformation of resolved options does and when it
// starts.
func (c *FeatureTransform) Brief() string {
	t := c.Transform()
	if !t.On() {
		return t.String()
	}
	var parts []string
	if t.Positive.On && t.Positive.Extrapolate {
		parts = append(parts, "positives extrapolated")
	} else if t.Positive.On {
		parts = append(parts, "positives interpolated")
	}
	if t.Negative.On {
		parts = append(parts, "negatives interpolated")
	}
	return strings.Join(append([]string{strings.Join(parts, ", ")}, c.starts()...), "; ")
}

// Describe says in words what the transformation of resolved options is and when it starts.
func (c *FeatureTransform) Describe() string {
	t := c.Transform()
	switch {
	case !t.On():
		return t.String()
	case c.AlphaAuto:
		return c.Brief() // α of the options has no effect
	}
	return strings.Join(append([]string{t.String()}, c.starts()...), "; ")
}

// starts says when the transformation starts; it is empty for the first step.
func (c *FeatureTransform) starts() (parts []string) {
	if c.MixEpoch > 0 {
		parts = append(parts, fmt.Sprintf("from epoch %d on", c.MixEpoch+1))
	}
	switch {
	case c.AlphaAuto && c.TauAuto:
		parts = append(parts, "with α and τ that the scores choose")
	case c.AlphaAuto:
		parts = append(parts, "with α that the scores choose")
	}
	if c.MixStart == "auto" {
		parts = append(parts, "as soon as positives have separated from negatives")
	}
	if c.MixStep > 0 {
		parts = append(parts, fmt.Sprintf("from step %d on", c.MixStep+1))
	}
	return parts
}
