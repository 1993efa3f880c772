package layers

import "contralens/torch"

// observer gets the output of every layer while Observe runs.
var observer func(layer string, y *torch.Tensor)

// Observe runs f and calls see with the output of every convolution, norm and linear
// layer that f uses. layer is the layer's name in the state dict. The tensor belongs to
// the network. Call it on the goroutine that computes.
func Observe(see func(layer string, y *torch.Tensor), f func()) {
	before := observer
	observer = see
	defer func() { observer = before }()
	f()
}

// observed passes a layer's output to the observer, and returns it.
func observed(layer string, y *torch.Tensor) *torch.Tensor {
	if observer != nil {
		observer(layer, y)
	}
	return y
}
