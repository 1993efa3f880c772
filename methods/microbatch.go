package methods

import "contralens/torch"

// rows is a range of a batch's rows: a microbatch.
type rows struct{ first, count int }

// of returns the part of a batch's order that covers these rows, relative to the
// microbatch: int64 [count]. The order must not move a row out of its microbatch.
func (r rows) of(order []int64) *torch.Tensor {
	own := make([]int64, r.count)
	for i, row := range order[r.first : r.first+r.count] {
		own[i] = row - int64(r.first)
	}
	return torch.FromInt64(own, r.count)
}

// microbatches splits n images into m.Microbatches parts of nearly equal size. There
// are fewer parts if n is small, because batch norm needs two images.
func (m *Model) microbatches(n int) (all []rows) {
	count := max(1, min(m.Microbatches, n/2))
	for i := range count {
		first, end := i*n/count, (i+1)*n/count
		all = append(all, rows{first, end - first})
	}
	return all
}

// encode runs an encoder on x, which has perImage rows per image of this process, in the
// encoders' precision, and returns the embeddings of all processes in float32. All embeddings
// of a step pass through it or embed.
func (m *Model) encode(x *torch.Tensor, perImage int,
	encoder func(x *torch.Tensor, r rows) *torch.Tensor) *torch.Tensor {
	return m.gather(m.embed(x, perImage, encoder))
}

// embed is encode for the images of this process.
//
// Each microbatch is a piece on the query encoder's tape (gradient caching; Gao et al.,
// 2021). The loss is computed from all embeddings together, and its gradient is then
// propagated through one microbatch at a time. So losses, draws and memories are the
// same as without microbatches. Only batch norm differs: its statistics are per
// microbatch, as they would be per device.
func (m *Model) embed(x *torch.Tensor, perImage int,
	encoder func(x *torch.Tensor, r rows) *torch.Tensor) (z *torch.Tensor) {
	if x.Size(0) == 0 { // a process without an image of a short batch
		return torch.Zeros([]int{0, m.Query.Branches() * m.Net.FeatDim}).ToDevice(m.Device())
	}
	m.autocast(func() {
		pieces := m.microbatches(x.Size(0) / perImage)
		if len(pieces) == 1 {
			z = encoder(x, rows{0, x.Size(0)})
			return
		}
		var all []*torch.Tensor
		for _, p := range pieces {
			p = rows{perImage * p.first, perImage * p.count}
			piece := func(x *torch.Tensor) *torch.Tensor { return encoder(x, p) }
			all = append(all, m.Query.Tape.Pass(x.Narrow(0, p.first, p.count), piece))
		}
		z = torch.Cat(all, 0)
	})
	if m.Precision.Half() {
		z = z.To(torch.Float32)
	}
	return z
}

// autocast runs f in the encoders' precision.
func (m *Model) autocast(f func()) {
	torch.Autocast(m.Device(), m.Precision, func() {
		if m.casting {
			m.casts.Use(f)
		} else {
			f()
		}
	})
}

// cast refreshes the copies of the weights in the encoders' precision, by one operator, and
// uses them until the end of the step, which done marks. On the CPU, Autocast makes its own.
func (m *Model) cast() (done func()) {
	if !m.Precision.Half() || m.Device().IsCPU() {
		return func() {}
	}
	if m.casts == nil {
		weights := m.Query.State.Parameters()
		if m.Key != nil {
			weights = append(weights, m.Key.State.Parameters()...)
		}
		m.casts = torch.NewCasts(weights, m.Precision)
	}
	m.casts.Refresh()
	m.casting = true
	return func() { m.casting = false }
}
