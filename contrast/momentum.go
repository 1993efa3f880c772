package contrast

import "contralens/torch"

// UpdateKey moves the key encoder towards the query encoder, parameter by
// parameter (MoCo, eq. 2):
//
//	θ_k ← α θ_k + (1-α) θ_q
func UpdateKey(key, query []*torch.Tensor, alpha float64) {
	torch.NoGrad(func() {
		torch.ForeachMul_(key, alpha)
		torch.ForeachAdd_(key, query, 1-alpha)
	})
}
