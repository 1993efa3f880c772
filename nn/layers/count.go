package layers

import "contralens/torch"

// MultiplyAdds runs f and tells add the multiply-adds of every layer of s that f goes
// through. Each output of a convolution or a linear layer takes as many as its weight
// has elements per output channel. Norms, activations, pooling and the products of
// attention count as none.
func MultiplyAdds(s State, add func(n int), f func()) {
	each := map[string]int{} // output of a layer
	for _, e := range s {
		if shape := e.Tensor.Shape(); len(shape) > 1 { // not a norm's
			each[e.Name] = e.Tensor.Numel() / shape[0]
		}
	}
	Observe(func(layer string, y *torch.Tensor) { add(y.Numel() * each[layer+".weight"]) }, f)
}
