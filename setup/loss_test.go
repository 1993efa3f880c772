package setup

import (
	"reflect"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
)

// Every option of the relatives reaches the field that it is about.
func TestRelativesOfOptions(t *testing.T) {
	r := config.Relatives{
		Sigma: 0.3, TauPlus: 0.2, Hardness: 0.7, Robustness: 0.4, Density: 0.05, MACLAlpha: 0.6, MACLZero: 0.1,
		From: 99, ImageAlpha: 0.8,
	}
	for name, want := range map[string]contrast.Loss{
		"infonce": nil, "dcl": contrast.DCL{}, "dclw": contrast.DCL{Sigma: 0.3}, "debiased": contrast.HCL{TauPlus: 0.2},
		"hcl": contrast.HCL{Beta: 0.7, TauPlus: 0.2}, "rince": contrast.RINCE{Q: 0.4, Lambda: 0.05},
		"macl": contrast.MACL{Alpha: 0.6, Alignment: 0.1},
	} {
		if r.Loss = name; Loss(r) != want {
			t.Errorf("%s: %#v, want %#v", name, Loss(r), want)
		}
	}
	type counts = [contrast.Kinds]int
	for name, want := range map[string]counts{
		"mochi": {contrast.Paired: 1024, contrast.Interpolated: 128}, "synco": {256, 256, 256, 64, 64, 64},
	} {
		if r.Synthetic = name; !reflect.DeepEqual(Synthesis(r), &contrast.Synthesis{From: 99, Counts: want}) {
			t.Errorf("%s: %+v, want %v of 99", name, Synthesis(r), want)
		}
	}
	r.Synthetic, r.Counts = "mochi", []int{5, 3}
	if got := Synthesis(r).Counts; got != (counts{contrast.Paired: 5, contrast.Interpolated: 3}) {
		t.Errorf("mochi 5,3: %v", got)
	}
	if r.Synthetic = "none"; Synthesis(r) != nil {
		t.Errorf("none: %v", Synthesis(r))
	}
	for name, want := range map[string]methods.Mixture{
		"none": {}, "imix": {Kind: "imix", Alpha: 0.8}, "unmix": {Kind: "unmix", Alpha: 0.8},
	} {
		if r.ImageMixup = name; Mixture(r) != want {
			t.Errorf("%s: %v, want %v", name, Mixture(r), want)
		}
	}
}
