package nn

import "contralens/torch"

// MultiplyAdds runs f and tells add the multiply-adds of every layer of s that it
// goes through: each output of a convolution or a linear layer takes as many as
// its weight has elements an output channel. Batch norm, activations and pooling
// have none; those of a split attention's 1x1 convolutions on pooled features,
// too few to matter, are left out.
func MultiplyAdds(s State, add func(n int), f func()) {
	each := map[string]int{} // output of a layer
	for _, e := range s {
		if shape := e.Tensor.Shape(); len(shape) > 1 { // not batch norm's
			each[e.Name] = e.Tensor.Numel() / shape[0]
		}
	}
	Observe(func(layer string, y *torch.Tensor) { add(y.Numel() * each[layer+".weight"]) }, f)
}
