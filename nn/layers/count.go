package layers

import "contralens/torch"

// MultiplyAdds runs f and calls add with the number of multiply-adds of every layer of
// s that f uses. Each output of a convolution or a linear layer counts as many as its
// weight has elements per output channel. Norms, activations, pooling and the products
// of attention are not counted.
func MultiplyAdds(s State, add func(n int), f func()) {
	each := map[string]int{} // multiply-adds per output, by layer
	for _, e := range s {
		if shape := e.Tensor.Shape(); len(shape) > 1 { // not that of a norm
			each[e.Name] = e.Tensor.Numel() / shape[0]
		}
	}
	Observe(func(layer string, y *torch.Tensor) { add(y.Numel() * each[layer+".weight"]) }, f)
}
