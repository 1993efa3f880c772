package train

import "contralens/torch"

// part is some rows of a batch.
type part struct{ first, count int }

// of is the part's share of an order of a batch's rows that moves none beyond its
// part: the rows' places within the part, int64 [count].
func (p part) of(order []int64) *torch.Tensor {
	own := make([]int64, p.count)
	for i, row := range order[p.first : p.first+p.count] {
		own[i] = row - int64(p.first)
	}
	return torch.FromInt64(own, p.count)
}

// parts cuts n images into m.Parts parts of equal size, give or take one image, or
// fewer: batch norm needs two images.
func (m *Model) parts(n int) (all []part) {
	count := max(1, min(m.Parts, n/2))
	for i := range count {
		first, end := i*n/count, (i+1)*n/count
		all = append(all, part{first, end - first})
	}
	return all
}

// encode runs an encoder on x, so many rows an image, in the encoders' precision,
// and gives its result in float32.
//
// Of a batch in parts, each part is a piece of the query encoder's tape: the loss
// is that of all embeddings together, and its gradient at the embeddings goes back
// through one part after the other (gradient caching; Gao et al., 2021). So methods
// see the whole batch, and their losses, draws and memories are what they are
// without parts; only batch norm sees parts, as on several devices.
func (m *Model) encode(x *torch.Tensor, rows int, encoder func(x *torch.Tensor, rows part) *torch.Tensor) (z *torch.Tensor) {
	m.autocast(func() {
		parts := m.parts(x.Size(0) / rows)
		if len(parts) == 1 {
			z = encoder(x, part{0, x.Size(0)})
			return
		}
		var all []*torch.Tensor
		for _, p := range parts {
			p = part{rows * p.first, rows * p.count}
			all = append(all, m.Query.Tape.Pass(x.Narrow(0, p.first, p.count), func(x *torch.Tensor) *torch.Tensor { return encoder(x, p) }))
		}
		z = torch.Cat(all, 0)
	})
	if m.BF16 {
		z = z.To(torch.Float32)
	}
	return z
}

// autocast runs f in the encoders' precision.
func (m *Model) autocast(f func()) {
	if !m.BF16 {
		f()
		return
	}
	torch.Autocast(m.Device(), torch.BFloat16, f)
}
