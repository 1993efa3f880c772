package layers

import "contralens/torch"

// observer is told the output of every layer while Observe runs.
var observer func(layer string, y *torch.Tensor)

// Observe runs f and shows see the output of every convolution, norm and linear layer
// that f goes through, under the layer's name in the state dict. The tensor belongs to
// the network. It works on the goroutine that computes.
func Observe(see func(layer string, y *torch.Tensor), f func()) {
	before := observer
	observer = see
	defer func() { observer = before }()
	f()
}

// observed shows the observer a layer's output, and returns it.
func observed(layer string, y *torch.Tensor) *torch.Tensor {
	if observer != nil {
		observer(layer, y)
	}
	return y
}
