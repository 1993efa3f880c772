package setup

import (
	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
)

// Loss returns the loss that the options name, or nil for InfoNCE.
func Loss(r config.Relatives) contrast.Loss {
	switch r.Loss {
	case "dcl":
		return contrast.DCL{}
	case "dclw":
		return contrast.DCL{Sigma: r.Sigma}
	case "debiased":
		return contrast.HCL{TauPlus: r.TauPlus}
	case "hcl":
		return contrast.HCL{Beta: r.Hardness, TauPlus: r.TauPlus}
	case "rince":
		return contrast.RINCE{Q: r.Robustness, Lambda: r.Density}
	case "macl":
		return contrast.MACL{Alpha: r.MACLAlpha, Alignment: r.MACLZero}
	}
	return nil
}

// Synthesis returns the synthetic negatives that the options name, or nil.
func Synthesis(r config.Relatives) *contrast.Synthesis {
	s, counts := &contrast.Synthesis{From: r.From}, r.SyntheticCounts()
	switch r.Synthetic {
	case "mochi":
		s.Counts[contrast.Paired], s.Counts[contrast.Interpolated] = counts[0], counts[1]
	case "synco":
		copy(s.Counts[:], counts) // in the order of the kinds
	default:
		return nil
	}
	return s
}

// Mixture returns the mixture of images that the options name.
func Mixture(r config.Relatives) methods.Mixture {
	if r.ImageMixup == "none" {
		return methods.Mixture{}
	}
	return methods.Mixture{Kind: r.ImageMixup, Alpha: r.ImageAlpha}
}
