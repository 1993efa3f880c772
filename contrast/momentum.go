package contrast

import "contralens/torch"

// UpdateKey moves each parameter of the key encoder towards that of the query encoder
// (He et al., 2020, eq. 2):
//
//	θ_k ← α θ_k + (1-α) θ_q
//
// Nothing moves if stopped, float32 [], is not nil and 1.
func UpdateKey(key, query []*torch.Tensor, alpha float64, stopped *torch.Tensor) {
	torch.NoGrad(func() {
		if len(key) > 0 && (stopped != nil || !key[0].Device().IsCPU()) {
			torch.FusedLerp_(key, query, 1-alpha, stopped)
			return
		}
		torch.ForeachMul_(key, alpha)
		torch.ForeachAdd_(key, query, 1-alpha)
	})
}
