package setup

import (
	"reflect"
	"testing"

	"contralens/config"
	"contralens/optim"
	"contralens/torch"
)

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
