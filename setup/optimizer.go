package setup

import (
	"contralens/config"
	"contralens/optim"
	"contralens/torch"
)

// Optimizer returns the function that makes the optimizer that the options describe.
func Optimizer(c config.Contrast) func(parameters []*torch.Tensor) *optim.SGD {
	return func(parameters []*torch.Tensor) *optim.SGD {
		switch c.Optimizer.Optimizer {
		case "lars":
			return optim.NewLARS(parameters, c.Momentum, c.WeightDecay, c.Trust)
		case "adamw":
			s := optim.NewAdamW(parameters, c.Momentum, c.SquareDecay, c.WeightDecay)
			return exempt(s, c.DecayWeights)
		}
		return exempt(optim.NewSGD(parameters, c.Momentum, c.WeightDecay), c.DecayWeights)
	}
}

// exempt leaves biases and norms without weight decay, if asked to.
func exempt(s *optim.SGD, vectors bool) *optim.SGD {
	if vectors {
		s.ExemptVectors()
	}
	return s
}
