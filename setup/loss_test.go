package setup

import (
	"reflect"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/optim"
	"contralens/torch"
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
	for name, c := range map[string]struct {
		typed []int
		want  counts
	}{
		"mochi": {nil, counts{contrast.Paired: 1024, contrast.Interpolated: 128}},
		"synco": {nil, counts{256, 256, 256, 64, 64, 64}},
	} {
		if r.Synthetic, r.Counts = name, c.typed; !reflect.DeepEqual(Synthesis(r), &contrast.Synthesis{From: 99, Counts: c.want}) {
			t.Errorf("%s: %+v, want %v of 99", name, Synthesis(r), c.want)
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

// The optimizer has the rule and the numbers of the options, and leaves vectors without weight decay if
// asked to, LARS always.
func TestOptimizerOfOptions(t *testing.T) {
	err := torch.Run(func() error {
		parameters := []*torch.Tensor{torch.Ones([]int{2, 3}), torch.Ones([]int{3})}
		for name, rule := range map[string]optim.Rule{
			"sgd": nil, "lars": optim.LARS{Trust: 0.01}, "adamw": &optim.AdamW{},
		} {
			for _, exempt := range []bool{false, true} {
				c := config.DefaultContrast()
				c.Optimizer = config.Optimizer{Optimizer: name, Trust: 0.01, SquareDecay: 0.9, DecayWeights: exempt}
				c.Momentum, c.WeightDecay = 0.8, 0.05
				s := Optimizer(c)(parameters)
				if reflect.TypeOf(s.Rule) != reflect.TypeOf(rule) || name == "lars" && s.Rule != rule {
					t.Errorf("%s: rule %#v, want %#v", name, s.Rule, rule)
				}
				if a, is := s.Rule.(*optim.AdamW); is && a.Beta != 0.9 {
					t.Errorf("adamw: β %v, want 0.9", a.Beta)
				}
				var decays []float64
				if exempt || name == "lars" {
					decays = []float64{0.05, 0}
				}
				if s.Momentum != 0.8 || s.WeightDecay != 0.05 || !reflect.DeepEqual(s.Decays, decays) {
					t.Errorf("%s, exempt %v: momentum %v, decay %v, of each %v, want 0.8, 0.05, %v", name, exempt, s.Momentum,
						s.WeightDecay, s.Decays, decays)
				}
				s.Free()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
