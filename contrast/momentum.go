package contrast

import "contralens/torch"

// UpdateKey moves each parameter of the key encoder towards that of the query encoder
// (He et al., 2020, eq. 2):
//
//	θ_k ← α θ_k + (1-α) θ_q
func UpdateKey(key, query []*torch.Tensor, alpha float64) {
	torch.NoGrad(func() {
		torch.ForeachMul_(key, alpha)
		torch.ForeachAdd_(key, query, 1-alpha)
	})
}
