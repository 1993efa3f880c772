package methods

import "contralens/torch"

// Checksum returns 48 bits that depend on every bit of the query encoder's weights. Processes
// that train together compare it.
func (m *Model) Checksum() (sum uint64) {
	sum = 14695981039346656037 // FNV-1a
	torch.NoGrad(func() {
		torch.Scoped(func() {
			var parts []*torch.Tensor
			for _, p := range m.Query.State.Parameters() {
				parts = append(parts, p.Detach().Bits().Sum())
			}
			for _, v := range torch.Stack(parts, 0).Int64s() {
				sum = (sum ^ uint64(v)) * 1099511628211
			}
		})
	})
	if sum = (sum ^ sum>>48) % (half * half); sum == 0 {
		sum = 1
	}
	return sum
}
