package config

// resolve expands --ft into the long options.
func (c *FeatureTransform) resolve() error {
	if c.FT == "" || c.FT == "none" {
		return nil
	}
	if err := oneOf("ft", c.FT, "none", "pos", "neg", "posneg"); err != nil {
		return err
	}
	c.MixNorm, c.MixTarget, c.SepAlpha, c.Extrapolate, c.Distribution = true, c.FT, true, c.FT != "neg", "beta"
	return nil
}

func (c *FeatureTransform) check() error {
	if c.MixStart != "" && c.MixStart != "auto" {
		return &ValueError{Option: "mix_start", Want: "auto", Got: c.MixStart, Hint: "--mix_start_epoch and --mix_start_step take numbers"}
	}
	if !c.MixNorm {
		return nil
	}
	if c.MixTarget == "neg" && c.Extrapolate && c.FT == "" {
		return &ValueError{Option: "expolation_mask", Want: "--mixnorm_target pos or posneg, since it extrapolates positives", Got: c.MixTarget,
			Hint: "or leave --expolation_mask out"}
	}
	other := map[string]string{"pos": "neg", "neg": "pos"}[c.FT]
	if other != "" && (c.DimMask == other || c.DimMask == "both") {
		return &ValueError{Option: "dim_mask", Want: c.FT + " or none with --ft " + c.FT, Got: c.DimMask, Hint: "nothing else is transformed"}
	}
	if c.NormTarget != "" {
		if err := oneOf("norm_target", c.NormTarget, "pos", "neg", "both"); err != nil {
			return err
		}
	}
	return first(positive("pos_alpha", c.PosAlpha), positive("neg_alpha", c.NegAlpha), positive("beta_alpha", c.BetaAlpha),
		oneOf("mixnorm_target", c.MixTarget, "pos", "neg", "posneg"),
		oneOf("mask_distribution", c.Distribution, "uniform", "beta"),
		oneOf("dim_mask", c.DimMask, "pos", "neg", "both", "none"))
}

// Transformation is the feature transformation after presets and shorthands, in
// the contrast's terms (Zhu et al., section 4).
type Transformation struct {
	Positive, Negative bool
	Extrapolate        bool
	Uniform            bool
	PosAlpha, NegAlpha float64
	PosElementwise     bool
	NegElementwise     bool
	PosNormalize       bool
	NegNormalize       bool
}

// eachSide reports whether positives and negatives have an alpha and a dimension mask of
// their own. --ft asks for the paper's transformation whichever side it names; the long
// flags keep upstream's meaning, where one side alone is elementwise.
func (c *FeatureTransform) eachSide() bool {
	return c.SepAlpha && c.Distribution == "beta" && (c.MixTarget == "posneg" || c.FT != "")
}

// FeatureTransformation is what a resolved configuration transforms.
func (c *FeatureTransform) FeatureTransformation() Transformation {
	if !c.MixNorm {
		return Transformation{}
	}
	t := Transformation{
		Positive: c.MixTarget != "neg", Negative: c.MixTarget != "pos", Uniform: c.Distribution == "uniform",
		PosAlpha: c.BetaAlpha, NegAlpha: c.BetaAlpha, PosElementwise: true, NegElementwise: true,
	}
	t.Extrapolate = c.Extrapolate && t.Positive
	if c.eachSide() {
		t.PosAlpha, t.NegAlpha = c.PosAlpha, c.NegAlpha
		t.PosElementwise = c.DimMask == "pos" || c.DimMask == "both"
		t.NegElementwise = c.DimMask == "neg" || c.DimMask == "both"
	}
	if c.PostmixNorm {
		t.PosNormalize = c.NormTarget != "neg"
		t.NegNormalize = c.NormTarget == "neg" || c.NormTarget == "both"
	}
	return t
}
